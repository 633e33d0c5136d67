import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { eq } from 'drizzle-orm';
import t from 'tap';
import { type DatabaseChoice, openDatabase } from '../src/database/database.ts';
import { migrate } from '../src/database/migrate.ts';
import { identities, users } from '../src/database/schema.ts';
import { newId, type UserId } from '../src/ids.ts';
import { keepingTransport, promisesOf, workerOf } from './support/outbox.ts';
import { buildOnce } from './support/process.ts';
import { root } from './support/root.ts';
import { freshDatabase, isPostgres, newEmail, password, startService } from './support/service.ts';

t.setTimeout(300_000);
await buildOnce();

/** Runs `npm run users` as an operator does, but for npm. */
const run = (choice: DatabaseChoice, ...words: string[]) => runProgram('users', choice, words);
const runOutbox = (choice: DatabaseChoice, ...words: string[]) => runProgram('outbox', choice, words);

async function runProgram(program: string, choice: DatabaseChoice, words: string[], more: Record<string, string> = {}) {
  const place = choice.kind === 'postgres' ? { DATABASE_URL: choice.url } : { DATA_DIR: choice.dataDir };
  const env = { ...place, ...more };
  const command = ['-u', 'NODE_OPTIONS', process.execPath, `dist/operator/${program}.js`, ...words];
  const running = promisify(execFile)('env', command, { cwd: root, env: { PATH: process.env.PATH, ...env } });
  const { stdout, stderr, code } = await running.then(
    (it) => ({ ...it, code: 0 }),
    (error) => error as { stdout: string; stderr: string; code: number },
  );
  return { stdout, stderr, code };
}

t.test('npm run users', { skip: !isPostgres && 'the same on either database: once is enough' }, async (t) => {
  const choice = await freshDatabase(t);
  const database = await openDatabase(choice);
  await migrate(database.db);
  const user = {
    id: newId('usr'),
    email: newEmail(),
    name: 'Adam Member',
    passwordHash: 'a hash',
    createdAt: new Date(),
  };
  await database.db.insert(users).values(user);
  await database.close();

  await t.test('says who someone is, by address in any spelling or by id, and nothing secret', async (t) => {
    for (const who of [user.email, user.email.toUpperCase(), user.id]) {
      const { stdout, code } = await run(choice, 'show', who);
      t.equal(code, 0);
      t.match(JSON.parse(stdout), { id: user.id, email: user.email, disabledAt: null, hasPassword: true });
      t.notMatch(stdout, 'a hash');
    }
  });

  await t.test('writes what it did into the audit log, on standard error', async (t) => {
    const { stdout, stderr } = await run(choice, 'disable', user.id);
    t.match(JSON.parse(stdout), { disabledAt: /^\d{4}-/ });
    t.match(JSON.parse(stderr), { msg: 'security', event: 'user_disabled', userId: user.id, by: 'operator' });
  });

  await t.test('links an identity, which can be one user’s alone', async (t) => {
    const named = ['https://login.example.com', 'subject-1'];
    t.equal((await run(choice, 'link', user.email, ...named)).code, 0);
    const again = await run(choice, 'link', user.email, ...named);
    t.match(again, { code: 1, stderr: /belongs to another login/ });
    const database = await openDatabase(choice);
    const rows = await database.db.select().from(identities).where(eq(identities.userId, user.id));
    await database.close();
    t.match(rows, [{ issuer: named[0], subject: named[1] }]);
    t.equal(rows.length, 1);
  });

  await t.test('does nothing for someone it does not know, and explains itself', async (t) => {
    t.match(await run(choice, 'disable', 'nobody@example.com'), { code: 1, stdout: '', stderr: /no user nobody@/ });
    for (const words of [[], ['destroy', user.email], ['disable'], ['link', user.email, 'x'], ['constructor', 'x']]) {
      t.match(await run(choice, ...words), { code: 2, stdout: '', stderr: /^Usage:/ }, words.join(' '));
    }
  });
});

t.test('An operator keeps someone out while the service runs', { skip: !isPostgres }, async (t) => {
  const { call, choice, newUser, db } = await startService(t);
  const user = await newUser();
  const me = (token: string) => call('GET', '/v1/me', { token });
  const logIn = () => call('POST', '/v1/auth/login', { body: { email: user.email, password } });

  await t.test('disable: from the next request on nothing of theirs counts', async (t) => {
    t.equal((await me(user.token)).status, 200);
    await run(choice, 'disable', user.email);
    t.equal((await me(user.token)).code, 'unauthenticated');
    const refresh = { body: { refreshToken: user.refreshToken } };
    t.equal((await call('POST', '/v1/auth/refresh', refresh)).code, 'unauthenticated');
    t.equal((await logIn()).code, 'user-disabled');
  });

  await t.test('enable: they log in again, and what was ended stays ended', async (t) => {
    await run(choice, 'enable', user.email);
    t.equal((await me(user.token)).code, 'unauthenticated');
    t.equal((await logIn()).status, 200);
  });

  await t.test('end-sessions: they are logged out everywhere, and may log in', async (t) => {
    const tokens = [(await logIn()).body.accessToken, (await logIn()).body.accessToken];
    await run(choice, 'end-sessions', user.id);
    for (const token of tokens) t.equal((await me(token)).code, 'unauthenticated');
    t.equal((await logIn()).status, 200);
    const [row] = await db
      .select()
      .from(users)
      .where(eq(users.id, user.id as UserId));
    t.equal(row?.disabledAt, null);
  });
});

t.test('npm run outbox', { skip: !isPostgres && 'the same on either database: once is enough' }, async (t) => {
  const choice = await freshDatabase(t);
  const database = await openDatabase(choice);
  await migrate(database.db);
  await database.close();

  await t.test('says that nothing waits', async (t) => {
    const { stdout, code } = await runOutbox(choice);
    t.equal(code, 0);
    const counts = { queued: 0, due: 0, failed: 0, oldestDueAt: null };
    t.strictSame(JSON.parse(stdout), { counts, queued: [], failed: [] });
  });

  await t.test('explains itself where it is asked for what there is not', async (t) => {
    const id = newId('dlv');
    const nonsense = [
      'destroy',
      'list x',
      'list --limit=0',
      'list --status=sent',
      'list --failed',
      'show',
      'show x',
      `show ${id} ${id}`,
      'retry',
      `retry ${id} --failed`,
      'retry --since=2026-11-25',
      'retry --failed --since=soon',
      '--unknown',
    ];
    for (const words of nonsense) {
      t.match(await runOutbox(choice, ...words.split(' ')), { code: 2, stdout: '', stderr: /^Usage:/ }, words);
    }
    for (const word of ['show', 'retry']) t.match(await runOutbox(choice, word, id), { code: 1, stderr: id });
  });
});

t.test('An operator puts mails back that were given up', { skip: !isPostgres }, async (t) => {
  const service = await startService(t);
  const { call, choice } = service;
  const account = await service.newAccount();
  const { token } = account.owner;
  const reason = 'SendGrid answered 401: it does not take the API key';
  const refusing = workerOf(service, { transport: async () => ({ outcome: 'refused', reason }) });
  const inviteOne = async () => {
    const email = newEmail('adam');
    const { body } = await service.invite(account, account.owner, email);
    const [mail] = await promisesOf(service.db, body.id);
    return { email, mail: mail?.id ?? '', url: `${account.url}/invites/${body.id}` };
  };
  const deliveryOf = async ({ url }: { url: string }) => (await call('GET', url, { token })).body.delivery;
  const outboxNow = async (...words: string[]) => JSON.parse((await runOutbox(choice, ...words)).stdout);
  const [one, other, revoked] = [await inviteOne(), await inviteOne(), await inviteOne()];

  await t.test('list and show: what waits, and why something was given up, without any address', async (t) => {
    const waiting = await outboxNow('list', '--status=queued');
    t.match(waiting.counts, { queued: 3, due: 3, failed: 0 });
    t.equal(waiting.queued[0].id, one.mail, 'longest due first');
    await refusing.drain();
    const given = await runOutbox(choice);
    t.notMatch(given.stdout, '@');
    const { counts, failed } = JSON.parse(given.stdout);
    t.match(counts, { queued: 0, due: 0, failed: 3, oldestDueAt: null });
    t.match(
      failed.map((it: object) => it),
      [{ kind: 'invite', status: 'failed', attempts: 1, reason }, {}, {}],
    );
    t.equal((await outboxNow('list', '--limit=2')).failed.length, 2);
    t.match(await outboxNow('show', one.mail), { id: one.mail, status: 'failed', reason });
    t.match(await deliveryOf(one), { event: 'failed', reason });
  });

  await t.test('retry: one, and its invite waits again', async (t) => {
    t.match(await outboxNow('retry', one.mail), { id: one.mail, status: 'queued', attempts: 0 });
    t.match(await runOutbox(choice, 'retry', one.mail), { code: 1, stderr: /No mail dlv_\w+ was given up/ });
    t.match(await deliveryOf(one), { event: 'queued', reason: null, attempts: 0 });
    t.match(await deliveryOf(other), { event: 'failed' }, 'the others as before');
    const { mails, transport } = keepingTransport();
    await workerOf(service, { transport }).drain();
    t.same(
      mails.map((it) => it.to),
      [one.email],
    );
    t.match(await deliveryOf(one), { event: 'sent', attempts: 1 });
    const { body } = await call('GET', `${one.url}/delivery-events`, { token });
    t.same(
      body.items.map((it: { event: string }) => it.event),
      ['queued', 'failed', 'queued', 'sent'],
    );
  });

  await t.test('retry --failed: all that were given up since then; what came to its end is not sent', async (t) => {
    const later = new Date(Date.now() + 60_000).toISOString();
    t.same(await outboxNow('retry', '--failed', `--since=${later}`), { putBack: 0 });
    await call('POST', `${revoked.url}/revoke`, { token });
    t.same(await outboxNow('retry', '--failed'), { putBack: 2 });
    const { mails, transport } = keepingTransport();
    await workerOf(service, { transport }).drain();
    t.same(
      mails.map((it) => it.to),
      [other.email],
    );
    t.match((await outboxNow()).counts, { queued: 0, failed: 0 });
  });
});

t.test('npm run check-config', async (t) => {
  const choice = { kind: 'embedded', dataDir: '/nowhere' } as const;
  await t.test('says that all is well and what it comes to, and shows no secret', async (t) => {
    const secret = { SMTP_URL: 'smtps://user:swordfish@smtp.example.com', MAIL_FROM: 'invites@example.com' };
    const { stdout, code } = await runProgram('check-config', choice, [], secret);
    t.equal(code, 0);
    t.match(stdout, /^The configuration is good\.\n.*embedded, in \/nowhere.*smtp, from invites@example\.com/s);
    t.notMatch(stdout, 'swordfish');
  });

  await t.test('says every mistake at once, and opens nothing', async (t) => {
    const wrong = { PORT: 'x', NODE_ENV: 'production' };
    const { stderr, stdout, code } = await runProgram('check-config', choice, [], wrong);
    t.match({ stdout, code }, { stdout: '', code: 1 });
    t.match(stderr, /PORT must.*ISSUER is required in production/s);
  });
});

t.test('npm run migrate', async (t) => {
  const choice = await freshDatabase(t);
  // The embedded database of a test is made with all of them.
  const first = await runProgram('migrate', choice, []);
  t.match(first, { code: 0, stdout: isPostgres ? /^Applied \d+\.\n$/ : /\.\n$/ });
  t.match(await runProgram('migrate', choice, []), { code: 0, stdout: 'Nothing was missing.\n' });
  const { stdout } = await runProgram('outbox', choice, []);
  t.match(JSON.parse(stdout), { counts: { queued: 0 } }, 'every table is there');
});
