import { createHash } from 'node:crypto';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { eq, sql } from 'drizzle-orm';
import type { InjectOptions } from 'fastify';
import t, { type Test } from 'tap';
import { buildApp } from '../../src/app.ts';
import { users } from '../../src/database/schema.ts';
import type { UserId } from '../../src/ids/ids.ts';
import {
  type CallOptions,
  needsPostgres,
  newEmail,
  password,
  startService,
  type TestAnswer,
  type TestUser,
  testConfig,
} from '../support/service.ts';

const wrong = 'the wrong password';
const changed = 'another long password';
const network = '203.0.113.7';

interface Line {
  msg: string;
  time: number;
  reqId?: string;
  event?: string;
  outcome?: string;
  address?: string;
  [key: string]: unknown;
}

const lines: string[] = [];
const logTo = { write: (line: string) => void lines.push(line) };
const service = await startService(t, { env: { LOG_LEVEL: 'trace', TRUST_PROXY: '1' }, logTo });
const { db, invite, mailsTo, newAccount, newMember, newUser, tokenFor } = service;

type Method = Parameters<typeof service.call>[0];

/** Another app on the same database, with these settings. */
async function appWith(t: Test, env: Record<string, string>) {
  const { database, dataDir } = service.service.config;
  const config = { ...testConfig(env), database, dataDir };
  const { signingKeys } = service.service;
  const { app } = await buildApp({ config, db, keys: signingKeys, clock: service.clock, logTo });
  t.teardown(() => app.close());
  return app;
}

/** All secrets and personal data in requests and answers. */
const secrets = new Set<string>();

function keepSecrets(value: unknown, key = ''): void {
  if (typeof value === 'object' && value !== null) {
    for (const [inner, it] of Object.entries(value)) keepSecrets(it, inner);
  } else if (typeof value === 'string' && /(password|token|email)$/i.test(key) && value.length > 7) secrets.add(value);
}

async function call(method: Method, url: string, options: CallOptions = {}): Promise<TestAnswer> {
  const answer = await service.call(method, url, {
    ...options,
    headers: { 'x-forwarded-for': network, ...options.headers },
  });
  keepSecrets([options.body, answer.body, { token: options.token }]);
  return answer;
}

/** The token of the newest link to an address. */
async function linkTo(email: string, kind: Parameters<typeof tokenFor>[1]): Promise<string> {
  const token = await tokenFor(email, kind);
  secrets.add(token);
  return token;
}

const parsed = (text: string[]): Line[] => text.map((it) => JSON.parse(it));
const eventsIn = (text: string[]) => parsed(text).filter((it) => it.msg === 'security');

/** Makes a request and returns its lines in the audit log. */
async function eventsOf(request: () => Promise<TestAnswer>): Promise<{ answer: TestAnswer; events: Line[] }> {
  const before = lines.length;
  const answer = await request();
  return { answer, events: eventsIn(lines.slice(before)) };
}

/**
 * Requires that a request writes one line to the audit log, with these fields, its time, network
 * and request id.
 */
async function requireOne(t: Test, request: () => Promise<TestAnswer>, says: Partial<Line>): Promise<Line> {
  const start = Date.now();
  const { answer, events } = await eventsOf(request);
  t.equal(events.length, 1, `one line: ${events.map((it) => it.event).join(', ')}`);
  const [line] = events;
  t.match(line, { outcome: answer.status < 400 ? 'success' : 'refused', network, ...says });
  t.equal(line?.reqId, answer.headers['x-request-id']);
  t.ok(Number(line?.time) >= start && Number(line?.time) <= Date.now());
  t.match(line, { method: /^(GET|POST|PUT|PATCH|DELETE)$/, route: /^\/v1\/[a-z/:-]+$/i });
  const known = ['level', 'time', 'reqId', 'pid', 'hostname', 'msg', 'event', 'outcome', 'network', 'method', 'route'];
  const about = [
    'userId',
    'sessionId',
    'identityId',
    'inviteId',
    'accountId',
    'inviterId',
    'address',
    'by',
    'changed',
    'sessions',
    'code',
    'permission',
    'limit',
  ];
  for (const key of Object.keys(line ?? {})) t.ok([...known, ...about].includes(key), `${key} is a known field`);
  return line as Line;
}

const noEvent = async (t: Test, request: () => Promise<TestAnswer>) => t.same((await eventsOf(request)).events, []);

const logIn = (email: string, secret = password) =>
  call('POST', '/v1/auth/login', { body: { email, password: secret } });
const refresh = (refreshToken: string, headers = {}) =>
  call('POST', '/v1/auth/refresh', { body: { refreshToken }, headers });
const askReset = (email: string) => call('POST', '/v1/auth/password-reset', { body: { email } });
const disable = ({ id }: TestUser, disabledAt: Date | null = new Date()) =>
  db
    .update(users)
    .set({ disabledAt })
    .where(eq(users.id, id as UserId));
const sessionOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] as string, 'base64url').toString()).sid;

t.test('The audit log has one line', async (t) => {
  t.test('for a login', async (t) => {
    const user = await newUser();
    const line = await requireOne(t, () => logIn(user.email), {
      event: 'authn_login_success',
      userId: user.id,
      by: 'password',
    });
    t.equal(line.route, '/v1/auth/login');
  });

  t.test('for a failed login, with the user id, or with a pseudonym of an unknown address', async (t) => {
    const user = await newUser();
    const failed = { event: 'authn_login_fail', code: 'wrong-credentials' };
    const known = await requireOne(t, () => logIn(user.email, wrong), { ...failed, userId: user.id });

    const email = newEmail();
    const unknown = await requireOne(t, () => logIn(email, wrong), failed);
    t.notOk('userId' in unknown);
    const again = await requireOne(t, () => logIn(email.toUpperCase(), wrong), failed);
    const other = await requireOne(t, () => logIn(newEmail(), wrong), failed);
    t.match(unknown.address, /^[\w-]{16,}$/);
    t.equal(again.address, unknown.address, 'all spellings of an address have the same pseudonym');
    t.not(other.address, unknown.address);
    t.not(known.address, unknown.address);
    for (const algorithm of ['sha256', 'sha1', 'md5', 'sha512']) {
      for (const form of ['base64url', 'hex'] as const) {
        const hash = createHash(algorithm).update(email).digest(form);
        t.notOk(hash.startsWith(unknown.address as string), 'the pseudonym is not a plain hash of the address');
      }
    }
  });

  t.test('for a login of a disabled user', async (t) => {
    const user = await newUser();
    await disable(user);
    const failed = { event: 'authn_login_fail', userId: user.id };
    await requireOne(t, () => logIn(user.email), { ...failed, code: 'user-disabled' });
    await requireOne(t, () => logIn(user.email, wrong), { ...failed, code: 'wrong-credentials' });
    await requireOne(t, () => call('GET', '/v1/me', { token: user.token }), {
      event: 'authn_token_invalid',
      userId: user.id,
      code: 'unauthenticated',
    });
  });

  t.test('for a missing permission, with the permission and the user', async (t) => {
    const account = await newAccount();
    const member = await newMember(account, { permissions: ['members:read', 'invites:manage'] });
    const refused = { event: 'authz_fail', userId: member.id, sessionId: sessionOf(member.token) };
    const remove = () => call('DELETE', `${account.url}/members/${account.owner.id}`, { token: member.token });
    await requireOne(t, remove, { ...refused, code: 'permission-missing', permission: 'members:manage' });
    const line = await requireOne(
      t,
      () =>
        call('POST', `${account.url}/invites`, {
          token: member.token,
          body: { email: newEmail(), access: { allPermissions: true } },
        }),
      refused,
    );
    t.match(line.code, /permission-missing|cannot-grant/);
    t.equal(line.route, '/v1/accounts/:accountId/invites', 'the route, not the path');
  });

  t.test('for a user’s request to a foreign or unknown account', async (t) => {
    const [account, stranger] = [await newAccount(), await newUser()];
    const refused = { event: 'authz_fail', code: 'not-found', userId: stranger.id };
    for (const id of [account.id, 'acc_01k7z2n4q8e6tbv5xw3c9d0hjm']) {
      await requireOne(t, () => call('GET', `/v1/accounts/${id}/members`, { token: stranger.token }), refused);
    }
    const session = sessionOf(account.owner.token);
    await requireOne(t, () => call('DELETE', `/v1/me/sessions/${session}`, { token: stranger.token }), refused);
  });

  t.test('for a requested password reset, the same for every address', async (t) => {
    const user = await newUser();
    const email = newEmail();
    const asked = { event: 'authn_password_reset_requested' };
    const known = await requireOne(t, () => askReset(user.email), asked);
    const unknown = await requireOne(t, () => askReset(email), asked);
    const { events } = await eventsOf(() => logIn(email, wrong));
    t.equal(unknown.address, events[0]?.address, 'the pseudonym is that of a login');
    t.same(Object.keys(known), Object.keys(unknown));
  });

  t.test('for a changed password, by a reset or by the user', async (t) => {
    const user = await newUser();
    await logIn(user.email);
    await askReset(user.email);
    const token = await linkTo(user.email, 'password-reset');
    const confirm = () => call('POST', '/v1/auth/password-reset/confirm', { body: { token, password: changed } });
    const done = { event: 'authn_password_change', userId: user.id };
    const { body } = (await eventsOf(() => logIn(user.email))).answer;
    await requireOne(t, confirm, { ...done, by: 'password-reset' });
    await requireOne(t, confirm, { event: 'authn_token_invalid', code: 'password-reset-token-invalid' });
    await requireOne(t, () => refresh(body.refreshToken), { event: 'authn_token_invalid', code: 'unauthenticated' });

    const { answer } = await eventsOf(() => logIn(user.email, changed));
    const change = (currentPassword: string) => () =>
      call('PUT', '/v1/me/password', {
        token: answer.body.accessToken,
        body: { currentPassword, newPassword: password },
      });
    const failed = { event: 'authn_login_fail', code: 'password-wrong', userId: user.id };
    await requireOne(t, change(wrong), failed);
    await requireOne(t, change(changed), { ...done, by: 'password', sessions: 1 });
  });

  t.test('for each ended session, or for all sessions ended together', async (t) => {
    const user = await newUser();
    const [one, two, three] = [await logIn(user.email), await logIn(user.email), await logIn(user.email)];
    const ended = { event: 'authn_token_revoked', userId: user.id };
    const sessionId = sessionOf(one?.body.accessToken);
    const end = () => call('DELETE', `/v1/me/sessions/${sessionId}`, { token: user.token });
    await requireOne(t, end, { ...ended, sessionId });
    const logOut = () => call('POST', '/v1/auth/logout', { body: { refreshToken: two?.body.refreshToken } });
    await requireOne(t, logOut, { ...ended, sessionId: sessionOf(two?.body.accessToken), by: 'logout' });
    await noEvent(t, logOut);
    await logIn(user.email);
    const endOthers = () => call('DELETE', '/v1/me/sessions', { token: three?.body.accessToken });
    await requireOne(t, endOthers, { ...ended, sessionId: sessionOf(three?.body.accessToken), sessions: 2 });
  });

  t.test('for a refresh, and for a reused refresh token', async (t) => {
    const user = await newUser();
    const { body } = await logIn(user.email);
    const about = { userId: user.id, sessionId: sessionOf(body.accessToken) };
    await requireOne(t, () => refresh(body.refreshToken), { event: 'session_renewed', ...about, by: 'refresh' });
    const retry = { event: 'session_renewed', ...about, by: 'refresh-retry' };
    await requireOne(t, () => refresh(body.refreshToken, { 'x-forwarded-for': '203.0.113.77' }), {
      ...retry,
      network: '203.0.113.77',
    });
    const reuse = { event: 'authn_token_reuse', code: 'unauthenticated', ...about };
    await requireOne(t, () => refresh(body.refreshToken, { 'user-agent': 'a thief' }), reuse);
    await requireOne(t, () => refresh(body.refreshToken), { event: 'authn_token_invalid', code: 'unauthenticated' });
  });

  t.test('for a created user, and for a changed address', async (t) => {
    const email = newEmail();
    await call('POST', '/v1/auth/register', { body: { email } });
    const verification = { token: await linkTo(email, 'verify-email'), name: 'Some Body', password };
    const verify = () => call('POST', '/v1/auth/verify-email', { body: verification });
    const made = await requireOne(t, verify, { event: 'user_created', by: 'verify-email', userId: /^usr_/ });

    const account = await newAccount();
    const guest = newEmail();
    await invite(account, account.owner, guest);
    const token = await linkTo(guest, 'invite');
    const register = { name: 'Some Body', password };
    const accept = () => call('POST', '/v1/invites/accept', { body: { token, register } });
    await requireOne(t, accept, { event: 'user_created', by: 'invite', userId: /^usr_/ });

    const { body } = await logIn(email);
    const ask = { email: newEmail(), currentPassword: password };
    await call('POST', '/v1/me/email-change', { token: body.accessToken, body: ask });
    const confirmation = { token: await linkTo(ask.email, 'email-change') };
    const confirm = () => call('POST', '/v1/auth/email-change/confirm', { body: confirmation });
    await requireOne(t, confirm, { event: 'user_updated', changed: 'email', userId: made.userId, sessions: 1 });
  });

  t.test('for a login that accepts an invite', async (t) => {
    const [account, user] = [await newAccount(), await newUser()];
    await invite(account, account.owner, user.email);
    const token = await linkTo(user.email, 'invite');
    const accept = (secret: string) => () =>
      call('POST', '/v1/invites/accept', { body: { token, login: { email: user.email, password: secret } } });
    const about = { userId: user.id, route: '/v1/invites/accept' };
    await requireOne(t, accept(wrong), { event: 'authn_login_fail', code: 'wrong-credentials', ...about });
    await requireOne(t, accept(password), { event: 'authn_login_success', by: 'password', ...about });
  });

  t.test('for a reported invite, with its inviter, without the person who reports it', async (t) => {
    const account = await newAccount();
    const guest = newEmail();
    const { body } = await invite(account, account.owner, guest);
    const token = await linkTo(guest, 'report');
    const report = () => call('POST', '/v1/invites/report', { body: { token } });
    const line = await requireOne(t, report, {
      event: 'invite_reported',
      inviteId: body.id,
      accountId: account.id,
      inviterId: account.owner.id,
    });
    t.notOk('userId' in line || 'address' in line);
    await noEvent(t, report);
  });

  t.test('for a token that is not valid', async (t) => {
    const invalid = { event: 'authn_token_invalid' };
    const token = 'eyJhbGciOiJub25lIn0.e30.';
    await requireOne(t, () => call('GET', '/v1/me', { token }), { ...invalid, code: 'unauthenticated' });
    const chosen = { name: 'Some Body', password };
    const verify = () => call('POST', '/v1/auth/verify-email', { body: { token, ...chosen } });
    await requireOne(t, verify, { ...invalid, code: 'verification-token-invalid' });
    for (const [url, code] of [
      ['/v1/auth/email-change/confirm', 'email-change-token-invalid'],
      ['/v1/invites/preview', 'invite-token-invalid'],
      ['/v1/invites/report', 'report-token-invalid'],
    ] as const) {
      await requireOne(t, () => call('POST', url, { body: { token } }), { ...invalid, code });
    }
  });

  t.test('for invalid input', async (t) => {
    const refused = { event: 'input_validation_fail' };
    const body = { email: newEmail(), password: [password] };
    await requireOne(t, () => call('POST', '/v1/auth/login', { body }), { ...refused, code: 'invalid-request' });
    const huge = { email: 'x'.repeat(100_000), password };
    await requireOne(t, () => call('POST', '/v1/auth/login', { body: huge }), { ...refused, code: 'too-large' });
  });

  t.test('for an exceeded limit, by address and by network', async (t) => {
    const app = await appWith(t, {
      LOG_LEVEL: 'trace',
      RATE_LIMITS: 'login.address=2/60, preview.network=2/60',
    });
    for (const [url, payload] of [
      ['/v1/auth/login', { email: newEmail(), password: wrong }],
      ['/v1/invites/preview', { token: 'x' }],
    ] as const) {
      keepSecrets(payload);
      const events: Line[][] = [];
      for (let i = 0; i < 4; i += 1) {
        const before = lines.length;
        await app.inject({ method: 'POST', url, payload });
        events.push(eventsIn(lines.slice(before)));
      }
      const exceeded = [
        { event: 'excess_rate_limit_exceeded', outcome: 'refused', code: 'too-many-requests', route: url },
      ];
      t.match(events.slice(2), [exceeded, exceeded]);
      t.same(
        events.map((it) => it.length),
        [1, 1, 1, 1],
      );
    }
  });
});

t.test('The audit log has no line for requests that are not security events', async (t) => {
  const user = await newUser();
  await noEvent(t, () => call('GET', '/v1/me'));
  await noEvent(t, () => call('GET', '/v1/me', { token: user.token }));
  await noEvent(t, () => call('POST', '/v1/accounts', { body: { name: 'Example' } }));
  await noEvent(t, () => call('GET', '/v1/nothing'));
  await noEvent(t, () => call('GET', '/v1/nothing', { token: user.token }));
  await noEvent(t, () => call('PATCH', '/v1/me', { token: user.token }));
  await noEvent(t, () => call('GET', '/readyz'));
});

t.test('A request cannot forge a line of the log', async (t) => {
  const forged = '\r\n{"level":30,"msg":"security","event":"authn_login_success","userId":"forged"}\r\n';
  const { email, token } = await newUser();
  const send = service.call;
  const before = lines.length;
  for (const name of ['user-agent', 'x-request-id', 'x-forwarded-for', 'authorization', 'origin', 'referer', 'host']) {
    for (const text of [forged, `x${forged}`]) {
      const headers = { [name]: text };
      await send('POST', '/v1/auth/login', { body: { email, password: wrong }, headers });
      await send('GET', '/v1/me', { token, headers });
    }
  }
  for (const text of [forged, `x${forged}`]) {
    await send('POST', '/v1/auth/login', { body: { email: text, password: text } });
    await send('POST', '/v1/auth/login', { body: { email, password: text } });
    await send('POST', '/v1/auth/refresh', { body: { refreshToken: text } });
    await send('POST', '/v1/auth/password-reset', { body: { email: `${text}@example.com` } });
    await send('POST', '/v1/auth/register', { body: { email: newEmail(), locale: text } });
    await send('POST', '/v1/auth/verify-email', { body: { token: text, password, name: text } });
    await send('GET', `/v1/accounts/${encodeURIComponent(text)}/members`, { token });
    await send('GET', `/v1/me/sessions?cursor=${encodeURIComponent(text)}`, { token });
    await send('GET', `/v1/${encodeURI(text)}`);
  }
  const written = lines.slice(before);
  t.ok(written.length > 50, `${written.length} lines`);
  for (const line of written) t.match(line, /^\{[^\r\n]*\}\n$/, 'one write is one line');
  for (const line of parsed(written)) t.not(line.userId, 'forged');
  const events = eventsIn(written);
  for (const event of events) t.match(event, { reqId: /^[\w-]+$/, network: /^(127\.0\.0\.1|unknown)$/ });
  t.notOk(events.some((it) => it.event === 'authn_login_success'));
});

t.test('No line of the log contains a password, a token or an e-mail address', async (t) => {
  const user = await newUser();
  secrets.add(user.email).add(user.token).add(user.refreshToken);
  await call('GET', `/v1/me/sessions?cursor=${encodeURIComponent(user.email)}`, { token: user.token });
  await call('POST', '/v1/auth/login', {
    body: `{"email":"${user.email}","password":"${password}`,
    headers: { 'content-type': 'application/json' },
  });
  // The driver's error of a failed statement contains its parameters.
  await db.execute(sql`alter table password_resets rename to lost`);
  const failed = await askReset(user.email).finally(() => db.execute(sql`alter table lost rename to password_resets`));
  t.equal(failed.status, 500);
  await mailsTo(user.email);

  const written = lines.join('');
  t.ok(eventsIn(lines).length > 50, `${eventsIn(lines).length} events`);
  t.ok(
    lines.some((it) => JSON.parse(it).level >= 50),
    'a failure is logged',
  );
  t.ok(secrets.size > 60, `${secrets.size} secrets`);
  for (const it of [password, wrong, changed]) t.ok(secrets.has(it));
  for (const secret of secrets) {
    const spellings = [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)];
    t.notOk(
      spellings.some((it) => written.includes(it)),
      `the log does not contain the secret that begins with ${secret.slice(0, 4)}`,
    );
  }
  t.notMatch(written, /[\w.+-]+(@|%40|＠)[\w-]+\.\w+/, 'the log contains no other address');
  t.notMatch(written, /eyJ[\w-]+\./, 'the log contains no other token');
});

t.test('Headers', async (t) => {
  const issuer = 'https://usher.example.com';
  const origin = 'https://app.example.com';
  const env = { ISSUER: issuer, CORS_ORIGINS: origin, RATE_LIMITS: 'verify.network=1/60' };
  const app = await appWith(t, env);
  const plain = await appWith(t, { ISSUER: 'http://usher.example.com' });
  const user = await newUser();
  const account = await newAccount();
  const own = { authorization: `Bearer ${user.token}` };
  // These apps have another issuer and refuse tokens of the first app, so the user logs in again.
  const logInTo = async (to: typeof app) => {
    const { body } = await to.inject({
      method: 'POST',
      url: '/v1/auth/login',
      payload: { email: user.email, password },
    });
    return { authorization: `Bearer ${JSON.parse(body).accessToken}` };
  };
  const credential = await logInTo(app);
  const post = (url: string, payload: unknown, headers = {}): InjectOptions => ({
    method: 'POST',
    url,
    headers: { 'content-type': 'application/json', ...headers },
    payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
  });
  const preflight = { origin, 'access-control-request-method': 'GET' };
  const requests: [status: number, InjectOptions][] = [
    [200, post('/v1/auth/login', { email: user.email, password })],
    [200, { url: '/v1/me', headers: credential }],
    [200, { url: '/readyz' }],
    [200, { url: '/openapi.json' }],
    [200, { url: '/docs/' }],
    [200, { url: '/problems/not-found' }],
    [200, { method: 'HEAD', url: '/v1/me', headers: credential }],
    [201, post('/v1/accounts', { name: 'Example' }, credential)],
    [202, post('/v1/auth/password-reset', { email: user.email })],
    [204, post('/v1/auth/logout', { refreshToken: 'x' })],
    [204, { method: 'OPTIONS', url: '/v1/me', headers: preflight }],
    [400, post('/v1/auth/login', {})],
    [400, post('/v1/auth/login', '{"no')],
    [400, { url: '/%zz' }],
    [400, { url: '/v1/me?unknown=1', headers: credential }],
    [401, { url: '/v1/me' }],
    [401, { url: '/v1/me', headers: own }],
    [401, post('/v1/auth/login', { email: user.email, password: wrong })],
    [
      403,
      {
        method: 'PUT',
        url: '/v1/me/password',
        headers: credential,
        payload: { currentPassword: wrong, newPassword: changed },
      },
    ],
    [404, { url: '/v1/nothing' }],
    [404, { url: account.url, headers: credential }],
    [405, { method: 'PATCH', url: '/v1/me', headers: credential }],
    [413, post('/v1/auth/login', { email: 'x'.repeat(100_000), password })],
    [415, post('/v1/auth/login', 'email=x', { 'content-type': 'text/plain' })],
    [400, post('/v1/auth/email-change/confirm', { token: 'x' })],
    [429, post('/v1/auth/email-change/confirm', { token: 'x' })],
  ];

  t.test('forbid caching and MIME sniffing on every answer', async (t) => {
    for (const [status, request] of requests) {
      const { statusCode, headers } = await app.inject(request);
      const what = `${request.method ?? 'GET'} ${request.url} ${status}`;
      t.equal(statusCode, status, what);
      const isDocument = request.url === '/openapi.json';
      t.equal(headers['cache-control'], isDocument ? 'no-cache' : 'no-store', what);
      t.equal(headers['x-content-type-options'], 'nosniff', what);
      t.equal(headers['strict-transport-security'], request.url === '/%zz' ? undefined : 'max-age=31536000', what);
    }
  });

  t.test('forbid both on a 500', async (t) => {
    await db.execute(sql`alter table password_resets rename to lost`);
    const { statusCode, headers } = await app
      .inject(post('/v1/auth/password-reset', { email: user.email }))
      .finally(() => db.execute(sql`alter table lost rename to password_resets`));
    t.equal(statusCode, 500);
    t.match(headers, { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
  });

  t.test('forbid both on the answer to a malformed HTTP request', async (t) => {
    await plain.listen({ port: 0, host: '127.0.0.1' });
    const socket = connect((plain.server.address() as AddressInfo).port, '127.0.0.1');
    socket.write('this is no HTTP\r\n\r\n');
    const answer = await text(socket);
    t.match(answer, /^HTTP\/1\.1 400 /);
    t.match(answer, /\r\ncache-control: no-store\r\n/i);
    t.match(answer, /\r\nx-content-type-options: nosniff\r\n/i);
  });

  t.test('allow caching only of the public keys and the files of Swagger UI', async (t) => {
    const keys = await app.inject('/.well-known/jwks.json');
    t.match(keys.headers, { 'cache-control': 'public, max-age=300', 'x-content-type-options': 'nosniff' });
    const style = await app.inject('/docs/static/swagger-ui.css');
    t.match(style.headers, { 'cache-control': /^public/, 'x-content-type-options': 'nosniff' });
  });

  t.test('require HTTPS only if the service is reached by HTTPS', async (t) => {
    for (const [, request] of requests) {
      const { headers } = await plain.inject(request);
      t.notOk('strict-transport-security' in headers, `${request.url}`);
    }
  });
});

t.test('CORS', async (t) => {
  const listed = ['https://app.example.com', 'http://localhost:5173'];
  const none = await appWith(t, {});
  const some = await appWith(t, { CORS_ORIGINS: listed.join(', ') });
  const any = await appWith(t, { CORS_ORIGINS: '*' });
  const ask = (app: typeof none, origin: string, url = '/readyz') => app.inject({ url, headers: { origin } });
  const askFirst = (app: typeof none, origin: string, url = '/v1/me', method = 'GET') =>
    app.inject({
      method: 'OPTIONS',
      url,
      headers: {
        origin,
        'access-control-request-method': method,
        'access-control-request-headers': 'authorization,content-type',
      },
    });
  const allowedBy = ({ headers }: Awaited<ReturnType<typeof ask>>) => headers['access-control-allow-origin'];
  const others = [
    'https://evil.example.com',
    'https://app.example.com.evil.com',
    'https://app.example.com:8443',
    'http://app.example.com',
    'https://APP.example.com',
    'https://xapp.example.com',
    'https://app.example.com/',
    'null',
    '*',
    '',
    'http://localhost:51730',
  ];

  t.test('allows no origin by default', async (t) => {
    for (const origin of [...listed, ...others]) {
      for (const answer of [await ask(none, origin), await askFirst(none, origin)]) {
        const names = Object.keys(answer.headers).filter((it) => it.startsWith('access-control-'));
        t.same(names, [], origin);
      }
    }
    t.equal((await askFirst(none, listed[0] as string)).statusCode, 405);
  });

  t.test('allows only the configured origins', async (t) => {
    for (const origin of listed) {
      const first = await askFirst(some, origin);
      for (const answer of [await ask(some, origin), await ask(some, origin, '/v1/me'), first]) {
        t.equal(allowedBy(answer), origin);
        t.match(answer.headers.vary, /\bOrigin\b/, 'caches distinguish the origins');
      }
      t.match(first.headers['access-control-allow-headers'], /authorization/i);
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
        t.ok(String(first.headers['access-control-allow-methods']).split(', ').includes(method), method);
      }
    }
    for (const origin of others) {
      for (const answer of [await ask(some, origin), await askFirst(some, origin)])
        t.equal(allowedBy(answer), undefined, origin);
    }
  });

  t.test('never allows credentials', async (t) => {
    for (const app of [none, some, any]) {
      for (const origin of [...listed, ...others]) {
        for (const answer of [await ask(app, origin), await askFirst(app, origin)]) {
          t.notOk('access-control-allow-credentials' in answer.headers);
        }
      }
    }
    for (const origin of others) t.equal(allowedBy(await ask(any, origin)), '*', 'the origin is not echoed');
  });

  t.test('answers the preflight of a protected route without a credential', async (t) => {
    for (const url of ['/v1/me', '/v1/accounts/acc_01k7z2n4q8e6tbv5xw3c9d0hjm/members']) {
      const { statusCode, body } = await askFirst(some, listed[0] as string, url, 'DELETE');
      t.same([statusCode, body], [204, '']);
    }
  });

  t.test('allows a page to read refusals, and the headers Retry-After and X-Request-Id', async (t) => {
    const { statusCode, headers } = await ask(some, listed[0] as string, '/v1/me');
    t.equal(statusCode, 401);
    t.match(headers['access-control-expose-headers'], /Retry-After/);
    t.match(headers['access-control-expose-headers'], /X-Request-Id/);
  });

  t.test('does not change answers to unknown URLs and methods', async (t) => {
    const look = async (app: typeof none, request: InjectOptions) => {
      const { statusCode, headers, body } = await app.inject(request);
      return { statusCode, allow: headers.allow, code: JSON.parse(body).code };
    };
    const unrouted: InjectOptions[] = [
      { url: '/v1/nothing' },
      { method: 'POST', url: '/v1/nothing' },
      { method: 'DELETE', url: '/' },
      { method: 'PUT', url: '/v1/me' },
      { method: 'GET', url: '/v1/auth/login' },
      { method: 'OPTIONS', url: '/v1/me' },
      { method: 'OPTIONS', url: '/v1/nothing' },
      { method: 'OPTIONS', url: '/v1/me', headers: { origin: listed[0] } },
    ];
    for (const request of unrouted) {
      const expected = await look(none, request);
      const what = `${request.method ?? 'GET'} ${request.url}`;
      t.equal(expected.statusCode, request.url === '/v1/nothing' || request.url === '/' ? 404 : 405, what);
      for (const app of [some, any]) t.same(await look(app, request), expected, what);
    }
  });
});

t.test(
  'The network of a request',
  { skip: needsPostgres('the same on either database, once is enough') },
  async (t) => {
    /** The network that is logged for a request with this header. */
    async function seenBy(trustProxy: string | undefined, forwarded: string, remoteAddress = '10.1.2.3') {
      const app = await appWith(t, { LOG_LEVEL: 'info', ...(trustProxy && { TRUST_PROXY: trustProxy }) });
      const before = lines.length;
      await app.inject({
        method: 'POST',
        url: '/v1/auth/refresh',
        remoteAddress,
        headers: { 'x-forwarded-for': forwarded, forwarded: 'for=192.0.2.99', 'x-real-ip': '192.0.2.98' },
        payload: { refreshToken: 'x' },
      });
      return eventsIn(lines.slice(before))[0]?.network;
    }

    t.test('is the address of the connection, unless a proxy is trusted', async (t) => {
      t.equal(await seenBy(undefined, '203.0.113.1'), '10.1.2.3');
      t.equal(await seenBy('0', '203.0.113.1'), '10.1.2.3');
      t.equal(await seenBy('10.9.0.0/16', '203.0.113.1'), '10.1.2.3', 'the proxy is not trusted');
    });

    t.test('is the address that the trusted proxies report, not what others before them report', async (t) => {
      t.equal(await seenBy('10.1.0.0/16', '198.51.100.66, 203.0.113.1'), '203.0.113.1');
      t.equal(await seenBy('1', '198.51.100.66, 203.0.113.1'), '203.0.113.1');
      t.equal(await seenBy('2', '198.51.100.66, 203.0.113.1, 10.1.2.4'), '203.0.113.1');
      t.equal(await seenBy('10.1.0.0/16, 192.0.2.1', '198.51.100.66, 203.0.113.1, 192.0.2.1'), '203.0.113.1');
      t.equal(await seenBy('1', '::ffff:203.0.113.1'), '203.0.113.1');
      t.equal(await seenBy('1', '2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64');
    });

    t.test('is unknown if the proxy reports an invalid address', async (t) => {
      for (const nonsense of ['somewhere', "' or 1=1 --", '999.1.1.1', 'x'.repeat(5_000)]) {
        t.equal(await seenBy('1', nonsense), 'unknown');
      }
    });
  },
);
