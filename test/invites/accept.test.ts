import { sql } from 'drizzle-orm';
import { type JWTPayload, SignJWT } from 'jose';
import t, { type Test } from 'tap';
import { type AccountId, type InviteId, newId } from '../../src/ids/ids.ts';
import { signInviteToken } from '../../src/invites/token.ts';
import { generateSigningKeys } from '../../src/tokens/keys.ts';
import {
  type Access,
  day,
  newEmail,
  password,
  type SentInvite,
  startService,
  type TestAccount,
  type TestAnswer,
  type TestUser,
  testConfig,
} from '../support/service.ts';
import { tablesAsText } from '../support/tables.ts';

const started = await startService(t);
const { call, newAccount, newMember, newUser, invite, sendInvite, memberIds, listAll, mailsTo, tokenFor } = started;
const { logIn, at, clock, db } = started;
const { service } = started;

type What = 'preview' | 'accept' | 'decline';

const only = (...permissions: string[]): Access => ({ permissions });
const all: Access = { allPermissions: true };
const invoices = only('invoices:read');
const register = { name: 'Adam Accountant', password };

const post = (what: What, body: unknown, token?: string) => call('POST', `/v1/invites/${what}`, { body, token });

/** Previews, accepts by registering, or declines. */
const judge = (what: What, token: string) => post(what, { token, ...(what === 'accept' && { register }) });

const get = async (account: TestAccount, id: string) =>
  (await call('GET', `${account.url}/invites/${id}`, { token: account.owner.token })).body;

t.test('POST /v1/invites/accept', async (t) => {
  t.test('registers a new user, who can then access the account and log in', async (t) => {
    const account = await newAccount('Example Hosting');
    const { id, email, token } = await sendInvite(account, newEmail(), only('invoices:read', 'invoices:pay'));
    const accepted = await judge('accept', token);
    t.equal(accepted.status, 201);
    const { membership, session } = accepted.body;
    t.match(membership, {
      id: /^mem_/,
      user: { email, name: 'Adam Accountant' },
      isOwner: false,
      status: 'active',
      invitedBy: { id: account.owner.id, name: 'Olivia Owner' },
    });
    t.same(membership.access, {
      allPermissions: false,
      permissions: ['invoices:pay', 'invoices:read'],
      roles: [],
      endsAt: null,
    });
    t.same(accepted.body.account, { id: account.id, name: 'Example Hosting' });
    t.match(await call('GET', account.url, { token: session.accessToken }), { status: 200 });
    t.match(await call('GET', '/v1/me', { token: session.accessToken }), {
      body: { email, name: 'Adam Accountant' },
    });
    t.match(await call('GET', account.url, { token: await logIn({ email }) }), { status: 200 });
    const refreshed = await call('POST', '/v1/auth/refresh', { body: { refreshToken: session.refreshToken } });
    t.equal(refreshed.status, 200);
    t.equal((await get(account, id)).status, 'accepted');
    t.same(await memberIds(account), [account.owner.id, membership.user.id]);
  });

  t.test('accepts with a login', async (t) => {
    const account = await newAccount();
    const user = await newUser(newEmail(), 'Ulla User');
    const { token } = await sendInvite(account, user.email, all);
    const accepted = await post('accept', { token, login: { email: user.email.toUpperCase(), password } });
    t.match(accepted, { status: 201, body: { membership: { user: { id: user.id, name: 'Ulla User' }, access: all } } });
    t.match(await call('GET', account.url, { token: accepted.body.session.accessToken }), { status: 200 });
  });

  t.test('accepts with an access token, without a new session', async (t) => {
    const account = await newAccount();
    const user = await newUser();
    const { token } = await sendInvite(account, user.email);
    const accepted = await post('accept', { token }, user.token);
    t.match(accepted, { status: 201, body: { membership: { user: { id: user.id } } } });
    t.notOk('session' in accepted.body);
    t.match(await call('GET', account.url, { token: user.token }), { status: 200 });
  });

  t.test('refuses several credentials, none, or incomplete ones, and changes nothing', async (t) => {
    const account = await newAccount();
    const user = await newUser();
    const { id, token } = await sendInvite(account, user.email);
    const login = { email: user.email, password };
    const wrong: [object, string?][] = [
      [{}],
      [{ register, login }],
      [{ register }, user.token],
      [{ login }, user.token],
      [{ register, login }, user.token],
      [{ register: {} }],
      [{ register: { name: 'Adam' } }],
      [{ register: { password } }],
      [{ register: { ...register, email: user.email } }],
      [{ register: { ...register, name: '' } }],
      [{ register: { ...register, name: 'x'.repeat(101) } }],
      [{ register: { ...register, name: 'NUL\0' } }],
      [{ register: { ...register, name: 'two\r\nlines' } }],
      [{ register: { ...register, password: 'short77' } }],
      [{ register: { ...register, password: 'password123' } }],
      [{ register: null }],
      [{ login: {} }],
      [{ login: { email: user.email } }],
      [{ login: { email: 'nobody', password } }],
      [{ login: { ...login, password: 7 } }],
      [{ register, access: all }],
      [{ register, email: 'other@example.com' }],
    ];
    const before = await tablesAsText(db);
    for (const [body, bearer] of wrong) {
      const refused = await post('accept', { token, ...body }, bearer);
      t.match(refused, { status: 400, code: 'invalid-request' }, JSON.stringify(body).slice(0, 80));
    }
    const half = await post('accept', { token }, 'not-a-token');
    t.match(half, { status: 401, code: 'unauthenticated' }, 'an invalid access token is not ignored');
    t.same(await tablesAsText(db), before);
    t.equal((await get(account, id)).lastAttempt, null);
    t.equal((await post('accept', { token, login })).status, 201);
  });

  t.test('accepts names of 1 to 100 characters', async (t) => {
    const account = await newAccount();
    for (const name of ['x', 'x'.repeat(100)]) {
      const { token } = await sendInvite(account);
      const accepted = await post('accept', { token, register: { name, password } });
      t.match(accepted, { status: 201, body: { membership: { user: { name } } } });
    }
  });

  t.test('refuses the access token of an ended session', async (t) => {
    const account = await newAccount();
    const user = await newUser();
    const { token } = await sendInvite(account, user.email);
    await call('POST', '/v1/auth/logout', { body: { refreshToken: user.refreshToken } });
    t.match(await post('accept', { token }, user.token), { status: 401, code: 'unauthenticated' });
    t.same(await memberIds(account), [account.owner.id]);
  });
});

t.test('A failed attempt never consumes an invite, and its reason is recorded on the invite', async (t) => {
  /** Checks that an attempt fails, its reason is recorded, and the link is still valid. */
  async function refused(
    t: Test,
    account: TestAccount,
    sent: SentInvite,
    attempt: Promise<TestAnswer>,
    status: number,
    code: string,
  ) {
    const members = await memberIds(account);
    const before = clock().getTime();
    t.match(await attempt, { status, code });
    const { lastAttempt, ...kept } = await get(account, sent.id);
    t.equal(kept.status, 'pending');
    t.equal(lastAttempt.reason, code);
    t.ok(Math.abs(Date.parse(lastAttempt.at) - before) < 60_000, 'the time is recorded');
    t.same(await memberIds(account), members, 'no new member');
    t.equal((await post('preview', { token: sent.token })).status, 200);
  }

  t.test('by a user with another address', async (t) => {
    const account = await newAccount();
    const other = await newUser();
    const sent = await sendInvite(account);
    const { token } = sent;
    const code = 'invite-for-another-address';
    await refused(t, account, sent, post('accept', { token }, other.token), 403, code);
    const login = { email: other.email, password };
    await refused(t, account, sent, post('accept', { token, login }), 403, code);
    t.equal((await judge('accept', token)).status, 201, 'the invitee can accept it');
  });

  t.test('unless the account accepts from any address', async (t) => {
    const account = await newAccount();
    const other = await newUser();
    const { token, id } = await sendInvite(account);
    const set = (acceptFromAnyAddress: boolean) =>
      call('PATCH', account.url, { body: { settings: { acceptFromAnyAddress } }, token: account.owner.token });
    await set(true);
    await set(false);
    t.match(await post('accept', { token }, other.token), { status: 403 }, 'not after it is disabled');
    await set(true);
    const accepted = await post('accept', { token }, other.token);
    t.match(accepted, { status: 201, body: { membership: { user: { id: other.id, email: other.email } } } });
    t.match(await get(account, id), { status: 'accepted', lastAttempt: { reason: 'invite-for-another-address' } });
  });

  t.test('with wrong credentials', async (t) => {
    const account = await newAccount();
    const user = await newUser();
    const sent = await sendInvite(account, user.email);
    const { token } = sent;
    const wrong = { email: user.email, password: 'not the password' };
    await refused(t, account, sent, post('accept', { token, login: wrong }), 401, 'wrong-credentials');
    const unknown = { email: newEmail(), password };
    await refused(t, account, sent, post('accept', { token, login: unknown }), 401, 'wrong-credentials');
    t.equal((await post('accept', { token, login: { email: user.email, password } })).status, 201);
  });

  t.test('by registering with the address of an existing user, who is not changed', async (t) => {
    const account = await newAccount();
    const user = await newUser(newEmail(), 'Ulla User');
    const sent = await sendInvite(account, user.email);
    const { token } = sent;
    const userRows = () => db.execute(sql`select * from users where email = ${user.email}`);
    const before = await userRows();
    const intruder = { name: 'Somebody Else', password: 'another long password' };
    await refused(t, account, sent, post('accept', { token, register: intruder }), 409, 'login-exists');
    t.same(await userRows(), before);
    const login = (guess: string) => call('POST', '/v1/auth/login', { body: { email: user.email, password: guess } });
    t.match(await login(intruder.password), { status: 401 });
    t.match(await login(password), { status: 200, body: { user: { name: 'Ulla User' } } });
  });

  t.test('and an older registration cannot be verified after registering by an invite', async (t) => {
    const account = await newAccount();
    const email = newEmail();
    await call('POST', '/v1/auth/register', { body: { email } });
    const verification = await tokenFor(email);
    const { token } = await sendInvite(account, email);
    t.match(await post('preview', { token }), { body: { hasLogin: false } }, 'the address is not verified yet');
    t.equal((await judge('accept', token)).status, 201);
    const other = { name: 'Somebody Else', password: 'another long password' };
    const verified = await call('POST', '/v1/auth/verify-email', { body: { token: verification, ...other } });
    t.match(verified, { status: 400, code: 'verification-token-invalid' });
    const guess = { email, password: other.password };
    t.match(await call('POST', '/v1/auth/login', { body: guess }), { status: 401, code: 'wrong-credentials' });
    t.ok(await logIn({ email }));
  });

  t.test('by a member of the account', async (t) => {
    const account = await newAccount();
    const member = await newMember(account, invoices);
    await call('PATCH', account.url, {
      body: { settings: { acceptFromAnyAddress: true } },
      token: account.owner.token,
    });
    const sent = await sendInvite(account, newEmail(), all);
    await refused(t, account, sent, post('accept', { token: sent.token }, member.token), 409, 'already-member');
    await call('POST', `${account.url}/members/${member.id}/suspend`, { token: account.owner.token });
    await refused(t, account, sent, post('accept', { token: sent.token }, member.token), 409, 'already-member');
    const { body } = await call('GET', `${account.url}/members/${member.id}`, { token: account.owner.token });
    t.match(body, { status: 'suspended', access: { allPermissions: false } }, 'the access of a member does not change');
    t.equal((await judge('accept', sent.token)).status, 201);
  });

  const inviterChanges: Record<string, (account: TestAccount, member: TestUser) => Promise<TestAnswer>> = {
    demoted: (account, member) =>
      call('PATCH', `${account.url}/members/${member.id}`, {
        body: { access: only('invites:manage') },
        token: account.owner.token,
      }),
    suspended: (account, member) =>
      call('POST', `${account.url}/members/${member.id}/suspend`, { token: account.owner.token }),
  };
  for (const [what, happens] of Object.entries(inviterChanges)) {
    t.test(`if the inviter was ${what} after sending`, async (t) => {
      const account = await newAccount();
      const inviter = await newMember(account, only('invites:manage', 'invoices:read'));
      const sent = await sendInvite(account, newEmail(), invoices, inviter);
      t.equal((await happens(account, inviter)).status, 200);
      await refused(t, account, sent, judge('accept', sent.token), 409, 'inviter-cannot-grant');
      const { email } = sent;
      const noLogin = await call('POST', '/v1/auth/login', { body: { email, password } });
      t.match(noLogin, { status: 401 }, 'no login was created');
      const resent = await call('POST', `${account.url}/invites/${sent.id}/resend`, { token: account.owner.token });
      t.match(resent, { status: 200, body: { invitedBy: { id: account.owner.id } } }, 'the owner is the inviter');
      const accepted = await judge('accept', await tokenFor(email));
      t.match(accepted, { status: 201, body: { membership: { invitedBy: { id: account.owner.id } } } });
    });
  }

  t.test('if the inviter lost all permissions and the invite grants them', async (t) => {
    const account = await newAccount();
    const inviter = await newMember(account, all);
    const sent = await sendInvite(account, newEmail(), all, inviter);
    const lesser = await sendInvite(account, newEmail(), invoices, inviter);
    await call('PATCH', `${account.url}/members/${inviter.id}`, {
      body: { access: only('invoices:read', 'quotes:read') },
      token: account.owner.token,
    });
    await refused(t, account, sent, judge('accept', sent.token), 409, 'inviter-cannot-grant');
    t.equal((await judge('accept', lesser.token)).status, 201, 'permissions that the inviter still has are granted');
  });

  t.test('if the inviter left, which revokes the invite', async (t) => {
    const account = await newAccount();
    const inviter = await newMember(account, only('invites:manage', 'invoices:read'));
    const sent = await sendInvite(account, newEmail(), invoices, inviter);
    await call('DELETE', `${account.url}/members/me`, { token: inviter.token });
    t.match(await judge('accept', sent.token), { status: 410, code: 'invite-revoked' });
    t.match(await get(account, sent.id), { status: 'revoked', lastAttempt: { reason: 'invite-revoked' } });
    const newInvite = await sendInvite(account, sent.email);
    t.equal((await judge('accept', newInvite.token)).status, 201);
  });
});

t.test('Preview, accept and decline check the link in the same way', async (t) => {
  const ends: Record<string, { status: number; end: (account: TestAccount, sent: SentInvite) => Promise<unknown> }> = {
    'invite-accepted': { status: 409, end: (_, { token }) => judge('accept', token) },
    'invite-declined': { status: 410, end: (_, { token }) => judge('decline', token) },
    'invite-revoked': {
      status: 410,
      end: ({ url, owner }, { id }) => call('POST', `${url}/invites/${id}/revoke`, { token: owner.token }),
    },
    'invite-link-replaced': {
      status: 410,
      end: ({ url, owner }, { id }) => call('POST', `${url}/invites/${id}/resend`, { token: owner.token }),
    },
  };
  for (const [code, { status, end }] of Object.entries(ends)) {
    t.test(`they answer ${code}`, async (t) => {
      const account = await newAccount();
      const sent = await sendInvite(account);
      await end(account, sent);
      const before = await memberIds(account);
      for (const what of ['preview', 'accept', 'decline'] as const) {
        t.match(await judge(what, sent.token), { status, code }, what);
      }
      t.same(await memberIds(account), before);
    });
  }

  t.test('they answer invite-expired from the millisecond of expiry', async (t) => {
    const account = await newAccount();
    const sent = await sendInvite(account);
    t.equal(sent.expiresAt.getTime() - Date.parse((await get(account, sent.id)).createdAt), 7 * day);
    for (const early of [0, -1000]) {
      await at(new Date(sent.expiresAt.getTime() - early), async () => {
        for (const what of ['preview', 'accept', 'decline'] as const) {
          t.match(await judge(what, sent.token), { status: 410, code: 'invite-expired' }, what);
        }
      });
    }
    t.same(await memberIds(account), [account.owner.id]);
    await at(new Date(sent.expiresAt.getTime() - 1), async () => {
      t.equal((await judge('preview', sent.token)).status, 200);
      t.equal((await judge('accept', sent.token)).status, 201, 'a millisecond before');
    });
  });

  t.test('decline needs no login, and returns the account', async (t) => {
    const account = await newAccount('Example Hosting');
    const { id, token } = await sendInvite(account);
    const declined = await post('decline', { token });
    t.equal(declined.status, 200);
    t.same(declined.body, { account: { id: account.id, name: 'Example Hosting' }, status: 'declined' });
    t.equal((await get(account, id)).status, 'declined');
  });
});

t.test('POST /v1/invites/preview', async (t) => {
  t.test('shows the offer, and whether the address has a login', async (t) => {
    const account = await newAccount('Example Hosting');
    const user = await newUser();
    for (const [email, hasLogin] of [
      [newEmail(), false],
      [user.email, true],
    ] as const) {
      const { token, expiresAt } = await sendInvite(account, email, only('invoices:read', 'invoices:pay'));
      const { body } = await post('preview', { token });
      const { permissions, ...offer } = body;
      t.same(
        permissions.map((it: { title: string }) => it.title),
        ['View invoices', 'Pay invoices'],
        'with the titles of the permissions',
      );
      t.same(offer, {
        account: { id: account.id, name: 'Example Hosting' },
        invitedBy: { id: account.owner.id, name: 'Olivia Owner' },
        email,
        access: { allPermissions: false, permissions: ['invoices:pay', 'invoices:read'], roles: [], endsAt: null },
        ownership: false,
        roles: [],
        message: null,
        expiresAt: expiresAt.toISOString(),
        hasLogin,
      });
    }
  });

  t.test('changes nothing', async (t) => {
    const account = await newAccount();
    const live = await sendInvite(account);
    const dead = await sendInvite(account);
    await judge('decline', dead.token);
    const before = await tablesAsText(db);
    for (let i = 0; i < 20; i++) {
      t.equal((await post('preview', live)).status, 400, 'fields other than the token are refused');
      t.equal((await judge('preview', live.token)).status, 200);
      t.equal((await judge('preview', dead.token)).status, 410);
    }
    t.same(await tablesAsText(db), before);
    t.equal((await judge('accept', live.token)).status, 201);
  });

  t.test('cannot be called with GET, which mail scanners use', async (t) => {
    for (const what of ['preview', 'accept', 'decline']) {
      const answer = await call('GET', `/v1/invites/${what}`);
      t.match(answer, { status: 405, code: 'method-not-allowed', headers: { allow: /POST/ } }, what);
    }
  });
});

t.test('The invite token', async (t) => {
  const account = await newAccount();
  const sent = await sendInvite(account, newEmail(), all);
  const { token } = sent;
  const [header, payload, signature] = token.split('.') as [string, string, string];
  const parsed = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString());
  const claims = parsed(payload) as JWTPayload & { acc: AccountId; inv: InviteId; snd: number };

  t.test('has the account, the invite and the sending, and no other claims', async (t) => {
    t.same(Object.keys(parsed(header)).sort(), ['alg', 'kid', 'typ']);
    t.equal(parsed(header).alg, 'EdDSA');
    t.same(Object.keys(claims).sort(), ['acc', 'aud', 'exp', 'iat', 'inv', 'iss', 'snd']);
    t.match(claims, { acc: account.id, inv: sent.id, snd: 1 });
  });

  t.test('is in no row and no response', async (t) => {
    const accepted = await sendInvite(account);
    const answers = [
      await call('GET', `${account.url}/invites`, { token: account.owner.token }),
      await call('GET', `${account.url}/invites/${sent.id}`, { token: account.owner.token }),
      await judge('preview', token),
      await judge('accept', accepted.token),
    ];
    const rows = await tablesAsText(db);
    const mails = rows.get('mailbox');
    rows.delete('mailbox');
    const places = [...rows.values(), ...answers.map((it) => JSON.stringify(it))];
    t.ok(
      places.some((it) => it.includes(sent.id)) && rows.get('invites')?.includes(sent.email),
      'rows and responses were searched',
    );
    for (const part of [token, signature, payload, accepted.token]) {
      t.notOk(places.some((it) => it.includes(part)));
      t.ok(mails?.includes(part), 'the mail contains it');
    }
  });

  const sign = (key = service.signingKeys.current, changes: object = {}, headerChanges: object = {}) =>
    new SignJWT({ ...claims, ...changes })
      .setProtectedHeader({ ...parsed(header), kid: key.kid, ...headerChanges })
      .sign(key.privateKey);

  t.test('is refused with invite-token-invalid by preview, accept and decline if it does not verify', async (t) => {
    const foreignKeys = testConfig({ SIGNING_KEYS: await generateSigningKeys() }).signingKeys;
    if (!foreignKeys) throw new Error('no keys');
    const { current } = service.signingKeys;
    const secret = current.publicKey.export({ format: 'pem', type: 'spki' });
    const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const elsewhere = await newAccount();
    const foreign = await sendInvite(elsewhere);
    await call('POST', '/v1/auth/register', { body: { email: newEmail('reg') } });
    const unverified = newEmail('unverified');
    await call('POST', '/v1/auth/register', { body: { email: unverified } });
    const wrong: Record<string, string> = {
      'a word': 'garbage',
      'three empty parts': '..',
      'cut short': token.slice(0, -10),
      'without signature': `${header}.${payload}.`,
      'another signature': `${header}.${payload}.${foreign.token.split('.')[2]}`,
      'another payload': `${header}.${encoded({ ...claims, inv: foreign.id })}.${signature}`,
      'a later expiry': `${header}.${encoded({ ...claims, exp: (claims.exp ?? 0) + 1 })}.${signature}`,
      'an access token': account.owner.token,
      'a token that verifies an address': await tokenFor(unverified),
      'the algorithm none': `${encoded({ ...parsed(header), alg: 'none' })}.${payload}.`,
      'HMAC with the public key': await new SignJWT({ ...claims })
        .setProtectedHeader({ ...parsed(header), alg: 'HS256' })
        .sign(Buffer.from(secret)),
      'a foreign key': await sign(foreignKeys.current),
      'a foreign key under a known key id': await sign({ ...foreignKeys.current, kid: current.kid }),
      'no key id': await sign(current, {}, { kid: undefined }),
      'another type': await sign(current, {}, { typ: 'at+jwt' }),
      'no type': await sign(current, {}, { typ: undefined }),
      'another issuer': await sign(current, { iss: 'https://other.example.com' }),
      'another audience': await sign(current, { aud: `${claims.iss}/v1` }),
      'no expiry': await sign(current, { exp: undefined }),
      'no account': await sign(current, { acc: undefined }),
      'an invalid account id': await sign(current, { acc: "' or true --" }),
      'no invite': await sign(current, { inv: undefined }),
      'no sending': await sign(current, { snd: undefined }),
      'a sending that is text': await sign(current, { snd: '1' }),
      'another account': await sign(current, { acc: elsewhere.id }),
      'another account’s invite': await sign(current, { inv: foreign.id }),
      'an unknown invite': await sign(current, { inv: newId('inv') }),
    };
    const before = await tablesAsText(db);
    for (const [name, mangled] of Object.entries(wrong)) {
      for (const what of ['preview', 'accept', 'decline'] as const) {
        t.match(await judge(what, mangled), { status: 400, code: 'invite-token-invalid' }, `${name}: ${what}`);
      }
    }
    t.same(await tablesAsText(db), before, 'nothing changed');
    const good = await sign();
    t.equal((await judge('preview', good)).status, 200, 'the same claims with a valid signature are accepted');
  });

  t.test('is refused if it is not a string of the size of a token', async (t) => {
    for (const body of [
      {},
      { token: '' },
      { token: 7 },
      { token: null },
      { token: 'x'.repeat(4097) },
      { token: 'x\0' },
    ]) {
      for (const what of ['preview', 'decline'] as const) {
        t.match(await post(what, body), { status: 400, code: 'invalid-request' }, JSON.stringify(body).slice(0, 40));
      }
    }
  });

  t.test('is refused with invite-link-replaced if it is not of the newest sending', async (t) => {
    const times = { now: clock(), expiresAt: sent.expiresAt };
    const named = { accountId: claims.acc, inviteId: claims.inv };
    for (const sending of [0, 2, -1]) {
      const other = await signInviteToken(service, { ...named, sending }, times);
      t.match(await judge('accept', other), { status: 410, code: 'invite-link-replaced' }, `sending ${sending}`);
    }
  });

  t.test('has several spellings, and none of them can be used again', async (t) => {
    const mine = await sendInvite(account);
    const spellings = otherSpellings(mine.token);
    t.ok(spellings.length > 1);
    const seen = new Set<string>();
    for (const spelling of spellings) seen.add((await judge('preview', spelling)).code ?? 'good');
    t.ok(seen.has('good'), 'at least one of them verifies');
    t.equal((await judge('accept', mine.token)).status, 201);
    for (const spelling of spellings) {
      const { code } = await judge('accept', spelling);
      t.ok(['invite-accepted', 'invite-token-invalid'].includes(String(code)), `${code} after it was accepted`);
    }
    const resent = await sendInvite(account);
    await call('POST', `${account.url}/invites/${resent.id}/resend`, { token: account.owner.token });
    for (const spelling of otherSpellings(resent.token)) {
      const { code } = await judge('accept', spelling);
      t.ok(['invite-link-replaced', 'invite-token-invalid'].includes(String(code)), `${code} after it was resent`);
    }
  });
});

t.test('Neither login nor registration creates a membership without accepting', async (t) => {
  const account = await newAccount();
  const [known, fresh] = [await newUser(), newEmail()];
  await invite(account, account.owner, known.email, all);
  await invite(account, account.owner, fresh, all);
  const knownToken = await logIn(known);
  const registered = await newUser(fresh);
  for (const token of [knownToken, registered.token]) {
    t.same((await call('GET', '/v1/me/accounts', { token })).body.items, []);
    t.match(await call('GET', account.url, { token }), { status: 404 });
    t.equal((await call('GET', '/v1/me/invites', { token })).body.items.length, 1, 'the invite is pending');
  }
  t.same(await memberIds(account), [account.owner.id]);
});

t.test('/v1/me/invites', async (t) => {
  const mine = (who: TestUser, path: string) => call('POST', `/v1/me/invites/${path}`, { token: who.token });

  t.test('lists the pending invites for the caller’s verified address, newest first, from all accounts', async (t) => {
    const user = await newUser();
    const accounts = [await newAccount('First'), await newAccount('Second'), await newAccount('Third')];
    const ids: string[] = [];
    for (const account of accounts) ids.unshift((await invite(account, account.owner, user.email, invoices)).body.id);
    await invite(accounts[0] as TestAccount, (accounts[0] as TestAccount).owner, newEmail(), all);
    const items = await listAll<{ id: string; account: { name: string } }>('/v1/me/invites?limit=2', user.token);
    t.same(
      items.map((it) => it.id),
      ids,
    );
    t.match(items[0], {
      account: { id: accounts[2]?.id, name: 'Third' },
      invitedBy: { name: 'Olivia Owner' },
      access: { allPermissions: false, permissions: ['invoices:read'] },
      message: null,
    });
    await mine(user, `${ids[0]}/decline`);
    const left = await listAll('/v1/me/invites?limit=50', user.token);
    t.same(
      left.map((it) => it.id),
      ids.slice(1),
      'only pending invites',
    );
    await at(new Date(clock().getTime() + 8 * day), async () => {
      t.same(await listAll('/v1/me/invites?limit=50', await logIn(user)), [], 'no expired invites');
    });
  });

  t.test('accepts and declines by id', async (t) => {
    const account = await newAccount();
    const user = await newUser();
    const { id, token } = await sendInvite(account, user.email);
    const accepted = await mine(user, `${id}/accept`);
    t.match(accepted, { status: 201, body: { membership: { user: { id: user.id } }, account: { id: account.id } } });
    t.notOk('session' in accepted.body);
    t.match(await call('GET', account.url, { token: user.token }), { status: 200 });
    t.match(await judge('accept', token), { status: 409, code: 'invite-accepted' });
    t.match(await mine(user, `${id}/accept`), { status: 409, code: 'invite-accepted' });
    t.match(await mine(user, `${id}/decline`), { status: 409, code: 'invite-accepted' });

    const other = await newAccount();
    const second = await sendInvite(other, user.email);
    t.match(await mine(user, `${second.id}/decline`), { status: 200, body: { status: 'declined' } });
    t.match(await judge('preview', second.token), { status: 410, code: 'invite-declined' });
    t.match(await mine(user, `${second.id}/accept`), { status: 410, code: 'invite-declined' });
  });

  t.test('records a failed attempt on the invite', async (t) => {
    const account = await newAccount();
    const user = await newUser();
    const inviter = await newMember(account, only('invites:manage', 'invoices:read'));
    const { id } = await sendInvite(account, user.email, invoices, inviter);
    await call('POST', `${account.url}/members/${inviter.id}/suspend`, { token: account.owner.token });
    t.match(await mine(user, `${id}/accept`), { status: 409, code: 'inviter-cannot-grant' });
    t.match(await get(account, id), { status: 'pending', lastAttempt: { reason: 'inviter-cannot-grant' } });
  });

  t.test('answers not-found to other users, for existing and unknown ids alike', async (t) => {
    const account = await newAccount();
    await call('PATCH', account.url, {
      body: { settings: { acceptFromAnyAddress: true } },
      token: account.owner.token,
    });
    const sent = await sendInvite(account);
    const other = await newUser();
    for (const id of [sent.id, newId('inv')]) {
      for (const what of ['accept', 'decline']) {
        for (const who of [other, account.owner]) {
          t.match(await mine(who, `${id}/${what}`), { status: 404, code: 'not-found' }, what);
        }
      }
    }
    t.match(await get(account, sent.id), { status: 'pending', lastAttempt: null });
    t.same(await listAll('/v1/me/invites?limit=50', other.token), []);
  });
});

t.test('The mail of an accepted invite is not sent', async (t) => {
  const account = await newAccount();
  const user = await newUser();
  const before = (await mailsTo(user.email)).length;
  const { body } = await invite(account, account.owner, user.email, invoices);
  await call('POST', `/v1/me/invites/${body.id}/accept`, { token: user.token });
  t.equal((await mailsTo(user.email)).length, before);
});

/**
 * The same token with padding, white space, and unused bits in the last character of its signature.
 */
function otherSpellings(token: string): string[] {
  const writers = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const last = writers.indexOf(token.slice(-1));
  const sameBytes = [...writers].filter((_, index) => index >> 4 === last >> 4 && index !== last);
  const tails = sameBytes.map((letter) => token.slice(0, -1) + letter);
  return [
    ...tails,
    `${token}=`,
    `${token}==`,
    `${token}\n`,
    ` ${token}`,
    token.replaceAll('_', '/').replaceAll('-', '+'),
  ];
}
