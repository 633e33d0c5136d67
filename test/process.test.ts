import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eq } from 'drizzle-orm';
import pg from 'pg';
import t, { type Test } from 'tap';
import { type DatabaseChoice, openDatabase } from '../src/database/database.ts';
import { migrate } from '../src/database/migrate.ts';
import { outbox, registrations } from '../src/database/schema.ts';
import { type InviteId, newId } from '../src/ids/ids.ts';
import { generateSigningKeys } from '../src/tokens/keys.ts';
import { messagesOf } from './support/outbox.ts';
import { startPostgresProxy } from './support/postgres-proxy.ts';
import {
  buildOnce,
  type Environment,
  type RequestOptions,
  type RunningService,
  request,
  spawnService,
  startProcess,
} from './support/process.ts';
import { type SendgridServer, startSendgridServer } from './support/sendgrid-server.ts';
import { freshDatabase, isPostgres, needsPostgres, newEmail, password, tokensIn } from './support/service.ts';
import { gate, until } from './support/until.ts';

// Processes start and end here: more than a minute on a busy machine.
t.setTimeout(300_000);

const apiKey = 'SG.this-key-is.never-shown';
const sharedKeys = await generateSigningKeys();
await buildOnce();

async function emptyFolder(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'usher-test-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/**
 * The environment of a service on a fresh database that sends mails to the fake SendGrid server.
 */
async function sending(t: Test, sendgrid: SendgridServer) {
  const choice = await freshDatabase(t);
  return { choice, env: environment(choice, sendgrid) };
}

function environment(choice: DatabaseChoice, sendgrid: SendgridServer): Environment {
  return {
    ...(choice.kind === 'postgres' ? { DATABASE_URL: choice.url } : { DATA_DIR: choice.dataDir }),
    SIGNING_KEYS: sharedKeys,
    ISSUER: 'http://usher.example.com',
    ACCEPT_URL: 'https://app.example.com/invite#token={token}',
    VERIFY_URL: 'https://app.example.com/verify#token={token}',
    RESET_URL: 'https://app.example.com/reset#token={token}',
    EMAIL_CHANGE_URL: 'https://app.example.com/confirm#token={token}',
    OPT_OUT_URL: 'https://app.example.com/no-more#token={token}',
    REPORT_URL: 'https://app.example.com/report#token={token}',
    MAIL_FROM: 'Example Hosting <invites@example.com>',
    SENDGRID_API_KEY: apiKey,
    SENDGRID_BASE_URL: sendgrid.url,
    STOP_DELAY: '0',
  };
}

type Call = (method: string, path: string, options?: RequestOptions) => ReturnType<typeof request>;

/** Calls the services in turn. */
function callerOf(...services: { url: string }[]): Call {
  let turn = 0;
  return (method, path, options) => {
    turn += 1;
    return request((services[turn % services.length] as { url: string }).url, method, path, options);
  };
}

/** The tokens in the links of the newest mail that SendGrid took for an address. */
async function linksFor(sendgrid: SendgridServer, email: string): Promise<string[]> {
  const mail = await until(`a mail to ${email}`, () => sendgrid.acceptedFor(email).at(-1));
  return tokensIn(mail.body.content[0]?.value ?? '');
}

/** The first of them. */
const tokenFor = async (sendgrid: SendgridServer, email: string) => (await linksFor(sendgrid, email))[0] ?? 'no token';

async function signUp(call: Call, sendgrid: SendgridServer, name: string) {
  const email = newEmail(name.split(' ')[0]?.toLowerCase());
  await call('POST', '/v1/auth/register', { body: { email } });
  const chosen = { name, password };
  const verified = await call('POST', '/v1/auth/verify-email', {
    body: { token: await tokenFor(sendgrid, email), ...chosen },
  });
  if (verified.status !== 201) throw new Error(`could not sign up: ${JSON.stringify(verified.body)}`);
  return { email, token: verified.body.accessToken as string, refreshToken: verified.body.refreshToken as string };
}

/** An owner with an account, and how to invite into it. */
async function ownerWithAccount(call: Call, sendgrid: SendgridServer) {
  const owner = await signUp(call, sendgrid, 'Olivia Owner');
  const { body } = await call('POST', '/v1/accounts', { token: owner.token, body: { name: 'Example Hosting' } });
  const url = `/v1/accounts/${body.id}`;
  const invite = (email: string) =>
    call('POST', `${url}/invites`, { token: owner.token, body: { email, access: { allPermissions: true } } });
  return { owner, url, invite };
}

async function refusesConnections({ url }: { url: string }): Promise<boolean> {
  return fetch(`${url}/readyz`).then(
    () => false,
    () => true,
  );
}

if (!isPostgres) {
  t.test('The first start in an empty folder', async (t) => {
    const dataDir = join(await emptyFolder(t), 'data');

    t.test('may be killed while it creates the database', async (t) => {
      const killed = spawnService(t, { DATA_DIR: dataDir });
      await until('the database to be half made', async () =>
        (await readdir(dataDir).catch(() => [])).some((it) => it.startsWith('database.new')),
      );
      t.match(await killed.end('SIGKILL'), { signal: 'SIGKILL' });
    });

    t.test('is ready within 30 seconds and prints its URLs', async (t) => {
      const begun = performance.now();
      const service = await startProcess(t, { DATA_DIR: dataDir });
      const took = performance.now() - begun;
      t.ok(took < 30_000, `ready after ${Math.round(took)} ms`);
      await until('the banner', () => service.printed.stdout.includes('npm run demo'));
      for (const place of ['API', 'Docs', 'Mailbox']) {
        const address = new RegExp(`${place} +(http://localhost:\\d+\\S*)`).exec(service.printed.stdout)?.[1] ?? '';
        const path = new URL(address).pathname;
        const { status } = await request(service.url, 'GET', place === 'API' ? '/v1/permissions' : path);
        t.ok(
          place === 'API' ? status === 200 || status === 401 : status === 200,
          `${place}: ${address} answers ${status}`,
        );
      }
      t.equal((await stat(dataDir)).mode & 0o777, 0o700, 'only the owner can access the folder');
      t.equal((await stat(join(dataDir, 'signing-keys.json'))).mode & 0o777, 0o600);
      t.match(await service.end('SIGTERM'), { code: 0 });
      const left = (await readdir(dataDir)).sort();
      t.same(
        left.filter((it) => it !== 'usher.lock'),
        ['database', 'signing-keys.json'],
        'no unfinished database is left',
      );
    });
  });

  t.test('The folder of a killed service can be opened at once', async (t) => {
    const choice = await freshDatabase(t);
    if (choice.kind !== 'embedded') return;
    const service = await startProcess(t, { DATA_DIR: choice.dataDir });
    await t.rejects(openDatabase(choice), { message: /^another process is using/ });
    const second = spawnService(t, { DATA_DIR: choice.dataDir });
    t.match(await second.ended, { code: 1 }, 'a second service does not start');
    t.match(
      second.printed.stderr,
      /^Usher could not start: another process is using .+ set DATA_DIR to another folder/,
    );
    t.equal((await request(service.url, 'GET', '/readyz')).status, 200, 'the first keeps running');
    await service.end('SIGKILL');
    const database = await openDatabase(choice);
    t.equal(await database.db.$count(outbox), 0);
    await database.close();
  });
}

t.test('A wrong configuration stops the start and lists every mistake', async (t) => {
  const wrong = spawnService(t, {
    DATA_DIR: await emptyFolder(t),
    PORT: 'eighty',
    ACCEPT_URL: 'https://app.example.com/invite',
    SIGNING_KEYS: '{"keys": [{"kid": "k", "d": "the-private-part"}]}',
    LOG_LEVEL: 'loud',
    SENDGRID_API_KEY: apiKey,
    DATABASE_URL: 'mysql://root:the-database-password@127.0.0.1/usher',
  });
  t.match(await wrong.ended, { code: 1 });
  for (const name of ['PORT', 'ACCEPT_URL', 'SIGNING_KEYS', 'LOG_LEVEL', 'MAIL_FROM', 'DATABASE_URL']) {
    t.match(wrong.printed.stderr, new RegExp(`^ +${name} \\w+`, 'm'), name);
  }
  for (const secret of ['the-private-part', apiKey, 'the-database-password']) {
    t.notOk(wrong.printed.stderr.includes(secret), 'no secret is quoted');
  }
});

t.test('In production', async (t) => {
  const sendgrid = await startSendgridServer(t);
  const { env } = await sending(t, sendgrid);
  const production = { ...env, NODE_ENV: 'production' };

  t.test('the start fails without a mail service', async (t) => {
    const service = spawnService(t, { ...production, SENDGRID_API_KEY: '' });
    t.match(await service.ended, { code: 1 });
    t.match(service.printed.stderr, /^ +SMTP_URL or SENDGRID_API_KEY is required in production/m);
  });

  t.test('there is no mailbox, and standard output has only log lines', async (t) => {
    const service = await startProcess(t, production);
    const pages = ['invite', 'opt-out', 'report', 'verify-email', 'reset-password', 'confirm-email'].map(
      (it) => `/dev/${it}`,
    );
    for (const path of ['/dev/mailbox', ...pages]) {
      t.equal((await request(service.url, 'GET', path)).status, 404, path);
    }
    await service.end('SIGTERM');
    const lines = service.printed.stdout.trim().split('\n');
    t.ok(lines.length > 0 && lines.every((line) => JSON.parse(line).level > 0), 'every line is JSON');
  });
});

t.test('SIGTERM', async (t) => {
  const sendgrid = await startSendgridServer(t);
  const { choice, env } = await sending(t, sendgrid);
  const service = await startProcess(t, env);
  const { open, opened } = gate();
  sendgrid.answerWith({ status: 202, after: opened });

  const email = newEmail();
  await request(service.url, 'POST', '/v1/auth/register', { body: { email } });
  await until('a mail being sent', () => sendgrid.requests.length === 1);
  const slow = slowRequest(service, { email: newEmail(), locale: 'de' });
  await slow.begun;
  service.kill('SIGTERM');
  await until('new connections to be refused', () => refusesConnections(service));
  t.equal(service.isOver(), false, 'it waits for the running request and mail');
  slow.finish();
  t.equal(await slow.status, 202, 'the running request is answered');
  open();
  t.strictSame(await service.ended, { code: 0, signal: null });

  const database = await openDatabase(choice);
  t.teardown(() => database.close());
  const rows = await database.db.select().from(outbox).orderBy(outbox.id);
  t.equal(rows[0]?.status, 'sent', 'the running delivery was finished and stored');
  // The message of the last request is sent before the end, or left for the next start.
  t.match(
    rows[1],
    rows[1]?.attempts === 0 ? { status: 'queued' } : { status: 'sent' },
    'no message is left unfinished',
  );
});

t.test('A running service deletes what has expired', async (t) => {
  const { choice, env } = await sending(t, await startSendgridServer(t));
  const before = await openDatabase(choice);
  await migrate(before.db);
  const [createdAt, expiresAt] = [new Date('2026-01-01T00:00:00Z'), new Date('2026-01-02T00:00:00Z')];
  const expired = { id: newId('reg'), email: newEmail(), locale: null, createdAt, expiresAt };
  await before.db.insert(registrations).values(expired);
  await before.close();

  const service = await startProcess(t, env);
  await until('the registration to go', () => service.printed.stdout.includes('expired rows deleted'));
  t.notMatch(service.printed.stdout, expired.email);
  t.strictSame(await service.end('SIGTERM'), { code: 0, signal: null });
  const after = await openDatabase(choice);
  t.teardown(() => after.close());
  t.same(await after.db.select().from(registrations), []);
});

/** A request that sends its body in two parts. */
function slowRequest({ url }: RunningService, body: object) {
  const text = JSON.stringify(body);
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    expect: '100-continue',
  };
  const asked = httpRequest(`${url}/v1/auth/register`, { method: 'POST', headers });
  asked.flushHeaders();
  // The service has started the request when it sends 100 Continue.
  const begun = once(asked, 'continue').then(() => void asked.write(text.slice(0, 20)));
  const status = once(asked, 'response').then(([response]) => {
    response.resume();
    return response.statusCode as number;
  });
  return { begun, finish: () => void asked.end(text.slice(20)), status };
}

t.test(
  'SIGTERM with STOP_DELAY: requests are still served, with Connection: close',
  { skip: needsPostgres('the same on both databases') },
  async (t) => {
    const { env } = await sending(t, await startSendgridServer(t));
    const service = await startProcess(t, { ...env, STOP_DELAY: '2' });
    const call = callerOf(service);
    service.kill('SIGTERM');
    await until('it not to be ready', async () => (await call('GET', '/readyz')).status === 503);
    const answer = await call('POST', '/v1/auth/login', { body: { email: newEmail(), password } });
    t.match(answer, { status: 401 });
    t.equal(answer.headers.get('connection'), 'close');
    t.strictSame(await service.ended, { code: 0, signal: null });
  },
);

t.test('kill -9', async (t) => {
  t.test('right after 201: the mail is sent once, after the next start', async (t) => {
    const sendgrid = await startSendgridServer(t);
    const { env } = await sending(t, sendgrid);
    const first = await startProcess(t, env);
    const { owner, url, invite } = await ownerWithAccount(callerOf(first), sendgrid);
    // SendGrid refuses the mail now, so only the second process can send it.
    sendgrid.answerWith({ status: 503 });
    const email = newEmail('adam');
    const made = await invite(email);
    await first.end('SIGKILL');
    t.equal(made.status, 201);
    sendgrid.answerWith({ status: 202 });

    const second = await startProcess(t, env);
    const mail = await until('the mail', () => sendgrid.acceptedFor(email)[0], 45_000);
    t.match(mail, { method: 'POST', path: '/v3/mail/send', headers: { authorization: `Bearer ${apiKey}` } });
    t.match(mail.body, {
      from: { email: 'invites@example.com', name: 'Example Hosting' },
      subject: 'Olivia Owner invites you to Example Hosting',
      personalizations: [{ to: [{ email }] }],
      content: [{ type: 'text/plain' }, { type: 'text/html' }],
      custom_args: { deliveryId: /^dlv_[0-9a-z]{26}$/ },
    });
    const token = await tokenFor(sendgrid, email);
    t.ok(
      mail.body.content[1]?.value.includes(`https://app.example.com/invite#token=${token}`),
      'HTML has the same link',
    );
    const preview = await request(second.url, 'POST', '/v1/invites/preview', { body: { token } });
    t.match(preview, { status: 200, body: { email, account: { name: 'Example Hosting' } } }, 'the link works');
    await until('the invite to say that it was sent', async () => {
      const { body } = await request(second.url, 'GET', `${url}/invites/${made.body.id}`, { token: owner.token });
      return body.lastSentAt;
    });
    t.match(await second.end('SIGTERM'), { code: 0 });
    t.equal(sendgrid.acceptedFor(email).length, 1);
  });

  t.test('while SendGrid does not answer: the mail is sent again after the lease ends', async (t) => {
    const sendgrid = await startSendgridServer(t);
    const { choice, env } = await sending(t, sendgrid);
    const first = await startProcess(t, env);
    const { invite } = await ownerWithAccount(callerOf(first), sendgrid);
    sendgrid.answerWith('hang');
    const email = newEmail('adam');
    const { body: made } = await invite(email);
    const isFor = (it: { body: { personalizations: { to: { email: string }[] }[] } }) =>
      it.body.personalizations[0]?.to[0]?.email === email;
    const asked = await until('SendGrid to be asked', () => sendgrid.requests.find(isFor));
    await first.end('SIGKILL');
    sendgrid.answerWith({ status: 202 });

    const database = await openDatabase(choice);
    const [row] = await messagesOf(database.db, made.id);
    t.match(row, { status: 'queued', attempts: 1 }, 'the result was not stored');
    t.ok(row && row.dueAt > new Date(), 'it is leased');
    // End the lease.
    await database.db
      .update(outbox)
      .set({ dueAt: new Date() })
      .where(eq(outbox.inviteId, made.id as InviteId));
    await database.close();

    const second = await startProcess(t, env);
    const mail = await until('the mail', () => sendgrid.acceptedFor(email)[0]);
    t.same(mail.body.custom_args, asked.body.custom_args, 'it is the same delivery');
    t.match(await second.end('SIGTERM'), { code: 0 });
    t.equal(sendgrid.acceptedFor(email).length, 1);
  });
});

t.test(
  'The log of a whole walk contains no secrets and no addresses',
  { skip: needsPostgres('the same on both databases') },
  async (t) => {
    const sendgrid = await startSendgridServer(t);
    const { env } = await sending(t, sendgrid);
    const service = await startProcess(t, { ...env, LOG_LEVEL: 'trace' });
    const call = callerOf(service);
    const { owner, url, invite } = await ownerWithAccount(call, sendgrid);
    const secrets = ['@example.com', '%40example.com', apiKey, password, owner.token, owner.refreshToken];
    secrets.push(...JSON.parse(sharedKeys).keys.map((it: { d: string }) => it.d));

    // Successful calls.
    const login = await call('POST', '/v1/auth/login', { body: { email: owner.email, password } });
    const refreshed = await call('POST', '/v1/auth/refresh', { body: { refreshToken: login.body.refreshToken } });
    for (const { body } of [login, refreshed]) secrets.push(body.accessToken, body.refreshToken);
    const email = newEmail('adam');
    await invite(email);
    const [token = '', optOutToken = '', reportToken = ''] = await linksFor(sendgrid, email);
    secrets.push(token, optOutToken, reportToken);
    await call('GET', `${url}/invites?email=${encodeURIComponent(email)}`, { token: owner.token });
    await call('GET', `${url}/members?q=${encodeURIComponent(owner.email)}`, { token: owner.token });
    await call('POST', '/v1/invites/preview', { body: { token } });
    const accepted = await call('POST', '/v1/invites/accept', {
      body: { token, register: { name: 'Adam Accountant', password: 'another long enough password' } },
    });
    t.equal(accepted.status, 201);
    const adam = accepted.body.session;
    secrets.push('another long enough password', adam.accessToken, adam.refreshToken);
    await call('DELETE', `${url}/members/${adam.user.id}`, { token: owner.token });
    t.equal((await call('POST', '/v1/invites/opt-out', { body: { token: optOutToken } })).status, 200);
    await call('GET', `/v1/invites/opt-out/one-click?token=${optOutToken}&again`);
    t.equal((await call('POST', '/v1/invites/report', { body: { token: reportToken } })).status, 200);
    const chosen = { currentPassword: 'another long enough password', newPassword: 'one that nobody has seen' };
    t.equal((await call('PUT', '/v1/me/password', { token: adam.accessToken, body: chosen })).status, 204);
    const next = newEmail('adam-elsewhere');
    const change = { email: next, currentPassword: chosen.newPassword };
    t.equal((await call('POST', '/v1/me/email-change', { token: adam.accessToken, body: change })).status, 202);
    const changeToken = await tokenFor(sendgrid, next);
    t.equal((await call('POST', '/v1/auth/email-change/confirm', { body: { token: changeToken } })).status, 200);
    await call('POST', '/v1/auth/password-reset', { body: { email: next } });
    const resetToken = await until('the reset mail', async () => {
      const newest = await tokenFor(sendgrid, next);
      return newest === changeToken ? undefined : newest;
    });
    const reset = { token: resetToken, password: 'one more that nobody has seen' };
    const opened = await call('POST', '/v1/auth/password-reset/confirm', { body: reset });
    t.equal(opened.status, 200);
    secrets.push(chosen.newPassword, reset.password, changeToken, resetToken);
    secrets.push(opened.body.accessToken, opened.body.refreshToken);

    // Failing calls.
    const wrong = 'a wrong password that is typed';
    secrets.push(wrong);
    await call('POST', '/v1/auth/login', { body: { email, password: wrong } });
    await call('POST', '/v1/auth/login', { body: { email, password: wrong, surplus: email } });
    await call('PUT', '/v1/me/password', {
      token: opened.body.accessToken,
      body: { currentPassword: wrong, newPassword: wrong },
    });
    await call('POST', '/v1/me/identities', {
      token: opened.body.accessToken,
      body: { accessToken: `${owner.token}x`, currentPassword: reset.password },
    });
    await call('POST', '/v1/auth/password-reset/confirm', { body: reset });
    await call('POST', '/v1/auth/email-change/confirm', { body: { token: resetToken } });
    await call('POST', '/v1/auth/password-reset', { body: { email: newEmail('nobody') } });
    const stolen = { body: { refreshToken: login.body.refreshToken }, headers: { 'user-agent': 'a thief' } };
    t.equal((await call('POST', '/v1/auth/refresh', stolen)).status, 401);
    await call('POST', '/v1/auth/register', { body: { email: owner.email } });
    await call('POST', '/v1/invites/accept', { body: { token, login: { email, password: wrong } } });
    await call('POST', '/v1/invites/preview', { body: { token: `${token}x` } });
    await call('GET', '/v1/me', { token: `${owner.token}x` });
    await call('GET', `/v1/me?token=${token}`, { token: owner.token });
    await invite(owner.email);
    const failing = [{ status: 400 }, { status: 401 }, { status: 500 }, 'cut'] as const;
    for (const answer of failing) {
      sendgrid.answerWith(answer);
      const asked = sendgrid.requests.length;
      const message = await invite(newEmail('late'));
      t.equal(message.status, 201);
      await until('the mail to fail', () => sendgrid.requests.length > asked);
    }
    await call('POST', '/v1/auth/logout', { body: { refreshToken: refreshed.body.refreshToken } });
    await until('the failures to be logged', () => service.printed.stdout.includes('SendGrid did not answer'));
    t.match(await service.end('SIGTERM'), { code: 0 });

    const printed = service.printed.stdout + service.printed.stderr;
    t.ok(printed.split('\n').length > 30, 'the log has lines');
    t.match(printed, '/invites');
    for (const secret of secrets) {
      const line = printed.split('\n').find((it) => it.includes(secret));
      t.equal(line, undefined, 'no line contains this secret');
    }
    t.notMatch(printed, /eyJ[\w-]+\./, 'nothing looks like a token');
  },
);

t.test('Two replicas share one database', { skip: needsPostgres() }, async (t) => {
  const sendgrid = await startSendgridServer(t);
  const { env } = await sending(t, sendgrid);
  const [one, other] = await Promise.all([startProcess(t, env), startProcess(t, env)]);
  const call = callerOf(one, other);
  const [onOne, onOther] = [callerOf(one), callerOf(other)];

  const { owner, url, invite } = await ownerWithAccount(call, sendgrid);
  const email = newEmail('adam');
  const made = await invite(email);
  t.equal(made.status, 201);
  const pending = await call('GET', `${url}/invites?status=pending`, { token: owner.token });
  t.match(pending.body.items, [{ id: made.body.id, email }]);
  const token = await tokenFor(sendgrid, email);
  t.equal((await call('POST', '/v1/invites/preview', { body: { token } })).status, 200);
  const accepted = await call('POST', '/v1/invites/accept', {
    body: { token, register: { name: 'Adam Accountant', password } },
  });
  t.equal(accepted.status, 201);
  const adam = accepted.body.session;
  const again = await call('POST', '/v1/invites/accept', { body: { token, login: { email, password } } });
  t.equal(again.body.code, 'invite-accepted', 'an invite accepted on one replica is accepted on the other');
  for (const replica of [onOne, onOther]) t.equal((await replica('GET', url, { token: adam.accessToken })).status, 200);
  const changed = await call('PATCH', `${url}/members/${adam.user.id}`, {
    token: owner.token,
    body: { access: { permissions: ['members:read'] } },
  });
  t.equal(changed.status, 200);
  const refused = await call('POST', `${url}/invites`, {
    token: adam.accessToken,
    body: { email: newEmail(), access: { permissions: ['members:read'] } },
  });
  t.match(refused, { status: 403, body: { code: 'permission-missing' } }, 'a change on one applies on the other');

  t.equal((await onOne('DELETE', `${url}/members/${adam.user.id}`, { token: owner.token })).status, 204);
  t.equal(
    (await onOther('GET', url, { token: adam.accessToken })).status,
    404,
    'a member removed on one has no access on the other',
  );
  t.equal((await onOther('GET', '/v1/me', { token: adam.accessToken })).status, 200, 'the session is still active');
  t.equal((await onOne('POST', '/v1/auth/logout', { body: { refreshToken: adam.refreshToken } })).status, 204);
  t.equal(
    (await onOther('GET', '/v1/me', { token: adam.accessToken })).status,
    401,
    'a session ended on one is ended on the other',
  );
  const deliveries = sendgrid.acceptedFor(email).map((it) => it.body.custom_args?.deliveryId);
  t.equal(new Set(deliveries).size, deliveries.length, 'two workers sent each mail once');

  const elsewhere = await onOne('POST', '/v1/auth/login', { body: { email: owner.email, password } });
  const { body: sessions } = await onOther('GET', '/v1/me/sessions', { token: owner.token });
  const [newest] = sessions.items;
  t.equal(newest.isCurrent, false);
  t.equal((await onOther('DELETE', `/v1/me/sessions/${newest.id}`, { token: owner.token })).status, 204);
  t.equal(
    (await onOne('GET', '/v1/me', { token: elsewhere.body.accessToken })).status,
    401,
    'so is a session that the user ended from another session',
  );

  const guess = { body: { email: newEmail('victim'), password: 'a wrong guess at it' } };
  const statuses: number[] = [];
  for (let i = 0; i < 12; i += 1) statuses.push((await call('POST', '/v1/auth/login', guess)).status);
  t.same(statuses, [...Array(10).fill(401), 429, 429], 'limits count attempts on both replicas');
});

t.test('A start while Postgres is unreachable', { skip: needsPostgres() }, async (t) => {
  const choice = await freshDatabase(t);
  if (choice.kind !== 'postgres') return;
  const proxy = await startPostgresProxy(t, choice.url);
  proxy.cut();
  const env = {
    ...environment({ kind: 'postgres', url: proxy.url }, await startSendgridServer(t)),
    LOG_LEVEL: 'warn',
  };
  const port = String(40_000 + (process.pid % 20_000));
  const service = spawnService(t, { ...env, PORT: port });
  const call = callerOf({ url: `http://127.0.0.1:${port}` });

  await t.test('waits and logs it: the service is live but not ready', async (t) => {
    await until('the service to say that it waits', () => service.printed.stdout.includes('waiting for the database'));
    t.match(service.printed.stdout, /"reason":"[^"]*ECONNREFUSED/);
    t.equal((await call('GET', '/livez')).status, 200);
    t.match(await call('GET', '/readyz'), { status: 503, body: { detail: 'The service is starting.' } });
    const login = { body: { email: newEmail(), password } };
    t.match(await call('POST', '/v1/auth/login', login), { status: 503, body: { code: 'unavailable' } });
  });

  await t.test('can be stopped while waiting', async (t) => {
    const other = spawnService(t, env);
    await until('it to wait', () => other.printed.stdout.includes('waiting for the database'));
    t.match(await other.end('SIGTERM'), { code: 0 });
  });

  await t.test('continues when Postgres answers, even if it did not answer connections before', async (t) => {
    proxy.freeze();
    await proxy.restore();
    await until('it to have met silence', () =>
      /"reason":"[^"]*(terminated|timeout expired)/.test(service.printed.stdout),
    );
    proxy.thaw();
    await until('readiness', async () => (await call('GET', '/readyz')).status === 200);
    t.match(await call('POST', '/v1/auth/login', { body: { email: newEmail(), password } }), { status: 401 });
  });
});

t.test('Postgres stops and returns', { skip: needsPostgres() }, async (t) => {
  const sendgrid = await startSendgridServer(t);
  const choice = await freshDatabase(t);
  if (choice.kind !== 'postgres') return;
  const proxy = await startPostgresProxy(t, choice.url);
  const service = await startProcess(t, environment({ kind: 'postgres', url: proxy.url }, sendgrid));
  const call = callerOf(service);
  const { owner, url, invite } = await ownerWithAccount(call, sendgrid);
  const rename = (name: string) => call('PATCH', url, { token: owner.token, body: { name } });
  const unavailable = { status: 503, body: { code: 'unavailable' } };

  t.test('a stop during requests', async (t) => {
    const holder = new pg.Client({ connectionString: choice.url });
    await holder.connect();
    await holder.query('begin; select * from accounts for update');
    const held = rename('Never Kept');
    await until('the request to wait in the database', async () => {
      const { rows } = await holder.query(
        `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      return rows.length > 0;
    });
    proxy.cut();
    const answers = await Promise.all([
      held,
      call('GET', '/readyz'),
      call('GET', '/v1/me', { token: owner.token }),
      invite(newEmail()),
      rename('Never Kept Either'),
      call('POST', '/v1/auth/login', { body: { email: owner.email, password } }),
    ]);
    for (const answer of answers) {
      t.match(answer, unavailable);
      t.match(answer.headers.get('retry-after'), /^\d+$/);
      t.notMatch(JSON.stringify(answer.body), /ECONN|select|terminated/i, 'no internals are shown');
    }
    await holder.query('rollback');
    await holder.end();
  });

  t.test('the return of Postgres: the service works again without a restart', async (t) => {
    await proxy.restore();
    await until('readiness', async () => (await call('GET', '/readyz')).status === 200);
    t.match(
      await call('GET', url, { token: owner.token }),
      { body: { name: 'Example Hosting' } },
      'nothing was half done',
    );
    t.match(await rename('Example Hosting Ltd'), { status: 200, body: { name: 'Example Hosting Ltd' } });
    const email = newEmail('adam');
    t.equal((await invite(email)).status, 201);
    t.ok(await tokenFor(sendgrid, email), 'mails are sent too');
  });

  t.test('a Postgres that does not answer: each request is answered within the timeouts', async (t) => {
    // So that there are connections to fall silent, and more requests than those.
    await Promise.all(Array.from({ length: 10 }, () => call('GET', '/v1/me', { token: owner.token })));
    proxy.freeze();
    const begun = performance.now();
    const answers = await Promise.all([
      call('GET', '/readyz'),
      ...Array.from({ length: 8 }, () => rename('Never Kept')),
      ...Array.from({ length: 8 }, () => call('GET', '/v1/me', { token: owner.token })),
    ]);
    const took = performance.now() - begun;
    for (const answer of answers) t.match(answer, unavailable);
    t.ok(took < 16_000, `the last one was answered after ${Math.round(took)} ms`);
    proxy.thaw();
    await until('readiness', async () => (await call('GET', '/readyz')).status === 200);
    const renamed = await Promise.all(Array.from({ length: 12 }, (_, index) => rename(`Example ${index}`)));
    t.ok(
      renamed.every((it) => it.status === 200),
      'and then it is as it was',
    );
  });

  t.test('the log contains no secrets', async (t) => {
    t.equal(service.isOver(), false, 'it is still the same process');
    t.match(await service.end('SIGTERM'), { code: 0 });
    const printed = service.printed.stdout + service.printed.stderr;
    t.match(printed, 'unavailable', 'it says what happened');
    for (const secret of ['@example.com', apiKey, password, owner.token, owner.refreshToken, 'Never Kept', 'Olivia']) {
      t.notOk(printed.includes(secret), secret.slice(0, 12));
    }
  });
});
