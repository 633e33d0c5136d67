import { eq } from 'drizzle-orm';
import t from 'tap';
import { buildApp } from '../../src/app.ts';
import { identities, memberships, users } from '../../src/database/schema.ts';
import type { UserId } from '../../src/ids/ids.ts';
import { startOidcProvider } from '../support/oidc-server.ts';
import { newEmail, password, startService, testConfig } from '../support/service.ts';

t.setTimeout(120_000);

t.test('A login at an identity provider (an identity)', async (t) => {
  const provider = await startOidcProvider(t);
  const providers = JSON.stringify([{ issuer: provider.issuer, audience: provider.audience, algorithms: ['ES256'] }]);
  const service = await startService(t, { env: { OIDC_ISSUERS: providers } });
  const { call, db, invite, mailsTo, newAccount, newMember, newUser, tokenFor } = service;

  /** A person with a login at the provider who is not a user of this service. */
  const newPerson = (more: { email?: string; emailVerified?: boolean; name?: string } = {}) => {
    const email = more.email ?? newEmail('federated');
    return { sub: `sub of ${email}`, email, emailVerified: true, name: 'Frida Federated', ...more };
  };
  const providerToken = (person: ReturnType<typeof newPerson>) => provider.accessToken(person);
  const me = (token: string) => call('GET', '/v1/me', { token });
  const link = (token: string, accessToken: unknown, currentPassword: unknown = password) =>
    call('POST', '/v1/me/identities', { token, body: { accessToken, currentPassword } });
  const listIdentities = async (token: string) => (await call('GET', '/v1/me/identities', { token })).body.items;

  await t.test('can accept an invite with its access token, also after the provider rotated its keys', async (t) => {
    const account = await newAccount();
    const person = newPerson();
    await invite(account, account.owner, person.email, { permissions: ['invoices:read'] });
    const inviteToken = await tokenFor(person.email, 'invite');
    await provider.rotateKeys({ keepOld: true });
    const token = await providerToken(person);
    const accepted = await call('POST', '/v1/invites/accept', { token, body: { token: inviteToken } });
    t.equal(accepted.status, 201, JSON.stringify(accepted.body));
    t.match(accepted.body, { membership: { user: { email: person.email, name: 'Frida Federated' } } });
    t.notHas(accepted.body, 'session', 'no session is opened');
    const { body } = await call('GET', '/v1/me/accounts', { token });
    t.match(body.items, [{ id: account.id, access: { permissions: ['invoices:read'] } }]);
    t.match(await me(token), { status: 200, body: { email: person.email, hasPassword: false } });
  });

  await t.test('creates a user on first use and finds the same user afterwards, by issuer and subject', async (t) => {
    const person = newPerson();
    const first = await me(await providerToken(person));
    const again = await me(await providerToken({ ...person, email: newEmail('moved') }));
    t.equal(first.status, 200);
    t.same(again.body, first.body, 'even if the provider reports another address by then');
    const rows = await db
      .select()
      .from(identities)
      .where(eq(identities.userId, first.body.id as UserId));
    t.match(rows, [{ issuer: provider.issuer, subject: person.sub }]);
    t.equal(rows.length, 1);
  });

  await t.test('creates only one user when many first requests arrive at once', async (t) => {
    const token = await providerToken(newPerson());
    const answers = await Promise.all(Array.from({ length: 20 }, () => me(token)));
    t.same(
      new Set(answers.map((it) => it.status)),
      new Set([200]),
      JSON.stringify(answers.find((it) => it.status !== 200)?.body),
    );
    t.equal(new Set(answers.map((it) => it.body.id)).size, 1);
  });

  await t.test('creates only one user when concurrent tokens of one subject have different addresses', async (t) => {
    const person = newPerson();
    const tokens: string[] = [];
    for (let i = 0; i < 8; i += 1) tokens.push(await providerToken({ ...person, email: newEmail('many') }));
    const answers = await Promise.all(tokens.map((token) => me(token)));
    t.same(new Set(answers.map((it) => it.status)), new Set([200]));
    t.equal(new Set(answers.map((it) => it.body.id)).size, 1);
  });

  await t.test('creates no membership', async (t) => {
    const account = await newAccount();
    const person = newPerson();
    await invite(account, account.owner, person.email);
    const { body } = await me(await providerToken(person));
    t.same(await db.select().from(memberships).where(eq(memberships.userId, body.id)), []);
    t.equal((await call('GET', account.url, { token: await providerToken(person) })).code, 'not-found');
  });

  await t.test('is not linked to an existing user by its address alone', async (t) => {
    const user = await newUser();
    const token = await providerToken(newPerson({ email: user.email }));
    t.match(await me(token), { status: 403, code: 'identity-not-linked' });
    t.equal((await me(user.token)).status, 200);
    t.same(
      await db
        .select()
        .from(identities)
        .where(eq(identities.userId, user.id as UserId)),
      [],
    );
  });

  await t.test('creates no user without a verified address', async (t) => {
    const person = newPerson({ emailVerified: false });
    t.match(await me(await providerToken(person)), { status: 403, code: 'identity-not-linked' });
    t.same(await db.select().from(users).where(eq(users.email, person.email)), []);
  });

  await t.test(
    'is linked to a user by its token and the current password, and then authenticates that user',
    async (t) => {
      const user = await newUser();
      const person = newPerson({ email: user.email });
      const token = await providerToken(person);
      t.equal((await link(user.token, token, 'not my password')).code, 'password-wrong');
      t.match(await link(user.token, 'nonsense'), {
        code: 'invalid-request',
        body: { errors: [{ pointer: '/accessToken' }] },
      });
      t.equal(
        (await link(user.token, user.token)).code,
        'invalid-request',
        'our own access token is not a provider token',
      );
      const linked = await link(user.token, token);
      t.match(linked, { status: 201, body: { issuer: provider.issuer, subject: person.sub } });
      t.match(
        await link(user.token, token),
        { status: 201, body: { id: linked.body.id } },
        'linking it again changes nothing',
      );
      t.match(await me(token), { status: 200, body: { id: user.id } });
      t.match(await listIdentities(user.token), [{ id: linked.body.id }]);
    },
  );

  await t.test(
    'is reported to the user by mail when it is linked, and listed in the mail about a password reset',
    async (t) => {
      const user = await newUser();
      const token = await providerToken(newPerson({ email: user.email }));
      await link(user.token, token);
      await link(user.token, token);
      const notices = (await mailsTo(user.email)).filter((it) => it.subject.includes('linked'));
      t.equal(notices.length, 1, 'once');
      for (const text of [notices[0]?.text, notices[0]?.html]) t.ok(text?.includes(provider.issuer));
      await call('POST', '/v1/auth/password-reset', { body: { email: user.email } });
      const body = { token: await tokenFor(user.email, 'password-reset'), password: 'another long password' };
      t.equal((await call('POST', '/v1/auth/password-reset/confirm', { body })).status, 200);
      const changed = (await mailsTo(user.email)).find((it) => it.subject === 'Your password was changed');
      for (const text of [changed?.text, changed?.html]) t.ok(text?.includes(provider.issuer));
      t.equal((await me(token)).status, 200, 'the identity stays linked');
    },
  );

  await t.test('cannot be linked to a second user', async (t) => {
    const [first, second] = [await newUser(), await newUser()];
    const token = await providerToken(newPerson({ email: first.email }));
    t.equal((await link(first.token, token)).status, 201);
    t.equal((await link(second.token, token)).code, 'identity-linked-elsewhere');
    t.match(await me(token), { body: { id: first.id } });
  });

  await t.test('is refused from the next request on after it was removed', async (t) => {
    const user = await newUser();
    const token = await providerToken(newPerson({ email: user.email }));
    const { body } = await link(user.token, token);
    t.equal((await me(token)).status, 200);
    const other = await newUser();
    const remove = (by: string) => call('DELETE', `/v1/me/identities/${body.id}`, { token: by });
    t.equal((await remove(other.token)).code, 'not-found', 'another user cannot remove it');
    t.equal((await remove(user.token)).status, 204);
    t.equal((await me(token)).code, 'identity-not-linked');
  });

  await t.test('cannot be removed if it is the only way to log in', async (t) => {
    const token = await providerToken(newPerson());
    const [identity] = await listIdentities(token);
    const { code } = await call('DELETE', `/v1/me/identities/${identity.id}`, { token });
    t.equal(code, 'last-login-method');
    t.equal((await me(token)).status, 200);
  });

  await t.test('is refused while its user is disabled', async (t) => {
    const token = await providerToken(newPerson());
    const { body } = await me(token);
    await db.update(users).set({ disabledAt: new Date() }).where(eq(users.id, body.id));
    t.equal((await me(token)).code, 'unauthenticated');
    await db.update(users).set({ disabledAt: null }).where(eq(users.id, body.id));
    t.equal((await me(token)).status, 200);
  });

  await t.test('has no password to change and no session to end', async (t) => {
    const token = await providerToken(newPerson());
    const change = { currentPassword: password, newPassword: 'quite another long one' };
    t.equal((await call('PUT', '/v1/me/password', { token, body: change })).code, 'no-password');
    t.match(await call('GET', '/v1/me/sessions', { token }), { status: 200, body: { items: [] } });
  });

  await t.test('has the same access to accounts as a password login', async (t) => {
    const account = await newAccount();
    const member = await newMember(account, { permissions: ['members:read'] });
    const token = await providerToken(newPerson({ email: member.email }));
    await link(member.token, token);
    t.equal((await call('GET', `${account.url}/members`, { token })).status, 200);
    t.equal((await call('GET', `${account.url}/invites`, { token })).code, 'permission-missing');
    await call('DELETE', `${account.url}/members/${member.id}`, { token: account.owner.token });
    t.equal((await call('GET', `${account.url}/members`, { token })).code, 'not-found', 'from the next request on');
  });

  await t.test('is refused with an ID token, and with a token signed by a retired key', async (t) => {
    const person = newPerson();
    t.equal((await me(await provider.idToken(person))).code, 'unauthenticated');
    const old = await providerToken(person);
    t.equal((await me(old)).status, 200);
    await provider.rotateKeys({ keepOld: false });
    service.travel(11 * 60_000);
    const { code } = await me(old);
    t.equal(code, 'unauthenticated', 'after the keys were fetched again');
  });
});

t.test('With PASSWORD_LOGIN=off', async (t) => {
  const provider = await startOidcProvider(t);
  const providers = JSON.stringify([{ issuer: provider.issuer, audience: provider.audience, algorithms: ['ES256'] }]);
  const before = await startService(t);
  const user = await before.newUser();
  const account = await before.newAccount();
  const config = testConfig({ OIDC_ISSUERS: providers, PASSWORD_LOGIN: 'off' });
  const { app } = await buildApp({ config, db: before.db, keys: before.service.signingKeys });
  t.teardown(() => app.close());
  /** Calls the service with password logins switched off. */
  async function call(method: 'GET' | 'POST', url: string, { token, body }: { token?: string; body?: object } = {}) {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const answer = await app.inject({ method, url, headers, ...(body && { payload: body }) });
    return { status: answer.statusCode, body: answer.json(), code: answer.json().code as string | undefined };
  }
  const person = { sub: 's-1', email: newEmail('federated'), emailVerified: true, name: 'Frida Federated' };

  await t.test('provider logins can create an account, invite and accept', async (t) => {
    const [owner, member] = [
      await provider.accessToken(person),
      await provider.accessToken({ ...person, sub: 's-2', email: newEmail('f') }),
    ];
    const { body: made } = await call('POST', '/v1/accounts', { token: owner, body: { name: 'Example Hosting' } });
    const { body: who } = await call('GET', '/v1/me', { token: member });
    const body = { email: who.email, access: { permissions: ['invoices:read'] } };
    const { body: sent } = await call('POST', `/v1/accounts/${made.id}/invites`, { token: owner, body });
    t.equal((await call('POST', `/v1/me/invites/${sent.id}/accept`, { token: member })).status, 201);
    t.match(await call('GET', `/v1/accounts/${made.id}`, { token: member }), { status: 200 });
  });

  await t.test('passwords, sessions and our own access tokens are refused', async (t) => {
    const { email } = user;
    const calls: [string, object][] = [
      ['/v1/auth/login', { email, password }],
      ['/v1/auth/register', { email: newEmail() }],
      ['/v1/auth/verify-email', { token: 'x', name: 'Some Body', password }],
      ['/v1/auth/password-reset', { email }],
      ['/v1/auth/password-reset/confirm', { token: 'x', password }],
      ['/v1/auth/refresh', { refreshToken: user.refreshToken }],
    ];
    for (const [path, body] of calls) t.equal((await call('POST', path, { body })).code, 'password-login-off', path);
    t.equal(
      (await call('GET', '/v1/me', { token: user.token })).code,
      'unauthenticated',
      'although it was valid before',
    );
    t.equal((await before.call('GET', '/v1/me', { token: user.token })).status, 200);
  });

  await t.test('an invite cannot be accepted with a password', async (t) => {
    const email = newEmail('invited');
    await before.invite(account, account.owner, email);
    const token = await before.tokenFor(email, 'invite');
    const register = { name: 'Some Body', password };
    const ways = [{ register }, { login: { email: user.email, password } }];
    for (const way of ways) {
      t.equal((await call('POST', '/v1/invites/accept', { body: { token, ...way } })).code, 'password-login-off');
    }
    const bearer = await provider.accessToken({ ...person, sub: 's-3', email });
    t.equal((await call('POST', '/v1/invites/accept', { token: bearer, body: { token } })).status, 201);
  });
});
