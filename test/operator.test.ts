import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { eq } from 'drizzle-orm';
import t from 'tap';
import { type DatabaseChoice, openDatabase } from '../src/database/database.ts';
import { migrate } from '../src/database/migrate.ts';
import { identities, users } from '../src/database/schema.ts';
import { newId, type UserId } from '../src/ids.ts';
import { buildOnce } from './support/process.ts';
import { freshDatabase, isPostgres, newEmail, password, startService } from './support/service.ts';

t.setTimeout(120_000);
await buildOnce();

const root = fileURLToPath(new URL('..', import.meta.url));

/** Runs `npm run users` as an operator does, but for npm. */
async function run(choice: DatabaseChoice, ...words: string[]) {
  const env = choice.kind === 'postgres' ? { DATABASE_URL: choice.url } : { DATA_DIR: choice.dataDir };
  const command = ['-u', 'NODE_OPTIONS', process.execPath, 'dist/operator/users.js', ...words];
  const running = promisify(execFile)('env', command, { cwd: root, env: { PATH: process.env.PATH, ...env } });
  const { stdout, stderr, code } = await running.then(
    (it) => ({ ...it, code: 0 }),
    (error) => error as { stdout: string; stderr: string; code: number },
  );
  return { stdout, stderr, code };
}

t.test('npm run users', async (t) => {
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
