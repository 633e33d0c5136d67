import { eq } from 'drizzle-orm';
import t from 'tap';
import { type DatabaseChoice, openDatabase } from '../../src/database/database.ts';
import { migrate } from '../../src/database/migrate.ts';
import { identities, users } from '../../src/database/schema.ts';
import { newId, type UserId } from '../../src/ids/ids.ts';
import { buildOnce, runProgram } from '../support/process.ts';
import { freshDatabase, isPostgres, needsPostgres, newEmail, password, startService } from '../support/service.ts';

t.setTimeout(120_000);
await buildOnce();

const run = (choice: DatabaseChoice, ...words: string[]) => runProgram('users', choice, words);

t.test('npm run users', { skip: needsPostgres('the same on both databases') }, async (t) => {
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

  await t.test('show prints a user by e-mail address in any spelling or by id, without secrets', async (t) => {
    for (const who of [user.email, ` ${user.email.toUpperCase()}\u00a0`, user.id]) {
      const { stdout, code } = await run(choice, 'show', who);
      t.equal(code, 0);
      t.match(JSON.parse(stdout), { id: user.id, email: user.email, disabledAt: null, hasPassword: true });
      t.notMatch(stdout, 'a hash');
    }
  });

  await t.test('disable writes an audit log line to standard error', async (t) => {
    const { stdout, stderr } = await run(choice, 'disable', user.id);
    t.match(JSON.parse(stdout), { disabledAt: /^\d{4}-/ });
    t.match(JSON.parse(stderr), { msg: 'security', event: 'user_disabled', userId: user.id, by: 'operator' });
  });

  await t.test('link adds an identity, and fails if it is already linked', async (t) => {
    const identity = ['https://login.example.com', 'subject-1'];
    t.equal((await run(choice, 'link', user.email, ...identity)).code, 0);
    const again = await run(choice, 'link', user.email, ...identity);
    t.match(again, { code: 1, stderr: /linked to another user/ });
    const database = await openDatabase(choice);
    const rows = await database.db.select().from(identities).where(eq(identities.userId, user.id));
    await database.close();
    t.match(rows, [{ issuer: identity[0], subject: identity[1] }]);
    t.equal(rows.length, 1);
  });

  await t.test('An unknown user exits with 1, and a usage error exits with 2 and prints the usage', async (t) => {
    t.match(await run(choice, 'disable', 'nobody@example.com'), {
      code: 1,
      stdout: '',
      stderr: /User nobody@example.com not found/,
    });
    t.match(await run(choice, 'disable', 'hans'), { code: 1, stdout: '', stderr: /hans is neither an address nor/ });
    for (const words of [[], ['destroy', user.email], ['disable'], ['link', user.email, 'x'], ['constructor', 'x']]) {
      t.match(await run(choice, ...words), { code: 2, stdout: '', stderr: /^Usage:/ }, words.join(' '));
    }
  });
});

t.test('npm run users, while the service runs', { skip: needsPostgres() }, async (t) => {
  const { call, choice, newUser, db } = await startService(t);
  const user = await newUser();
  const me = (token: string) => call('GET', '/v1/me', { token });
  const logIn = () => call('POST', '/v1/auth/login', { body: { email: user.email, password } });

  await t.test('disable rejects the user’s tokens and logins from the next request on', async (t) => {
    t.equal((await me(user.token)).status, 200);
    await run(choice, 'disable', user.email);
    t.equal((await me(user.token)).code, 'unauthenticated');
    const refresh = { body: { refreshToken: user.refreshToken } };
    t.equal((await call('POST', '/v1/auth/refresh', refresh)).code, 'unauthenticated');
    t.equal((await logIn()).code, 'user-disabled');
  });

  await t.test('enable lets the user log in again, but does not restore ended sessions', async (t) => {
    await run(choice, 'enable', user.email);
    t.equal((await me(user.token)).code, 'unauthenticated');
    t.equal((await logIn()).status, 200);
  });

  await t.test('end-sessions logs the user out everywhere, but lets them log in again', async (t) => {
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

t.test('npm run check-config', async (t) => {
  const choice = { kind: 'embedded', dataDir: '/nowhere' } as const;
  await t.test('prints a summary of valid settings without secrets', async (t) => {
    const secret = { SMTP_URL: 'smtps://user:swordfish@smtp.example.com', MAIL_FROM: 'invites@example.com' };
    const { stdout, code } = await runProgram('check-config', choice, [], secret);
    t.equal(code, 0);
    t.match(stdout, /^The configuration is valid\.\n.*embedded, in \/nowhere.*smtp, from invites@example\.com/s);
    t.notMatch(stdout, 'swordfish');
  });

  await t.test('prints all mistakes at once', async (t) => {
    const wrong = { PORT: 'x', NODE_ENV: 'production' };
    const { stderr, stdout, code } = await runProgram('check-config', choice, [], wrong);
    t.match({ stdout, code }, { stdout: '', code: 1 });
    t.match(stderr, /PORT must.*ISSUER is required in production/s);
  });
});

t.test('npm run migrate', async (t) => {
  const choice = await freshDatabase(t);
  // The embedded database of a test already has all migrations.
  const first = await runProgram('migrate', choice, []);
  t.match(first, { code: 0, stdout: isPostgres ? /^Applied migrations: \d+\.\n$/ : /\.\n$/ });
  t.match(await runProgram('migrate', choice, []), { code: 0, stdout: 'The database is up to date.\n' });
  const { stdout } = await runProgram('outbox', choice, []);
  t.match(JSON.parse(stdout), { counts: { queued: 0 } }, 'all tables exist');
});
