import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { sql } from 'drizzle-orm';
import t from 'tap';
import { uuidOf } from '../../src/ids/ids.ts';
import { parseApiKeySecret } from '../../src/tokens/api-key-secret.ts';
import {
  day,
  needsPostgres,
  newEmail,
  password,
  startService,
  type TestAccount,
  type TestUser,
} from '../support/service.ts';
import { until } from '../support/until.ts';

const service = await startService(t);
const {
  call,
  at,
  logIn,
  choice,
  db,
  invite,
  newAccount,
  newMember,
  newPlatformKey,
  newAccountKey,
  newUser,
  mailsTo,
  tokenFor,
} = service;

const post = (url: string, body: unknown, token: string) => call('POST', url, { body, token });
const make = (account: TestAccount, by: { token: string }, body: object) =>
  post(`${account.url}/keys`, { name: 'Machine', scopes: ['members:read'], ...body }, by.token);

t.test('An account key', async (t) => {
  t.test('shows its secret once, and later only its prefix', async (t) => {
    const account = await newAccount();
    const made = await make(account, account.owner, { scopes: ['members:read', 'invites:read'] });
    t.equal(made.status, 201);
    const { secret, ...key } = made.body;
    t.match(secret, /^uak_[\w-]{107}$/);
    t.ok(secret.startsWith(key.prefix));
    t.match(key, {
      ...{ id: /^key_/, name: 'Machine', scopes: ['invites:read', 'members:read'], status: 'active' },
      ...{ expiresAt: null, revokedAt: null, lastUsedAt: null, replacedBy: null },
      actsAs: { id: account.owner.id, name: 'Olivia Owner' },
    });
    const listed = await call('GET', `${account.url}/keys`, { token: account.owner.token });
    t.same(listed.body.items, [key]);
    t.notMatch(JSON.stringify(listed.body), secret.slice(20));
  });

  t.test('acts as the member who created it, within its scopes and only in its account', async (t) => {
    const [account, other] = [await newAccount(), await newAccount()];
    const maker = await newMember(account, { permissions: ['keys:manage', 'members:manage', 'invites:manage'] });
    const key = await newAccountKey(account, maker, 'members:read', 'invites:manage');
    t.match(await call('GET', `${account.url}/members`, { token: key }), { status: 200 });
    t.match(
      await call('GET', `${account.url}/invites`, { token: key }),
      { status: 200 },
      'a scope includes the permissions that it implies',
    );
    t.match(await call('DELETE', `${account.url}/members/${account.owner.id}`, { token: key }), {
      status: 403,
      code: 'permission-missing',
    });
    const sent = await post(
      `${account.url}/invites`,
      { email: newEmail(), access: { permissions: ['members:read'] } },
      key,
    );
    t.match(sent, { status: 201, body: { invitedBy: { id: maker.id } } });
    await invite(other, other.owner, maker.email);
    const link = await tokenFor(maker.email, 'invite');
    t.match(
      await post('/v1/invites/accept', { token: link }, maker.token),
      { status: 201 },
      'the member joins another account',
    );
    for (const url of [other.url, `${other.url}/members`, '/v1/accounts/acc_01k7z2n4q8e6tbv5xw3c9d0hjm']) {
      t.match(await call('GET', url, { token: key }), { status: 404, code: 'not-found' }, url);
    }
  });

  t.test('cannot act as a person', async (t) => {
    const account = await newAccount();
    const member = await newMember(account, { allPermissions: true });
    const key = await newAccountKey(account, member);
    const ownersKey = await newAccountKey(account, account.owner);
    for (const url of [
      '/v1/me',
      '/v1/me/accounts',
      '/v1/me/sessions',
      '/v1/me/invites',
      '/v1/me/identities',
      '/v1/me/opt-outs',
    ]) {
      t.match(await call('GET', url, { token: key }), { status: 403, code: 'user-required' }, url);
    }
    t.match(await post('/v1/accounts', { name: 'Mine' }, key), { status: 403, code: 'user-required' });
    t.match(await post(`${account.url}/ownership-transfer`, { userId: member.id }, ownersKey), {
      status: 403,
      code: 'cannot-grant',
    });
    await post(`${account.url}/ownership-transfer`, { userId: member.id }, account.owner.token);
    t.match(await call('POST', `${account.url}/ownership-transfer/accept`, { token: key }), {
      status: 403,
      code: 'user-required',
    });
    t.match(await call('DELETE', `${account.url}/ownership-transfer`, { token: key }), { status: 403 });
    t.match(await call('DELETE', `${account.url}/members/me`, { token: ownersKey }), {
      status: 403,
      code: 'user-required',
    });
    const small = await newMember(account, { permissions: ['keys:manage'] });
    const smallKey = await newAccountKey(account, small);
    for (const [id, code] of [
      ['me', 'user-required'],
      [small.id, 'user-required'],
    ] as const) {
      const left = await call('DELETE', `${account.url}/members/${id}`, { token: smallKey });
      t.match(left, { status: 403, code }, 'a key cannot remove its member from the account');
    }
    t.match(await call('GET', account.url, { token: account.owner.token }), { body: { ownerId: account.owner.id } });
    const email = newEmail();
    await invite(account, account.owner, email);
    const token = await tokenFor(email, 'invite');
    t.match(await post('/v1/invites/accept', { token }, key), { status: 403, code: 'user-required' });
  });

  t.test('never exceeds the permissions or the membership of its member', async (t) => {
    const account = await newAccount();
    const owner = account.owner.token;
    const maker = await newMember(account, { permissions: ['keys:manage', 'members:read'] });
    const url = `${account.url}/members/${maker.id}`;
    const key = await newAccountKey(account, maker);
    const reads = () => call('GET', `${account.url}/members`, { token: key });
    t.match(await reads(), { status: 200 });
    await call('PATCH', url, { body: { access: { permissions: ['keys:manage'] } }, token: owner });
    t.match(await reads(), { status: 403 }, 'after the member lost the permission');
    await call('PATCH', url, { body: { access: { permissions: ['members:manage'] } }, token: owner });
    t.match(await reads(), { status: 200 });
    await call('POST', `${url}/suspend`, { token: owner });
    t.match(await reads(), { status: 404 }, 'while the member is suspended');
    await call('POST', `${url}/reactivate`, { token: owner });
    t.match(await reads(), { status: 200 });
    const endsAt = new Date(Date.now() + day);
    await call('PATCH', url, { body: { access: { permissions: ['members:read'], endsAt } }, token: owner });
    await at(endsAt, async () => t.match(await reads(), { status: 404 }, 'after the membership ended'));
    await call('DELETE', url, { token: owner });
    t.match(await reads(), { status: 401, code: 'unauthenticated' }, 'after the member was removed');
    await invite(account, account.owner, maker.email, { permissions: ['keys:manage'] });
    const token = await tokenFor(maker.email, 'invite');
    t.match(await post('/v1/invites/accept', { token }, maker.token), { status: 201 });
    t.match(await reads(), { status: 401 }, 'after the member joined again');
  });

  t.test('is refused after its expiry, and immediately after its revocation', async (t) => {
    const account = await newAccount();
    const expiresAt = new Date(Date.now() + day);
    const made = await make(account, account.owner, { expiresAt });
    const reads = () => call('GET', `${account.url}/members`, { token: made.body.secret });
    t.match(await reads(), { status: 200 });
    await at(new Date(expiresAt.getTime() - 1), async () => t.match(await reads(), { status: 200 }));
    await at(expiresAt, async () => t.match(await reads(), { status: 401 }));
    t.match(await call('POST', `${account.url}/keys/${made.body.id}/revoke`, { token: account.owner.token }), {
      status: 204,
    });
    t.match(await reads(), { status: 401, code: 'unauthenticated' });
    t.match(
      await call('POST', `${account.url}/keys/${made.body.id}/revoke`, { token: account.owner.token }),
      { status: 204 },
      'revoking it again succeeds',
    );
    const { body } = await call('GET', `${account.url}/keys`, { token: account.owner.token });
    t.match(body.items, [{ status: 'revoked', revokedAt: String }]);
  });

  t.test('created with another key may do no more, expires no later, and is revoked with it', async (t) => {
    const account = await newAccount();
    const expiresAt = new Date(Date.now() + day).toISOString();
    const made = await make(account, account.owner, { scopes: ['keys:manage', 'members:read'], expiresAt });
    const parent = { token: made.body.secret as string };
    t.match(await make(account, parent, { scopes: ['invites:read'] }), { status: 403, code: 'cannot-grant' });
    t.match(await make(account, parent, { scopes: ['*'] }), { status: 403, code: 'cannot-grant' });
    const late = new Date(Date.now() + 2 * day).toISOString();
    t.match(await make(account, parent, { expiresAt: late }), { status: 403, code: 'cannot-grant' });
    const child = await make(account, parent, {});
    t.match(child, { status: 201, body: { expiresAt } });
    const grandchild = await make(
      account,
      { token: (await make(account, parent, { scopes: ['keys:manage', 'members:read'] })).body.secret },
      {},
    );
    await call('POST', `${account.url}/keys/${made.body.id}/revoke`, { token: account.owner.token });
    for (const token of [parent.token, child.body.secret, grandchild.body.secret]) {
      t.match(await call('GET', `${account.url}/members`, { token }), { status: 401 });
    }
  });

  t.test('stays valid during the overlap of its rotation', async (t) => {
    const account = await newAccount();
    const made = await make(account, account.owner, {});
    const rotate = (id: string, by = account.owner.token, overlapSeconds = 3600) =>
      post(`${account.url}/keys/${id}/rotate`, { overlapSeconds }, by);
    const now = new Date();
    const next = await at(now, () => rotate(made.body.id));
    t.match(next, { status: 201, body: { name: 'Machine', scopes: ['members:read'], secret: /^uak_/ } });
    const works = async (token: string) => (await call('GET', `${account.url}/members`, { token })).status === 200;
    t.ok((await works(made.body.secret)) && (await works(next.body.secret)), 'both keys are valid during the overlap');
    await at(new Date(now.getTime() + 3600_000), async () => {
      t.notOk(await works(made.body.secret), 'the old key is refused after the overlap');
      t.ok(await works(next.body.secret));
    });
    t.match(await rotate(made.body.id), { status: 409, code: 'key-ended' }, 'a replaced key cannot be rotated');
    const at0 = await rotate(next.body.id, account.owner.token, 0);
    t.notOk(await works(next.body.secret), 'an overlap of zero ends the old key at once');
    await call('POST', `${account.url}/keys/${at0.body.id}/revoke`, { token: account.owner.token });
    t.match(await rotate(at0.body.id), { status: 409, code: 'key-ended' });
    const deputy = await newMember(account, { allPermissions: true });
    const mine = await make(account, account.owner, {});
    t.match(
      await rotate(mine.body.id, deputy.token),
      { status: 403, code: 'cannot-grant' },
      'only the member that a key acts as can rotate it',
    );
  });

  t.test('can be revoked after one of its scopes was removed from the catalogue', async (t) => {
    const account = await newAccount();
    const manager = await newMember(account, { permissions: ['keys:manage', 'members:read'] });
    const { body } = await make(account, manager, { scopes: ['members:read'] });
    await db.execute(
      sql`update account_keys set scopes = scopes || array['gone:read'] where id = ${uuidOf('key', body.id)}`,
    );
    const by = { token: account.owner.token };
    t.match(await call('POST', `${account.url}/keys/${body.id}/revoke`, by), { status: 204 });
    t.match(await call('GET', account.url, { token: body.secret }), { status: 401 });
  });

  t.test('cannot be revoked by a caller with fewer permissions', async (t) => {
    const account = await newAccount();
    const manager = await newMember(account, { permissions: ['keys:manage', 'members:read'] });
    const revoke = (id: string) => call('POST', `${account.url}/keys/${id}/revoke`, { token: manager.token });
    const everything = await make(account, account.owner, { scopes: ['*'] });
    const more = await make(account, account.owner, { scopes: ['members:manage'] });
    const less = await make(account, account.owner, {});
    t.match(await revoke(everything.body.id), { status: 403, code: 'cannot-grant' });
    t.match(await revoke(more.body.id), { status: 403, code: 'cannot-grant' });
    t.match(await revoke(less.body.id), { status: 204 });
    const small = (await make(account, account.owner, { scopes: ['keys:manage', 'members:read'] })).body;
    for (const { body } of [everything, more]) {
      const by = await call('POST', `${account.url}/keys/${body.id}/revoke`, { token: small.secret });
      t.match(by, { status: 403, code: 'cannot-grant' }, 'a narrower key of the same member cannot revoke it');
      const rotated = await post(`${account.url}/keys/${body.id}/rotate`, { overlapSeconds: 0 }, small.secret);
      t.match(rotated, { status: 403, code: 'cannot-grant' });
    }
    t.match(
      await call('POST', `${account.url}/keys/${small.id}/revoke`, { token: small.secret }),
      { status: 204 },
      'a key can revoke itself',
    );
    const elsewhere = await newAccount();
    const foreign = await make(elsewhere, elsewhere.owner, {});
    t.match(await revoke(foreign.body.id), { status: 404 });
  });

  t.test('has one valid spelling; any other is refused', async (t) => {
    const account = await newAccount();
    const key = await newAccountKey(account, account.owner);
    const stranger = await newAccount();
    const strangers = await newAccountKey(stranger, stranger.owner);
    // The ids of one key with the secret of the other.
    const mixed = `uak_${Buffer.concat([Buffer.from(key.slice(4), 'base64url').subarray(0, 48), Buffer.from(strangers.slice(4), 'base64url').subarray(48)]).toString('base64url')}`;
    const wrong = [
      `${key}=`,
      `${key.slice(0, -1)}`,
      `${key}A`,
      key.toUpperCase(),
      `upk_${key.slice(4)}`,
      mixed,
      'uak_',
      'upk_',
      `uak_${'A'.repeat(107)}`,
    ];
    for (const it of wrong) t.match(await call('GET', account.url, { token: it }), { status: 401 }, it.slice(0, 12));
    t.match(await call('GET', account.url, { token: key }), { status: 200 });
    t.equal(parseApiKeySecret(`${key}=`), undefined);
  });

  t.test('shows when it was last used', async (t) => {
    const account = await newAccount();
    const key = await newAccountKey(account, account.owner, 'members:read');
    const lastUsed = async () =>
      (await call('GET', `${account.url}/keys`, { token: account.owner.token })).body.items[0].lastUsedAt;
    t.equal(await lastUsed(), null);
    await call('GET', `${account.url}/members`, { token: key });
    await until('its last use', async () => (await lastUsed()) !== null);
  });

  t.test('is not created from invalid input', async (t) => {
    const account = await newAccount();
    const wrong: object[] = [
      { scopes: [] },
      { scopes: ['no-such:permission'] },
      { scopes: ['members:read', 'members:read'] },
      { scopes: ['**'] },
      { expiresAt: '2020-01-01T00:00:00Z' },
      { expiresAt: 'never' },
      { name: '' },
      { name: 'x\ny' },
    ];
    for (const it of wrong)
      t.match(await make(account, account.owner, it), { status: 400, code: 'invalid-request' }, JSON.stringify(it));
    const member = await newMember(account, { permissions: ['members:read'] });
    t.match(await make(account, member, {}), { status: 403, code: 'permission-missing' });
    t.same((await call('GET', `${account.url}/keys`, { token: account.owner.token })).body.items, []);
  });
});

t.test('A platform key', async (t) => {
  t.test('creates, rotates and revokes keys that may do no more than itself', async (t) => {
    const all = await newPlatformKey();
    const keys = '/v1/platform-keys';
    const limited = await post(keys, { name: 'Limited', scopes: ['platform-keys:manage', 'access:check'] }, all);
    t.match(limited, { status: 201, body: { secret: /^upk_[\w-]{64}$/, status: 'active' } });
    const token = limited.body.secret;
    t.match(await post(keys, { name: 'More', scopes: ['accounts:manage'] }, token), {
      status: 403,
      code: 'cannot-grant',
    });
    t.match(await post(keys, { name: 'All', scopes: ['*'] }, token), { status: 403, code: 'cannot-grant' });
    const child = await post(keys, { name: 'Child', scopes: ['access:check'] }, token);
    t.equal(child.status, 201);
    t.match(await call('GET', keys, { token: child.body.secret }), { status: 403, code: 'permission-missing' });
    const rotated = await post(`${keys}/${child.body.id}/rotate`, { overlapSeconds: 60 }, token);
    t.match(rotated, { status: 201, body: { scopes: ['access:check'] } });
    t.match(await post(`${keys}/${child.body.id}/rotate`, { overlapSeconds: 60 }, token), {
      status: 409,
      code: 'key-ended',
    });
    t.match(await call('POST', `${keys}/${limited.body.id}/revoke`, { token: all }), { status: 204 });
    for (const it of [token, child.body.secret, rotated.body.secret])
      t.match(await call('GET', '/v1/permissions', { token: it }), { status: 401 });
    const { body } = await call('GET', `${keys}?limit=100`, { token: all });
    t.ok(body.items.length >= 4);
    t.notMatch(JSON.stringify(body), all.slice(24));
    t.match(await call('GET', keys, { token: (await newUser()).token }), {
      status: 403,
      code: 'platform-key-required',
    });
  });

  t.test('acts in any account in the owner’s name, without the owner’s exclusive rights', async (t) => {
    const account = await newAccount();
    const key = await newPlatformKey('accounts:manage');
    t.match(await call('GET', `${account.url}/members`, { token: key }), { status: 200 });
    const sent = await post(`${account.url}/invites`, { email: newEmail(), access: { allPermissions: true } }, key);
    t.match(sent, { status: 201, body: { invitedBy: { id: account.owner.id } } });
    t.match(await call('DELETE', `${account.url}/members/${account.owner.id}`, { token: key }), {
      status: 409,
      code: 'owner-protected',
    });
    const member = await newMember(account, { allPermissions: true });
    t.match(await post(`${account.url}/ownership-transfer`, { userId: member.id }, key), {
      status: 403,
      code: 'cannot-grant',
    });
    t.match(await call('GET', '/v1/me', { token: key }), { status: 403, code: 'user-required' });
    t.match(await call('GET', '/v1/accounts/acc_01k7z2n4q8e6tbv5xw3c9d0hjm', { token: key }), { status: 404 });
    const noScope = await newPlatformKey('catalogue:manage', 'access:check');
    t.match(await call('GET', account.url, { token: noScope }), {
      status: 403,
      code: 'permission-missing',
      body: { permission: 'accounts:manage' },
    });
    const invitation = { email: newEmail(), access: { allPermissions: true }, ownership: true };
    t.match(await post(`${account.url}/invites`, invitation, key), { status: 409, code: 'account-has-owner' });
    t.match(await post(`${account.url}/invites`, invitation, account.owner.token), {
      status: 403,
      code: 'cannot-grant',
    });
  });

  t.test('creates an account for an invited owner, and owns it until the invite is accepted', async (t) => {
    const key = await newPlatformKey('accounts:create', 'accounts:manage');
    const [email, staff, bare] = [newEmail('owner'), newEmail('staff'), newEmail('bare')];
    const made = await post('/v1/platform/accounts', { name: 'Provisioned', owner: { email } }, key);
    t.match(made, {
      status: 201,
      body: { account: { name: 'Provisioned' }, invite: { email, ownership: true, status: 'pending' } },
    });
    const url = `/v1/accounts/${made.body.account.id}`;
    const [mail, ...more] = await mailsTo(email);
    t.match(mail?.text, /to become the owner of Provisioned\. Once you accept, the account is yours/);
    t.equal(more.length, 0);
    const before = await call('GET', `${url}/members`, { token: key });
    t.match(
      before.body.items,
      [{ isOwner: true, user: { id: 'usr_00000000000000000000000000' } }],
      'the platform is the one owner',
    );
    t.match(await post(`${url}/keys`, { name: 'x', scopes: ['*'] }, key), { status: 403, code: 'user-required' });
    t.equal(
      (await post(`${url}/invites`, { email: staff, access: { permissions: ['members:read'] } }, key)).status,
      201,
    );
    await post(`${url}/invites`, { email: bare, access: { permissions: [] } }, key);

    t.match(
      (await mailsTo(bare))[0]?.text,
      /invited you \(.*\) to Provisioned\.\n/,
      'the mail of an invite without permissions',
    );
    const token = await tokenFor(email, 'invite');
    t.match((await post('/v1/invites/preview', { token }, '')).body, { ownership: true });
    const accepted = await post('/v1/invites/accept', { token, register: { name: 'New Owner', password } }, '');
    t.match(accepted, { status: 201, body: { membership: { isOwner: true, access: { allPermissions: true } } } });
    const owner = accepted.body.session.accessToken;
    const after = await call('GET', `${url}/members`, { token: owner });
    t.same(
      after.body.items.map((it: { user: { email: string } }) => it.user.email),
      [email],
      'the platform is no longer a member',
    );
    t.match(await call('GET', url, { token: owner }), { body: { ownerId: accepted.body.session.user.id } });
    const joined = await post(
      '/v1/invites/accept',
      { token: await tokenFor(staff, 'invite'), register: { name: 'Staff', password } },
      '',
    );
    t.match(
      joined,
      { status: 201, body: { membership: { invitedBy: { name: 'New Owner' } } } },
      'the owner becomes the inviter of the platform’s invites',
    );
    t.match(await call('GET', url, { token: key }), { status: 200 });
  });

  t.test('can invite another owner after the first one declined, and only one invitee becomes the owner', async (t) => {
    const key = await newPlatformKey('accounts:create', 'accounts:manage');
    const [first, second] = [newEmail(), newEmail()];
    const { body } = await post('/v1/platform/accounts', { name: 'Declined', owner: { email: first } }, key);
    const url = `/v1/accounts/${body.account.id}`;
    await post('/v1/invites/decline', { token: await tokenFor(first, 'invite') }, '');
    const again = { email: second, access: { allPermissions: true }, ownership: true };
    t.match(await post(`${url}/invites`, { ...again, access: { permissions: ['members:read'] } }, key), {
      status: 400,
    });
    const deputy = newEmail();
    await post(`${url}/invites`, { email: deputy, access: { allPermissions: true } }, key);
    const in1 = await post(
      '/v1/invites/accept',
      { token: await tokenFor(deputy, 'invite'), register: { name: 'Deputy', password } },
      '',
    );
    t.match(
      await post(`${url}/invites`, again, in1.body.session.accessToken),
      { status: 403, code: 'cannot-grant' },
      'a member with all permissions cannot invite an owner',
    );
    const made = await post(`${url}/invites`, again, key);
    t.equal(made.status, 201);
    const third = newEmail();
    await post(`${url}/invites`, { ...again, email: third }, key);
    const access = { access: { permissions: [] } };
    t.match(await call('PATCH', `${url}/invites/${made.body.id}`, { body: access, token: key }), { status: 400 });
    const tokens = [await tokenFor(second, 'invite'), await tokenFor(third, 'invite')];
    const answers = await Promise.all(
      tokens.map((token) => post('/v1/invites/accept', { token, register: { name: 'Owner', password } }, '')),
    );
    t.same(answers.map((it) => it.status).sort(), [201, 409], 'one of two invitees becomes the owner');
    t.match(
      answers.find((it) => it.status === 409),
      { code: 'inviter-cannot-grant' },
    );
    const members = await call('GET', `${url}/members`, { token: key });
    t.equal(members.body.items.filter((it: { isOwner: boolean }) => it.isOwner).length, 1);
    t.equal(members.body.items.length, 2);
  });

  t.test('does not let anyone log in as the platform user', async (t) => {
    const key = await newPlatformKey('accounts:create', 'users:manage');
    await post('/v1/platform/accounts', { name: 'x', owner: { email: newEmail() } }, key);
    const email = 'platform@usher.invalid';
    for (const [path, body] of [
      ['login', { email, password: 'password' }],
      ['register', { email }],
      ['password-reset', { email }],
    ] as const) {
      t.match(await call('POST', `/v1/auth/${path}`, { body }), { status: 400, code: 'invalid-request' }, path);
    }
    t.match(await call('GET', '/v1/platform/users/usr_00000000000000000000000000', { token: key }), { status: 404 });
  });

  t.test('sets external ids, each for one user', async (t) => {
    const key = await newPlatformKey('users:manage');
    const [one, other] = [await newUser(), await newUser()];
    const name = (user: TestUser, externalId: unknown) =>
      call('PATCH', `/v1/platform/users/${user.id}`, { body: { externalId }, token: key });
    t.match(await name(one, 'customer-17'), {
      status: 200,
      body: { id: one.id, email: one.email, externalId: 'customer-17' },
    });
    t.match(await name(other, 'customer-17'), { status: 409, code: 'external-id-taken' });
    for (const wrong of ['a@example.com', other.id, '', 'x'.repeat(257), 'x\0', 5])
      t.match(await name(other, wrong), { status: 400 }, String(wrong).slice(0, 20));
    const find = async (query: string) => (await call('GET', `/v1/platform/users?${query}`, { token: key })).body.items;
    t.match(await find('externalId=customer-17'), [{ id: one.id }]);
    t.match(await find(`email=${one.email.toUpperCase()}`), [{ id: one.id }]);
    t.same(await find('email=nobody@example.com'), []);
    t.match(await call('GET', '/v1/platform/users', { token: key }), { status: 400 });
    t.match(await name(one, null), { status: 200, body: { externalId: null } });
    t.match(await name(other, 'customer-17'), { status: 200 });
    t.match(await call('GET', `/v1/platform/users/${one.id}`, { token: (await newUser()).token }), {
      status: 403,
      code: 'platform-key-required',
    });
  });
});

t.test('npm run key creates the first platform key', { skip: needsPostgres() }, async (t) => {
  const run = promisify(execFile);
  const env = { ...process.env, DATABASE_URL: (choice as { url: string }).url };
  const key = async (...args: string[]) => run(process.execPath, ['dist/cli/key.js', ...args], { env });
  const made = JSON.parse(
    (await key('--name', 'First', '--scopes', 'catalogue:manage,access:check', '--days', '30')).stdout,
  );
  t.match(made, { name: 'First', scopes: ['access:check', 'catalogue:manage'], secret: /^upk_/, expiresAt: String });
  t.match(await call('GET', '/v1/permissions', { token: made.secret }), { status: 200 });
  t.match(JSON.parse((await key('--name', ' Second\u00a0')).stdout), { name: 'Second' });
  for (const wrong of [['--scopes', 'everything'], ['--days', '0'], ['--name', '\u2800'], ['word']]) {
    await t.rejects(key(...wrong), { code: 2, stderr: /Usage: npm run key/ }, wrong.join(' '));
  }
});

t.test(
  'Removal, suspension, a role change and key revocation take effect on the next request to another replica',
  { skip: needsPostgres() },
  async (t) => {
    const other = await startService(t, { database: choice, keys: service.service.signingKeys });
    const account = await newAccount();
    const owner = account.owner.token;
    const platform = await newPlatformKey();
    const role = await post(`${account.url}/roles`, { name: 'Replicated', permissions: ['members:read'] }, owner);
    const key = await make(account, account.owner, {});
    const [removed, suspended, edited, timed] = [
      await newMember(account, { permissions: ['members:read'] }),
      await newMember(account, { permissions: ['members:read'] }),
      await newMember(account, { permissions: [], roles: [role.body.id] }),
      await newMember(account, { permissions: ['members:read'] }),
    ] as [TestUser, TestUser, TestUser, TestUser];
    const check = async (user: TestUser) =>
      (await other.call('GET', `${account.url}/check?userId=${user.id}&permission=members:read`, { token: platform }))
        .body.allowed;
    const decide = async (user: TestUser) => {
      const body = {
        subject: { type: 'user', id: user.id },
        action: { name: 'members:read' },
        resource: { type: 'account', id: account.id },
      };
      return (await other.call('POST', '/access/v1/evaluation', { body, token: platform })).body.decision;
    };
    const changes: [string, TestUser, () => Promise<unknown>][] = [
      ['removal', removed, () => call('DELETE', `${account.url}/members/${removed.id}`, { token: owner })],
      ['suspension', suspended, () => call('POST', `${account.url}/members/${suspended.id}/suspend`, { token: owner })],
      [
        'role change',
        edited,
        () =>
          call('PATCH', `${account.url}/roles/${role.body.id}`, {
            body: { permissions: ['invites:read'] },
            token: owner,
          }),
      ],
      [
        'access',
        timed,
        () =>
          call('PATCH', `${account.url}/members/${timed.id}`, { body: { access: { permissions: [] } }, token: owner }),
      ],
    ];
    for (const [what, user, change] of changes) {
      t.same([await check(user), await decide(user)], [true, true], `before ${what}`);
      await change();
      t.same([await check(user), await decide(user)], [false, false], `after ${what}`);
    }
    const token = key.body.secret as string;
    const asksWithKey = async () => [
      (await other.call('GET', `${account.url}/members`, { token })).status,
      (await other.call('GET', `${account.url}/check?userId=${account.owner.id}&permission=members:read`, { token }))
        .status,
    ];
    t.same(await asksWithKey(), [200, 200]);
    await call('POST', `${account.url}/keys/${key.body.id}/revoke`, { token: owner });
    t.same(await asksWithKey(), [401, 401]);
    t.ok(await logIn(removed), 'a removed member can still log in');
  },
);
