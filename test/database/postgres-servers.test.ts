import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import t, { type Test } from 'tap';
import { startPostgres } from '../../bench/support/postgres.ts';
import { seedAccount } from '../../bench/support/seed.ts';
import { openDatabase } from '../../src/database/database.ts';
import { outageReason } from '../../src/database/errors.ts';
import { migrate } from '../../src/database/migrate.ts';
import { claimDue, countOutbox, type Lane } from '../../src/mail/outbox/store.ts';
import { startPgbouncer } from '../support/pgbouncer.ts';
import { buildOnce, request, runProgram, spawnService, startProcess } from '../support/process.ts';
import { freshDatabase, needsPostgres, newEmail, startService } from '../support/service.ts';
import { until } from '../support/until.ts';

// These tests start real servers and processes, which takes a while.
t.setTimeout(240_000);

postgresTests();

interface Place {
  /** For the superuser of the test server. */
  url: string;
  name: string;
  admin(statement: string): Promise<Record<string, unknown>[]>;
  /** The URL for a different role. */
  as(role: string): string;
  /** Creates a role that is dropped after the test. */
  newRole(attributes?: string): Promise<string>;
  /** Ends every connection to it, so that new ones have its new settings. */
  disconnect(): Promise<void>;
}

const accountFor = (email: string) => ({ name: 'Example Hosting', owner: { email } });

let counter = 0;

async function freshPlace(t: Test): Promise<Place> {
  const roles: string[] = [];
  // Roles are dropped after the database, whose teardown is registered later: tap runs the last one
  // first.
  t.teardown(async () => {
    for (const role of roles) await run(process.env.TEST_DATABASE_URL as string, `drop role ${role}`);
  });
  const choice = await freshDatabase(t);
  if (choice.kind !== 'postgres') throw new Error('not on Postgres');
  const name = new URL(choice.url).pathname.slice(1);
  const admin = (statement: string) => run(process.env.TEST_DATABASE_URL as string, statement);
  return {
    url: choice.url,
    name,
    admin,
    as(role) {
      const url = new URL(choice.url);
      url.username = role;
      return url.href;
    },
    async newRole(attributes = '') {
      counter += 1;
      const role = `usher_test_role_${process.pid}_${counter}`;
      await admin(`create role ${role} login ${attributes}`);
      roles.push(role);
      return role;
    },
    async disconnect() {
      await admin(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`);
    },
  };
}

async function run(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  return client
    .query(statement)
    .then(({ rows }) => rows)
    .finally(() => client.end());
}

function logLines() {
  const lines: { msg: string; reason?: string; level: number }[] = [];
  return { lines, write: (line: string) => void lines.push(JSON.parse(line)) };
}

function postgresTests(): void {
  t.test(
    'Behind PgBouncer in transaction mode, without support for prepared statements',
    { skip: needsPostgres() },
    async (t) => {
      const place = await freshPlace(t);
      const role = await place.newRole();
      await place.admin(`alter database ${place.name} owner to ${role}`);
      const bouncer = await startPgbouncer(t, place.as(role));
      const env = { DATABASE_URL: bouncer.url, DATA_DIR: await emptyFolder(t), LOG_LEVEL: 'warn', RATE_LIMITS: 'off' };
      await buildOnce();

      t.test('the start fails without the session settings, and names the command that sets them', async (t) => {
        const service = spawnService(t, env);
        t.match(await service.ended, { code: 1 });
        t.match(
          service.printed.stderr,
          /^Usher could not start: the database session has TimeZone = '.*' instead of 'UTC'|plan_cache_mode = 'auto' instead of 'force_generic_plan'/,
        );
        t.match(service.printed.stderr, /run "npm run migrate" with this DATABASE_URL, .* RECONNECT/);
      });

      t.test('npm run migrate stores the session settings in the role', async (t) => {
        const migrated = await runProgram('migrate', { kind: 'postgres', url: bouncer.url }, []);
        t.match(migrated, {
          code: 0,
          stdout: /^Applied migrations: \d+\.\nThe session settings are now stored in the role/,
        });
        const early = spawnService(t, env);
        t.match(await early.ended, { code: 1 });
        t.match(early.printed.stderr, /has it, but .*RECONNECT/, 'until the pooler connects again');
        await bouncer.console('reconnect');
        await place.disconnect();
      });

      t.test('the start fails with prepared statements, and names the setting that turns them off', async (t) => {
        const service = spawnService(t, env);
        t.match(await service.ended, { code: 1 });
        t.match(service.printed.stderr, /does not keep prepared statements .* set DATABASE_PREPARED_STATEMENTS=off/);
      });

      t.test('without prepared statements, many callers are served, and the timeouts are set', async (t) => {
        const service = await startProcess(t, { ...env, DATABASE_PREPARED_STATEMENTS: 'off' });
        const made = await runProgram('key', { kind: 'postgres', url: bouncer.url }, [], {
          DATABASE_PREPARED_STATEMENTS: 'off',
        });
        const token: string = JSON.parse(made.stdout).secret;
        const answers: number[] = [];
        const call = async (method: string, path: string, body?: object) => {
          const answer = await request(service.url, method, path, { token, body });
          answers.push(answer.status);
          return answer;
        };
        const caller = async () => {
          for (let i = 0; i < 5; i += 1) {
            const { body } = await call('POST', '/v1/platform/accounts', accountFor(newEmail()));
            const invites = `/v1/accounts/${body.account.id}/invites`;
            await call('POST', invites, { email: newEmail(), access: { permissions: ['invoices:read'] } });
            const list = await call('GET', `${invites}?status=pending`);
            t.equal(list.body.items.length, 2, 'each caller sees the invites they created');
          }
        };
        await Promise.all(Array.from({ length: 30 }, caller));
        t.equal(answers.length, 450);
        t.same([...new Set(answers)].sort(), [200, 201], 'every request of 30 concurrent callers is served');
        t.match(await run(bouncer.url, 'show statement_timeout'), [{ statement_timeout: '8s' }]);
        t.match(await run(bouncer.url, 'show lock_timeout'), [{ lock_timeout: '5s' }]);
        t.match(await run(bouncer.url, 'show datestyle'), [{ DateStyle: /^ISO/ }]);
        t.match(await service.end('SIGTERM'), { code: 0 });
      });

      t.test('prepared statements work in session mode', async (t) => {
        const inSessions = await startPgbouncer(t, place.as(role), { mode: 'session' });
        const database = await openDatabase({ kind: 'postgres', url: inSessions.url });
        t.teardown(database.close);
        await database.verify();
      });
    },
  );

  t.test('A pooler that silently drops startup parameters is detected', { skip: needsPostgres() }, async (t) => {
    const place = await freshPlace(t);
    const bouncer = await startPgbouncer(t, place.url, { settings: ['ignore_startup_parameters = options'] });
    const database = await openDatabase({ kind: 'postgres', url: bouncer.url, preparedStatements: false });
    t.teardown(database.close);
    await t.rejects(database.verify(), { message: /plan_cache_mode.*statement_timeout.*npm run migrate/ });
    const withOptions = await openDatabase({
      kind: 'postgres',
      url: `${bouncer.url}?options=-c%20statement_timeout%3D5s`,
      preparedStatements: false,
    });
    t.teardown(withOptions.close);
    await t.rejects(
      withOptions.verify(),
      { message: /npm run migrate/ },
      'the options of the URL are not named as the cause',
    );
  });

  t.test(
    'A database that becomes read-only gives 503 until it is writable again',
    { skip: needsPostgres() },
    async (t) => {
      const place = await freshPlace(t);
      const log = logLines();
      const { call, newPlatformKey } = await startService(t, {
        database: { kind: 'postgres', url: place.url },
        env: { LOG_LEVEL: 'info' },
        logTo: log,
      });
      const token = await newPlatformKey();
      const change = () => call('POST', '/v1/platform/accounts', { token, body: accountFor(newEmail()) });
      const flip = async (state: 'on' | 'off') => {
        await place.admin(`alter database ${place.name} set default_transaction_read_only = ${state}`);
        await place.disconnect();
      };
      t.match(await change(), { status: 201 });
      for (const round of ['once', 'again']) {
        await flip('on');
        const refused = await until('a refusal', async () => {
          const answer = await change();
          return answer.body?.detail === 'The database is read-only.' && answer;
        });
        t.match(refused, { status: 503, body: { code: 'unavailable' } }, round);
        t.match(refused.headers['retry-after'], /^\d+$/);
        for (let i = 0; i < 20; i += 1) t.equal((await change()).status, 503);
        const readyz = () => call('GET', '/readyz');
        const notReady = await until('it not to be ready', async () => {
          const answer = await readyz();
          return answer.status === 503 && answer;
        });
        t.match(notReady.body, { detail: 'The database is read-only.' });
        await flip('off');
        await until('it to be ready by itself', async () => (await readyz()).status === 200);
        t.match(await change(), { status: 201 }, 'it serves as before');
        await until('the end to be logged', () => log.lines.some((it) => it.msg === 'the database can be used again'));
      }
      const outages = log.lines.filter((it) => it.reason === 'The database is read-only.' && it.level === 40);
      t.ok(outages.length <= 2, `${outages.length} lines for two outages, not one for each request`);
      t.equal(log.lines.filter((it) => it.level >= 50).length, 0);
    },
  );

  t.test(
    'A database that refuses connections gives 503 until it accepts them again',
    { skip: needsPostgres() },
    async (t) => {
      const place = await freshPlace(t);
      const role = await place.newRole();
      await place.admin(`alter database ${place.name} owner to ${role}`);
      const log = logLines();
      const { call, newPlatformKey } = await startService(t, {
        database: { kind: 'postgres', url: place.as(role) },
        env: { LOG_LEVEL: 'info' },
        logTo: log,
      });
      const token = await newPlatformKey();
      const causes: [name: string, begin: string, end: string, reason: string][] = [
        [
          '28000',
          `alter role ${role} nologin`,
          `alter role ${role} login`,
          'The database rejects the user name or password in DATABASE_URL.',
        ],
        [
          '3D000',
          `alter database ${place.name} rename to ${place.name}_away`,
          `alter database ${place.name}_away rename to ${place.name}`,
          'The database that DATABASE_URL names does not exist.',
        ],
        [
          '55000',
          `alter database ${place.name} allow_connections false`,
          `alter database ${place.name} allow_connections true`,
          'The database does not accept connections.',
        ],
        [
          '42501',
          `revoke connect on database ${place.name} from public, ${role}`,
          `grant connect on database ${place.name} to public, ${role}`,
          'The database role lacks a privilege that Usher needs.',
        ],
        [
          '53300',
          `alter role ${role} connection limit 0`,
          `alter role ${role} connection limit -1`,
          'The database has no connection left.',
        ],
      ];
      for (const [name, begin, end, reason] of causes) {
        t.match(await call('GET', '/readyz'), { status: 200 }, `ready before ${name}`);
        await until(name, () => withoutConnections(place, begin));
        const refused = await until(`${name} to be met`, async () => {
          const answer = await call('GET', '/v1/platform/users?externalId=anna', { token });
          return answer.body?.detail === reason && answer;
        });
        t.match(refused, { status: 503, body: { code: 'unavailable' }, headers: { 'retry-after': /^\d+$/ } }, name);
        const readyz = await call('GET', '/readyz');
        t.match(readyz, { status: 503, body: { detail: reason } }, `${name}: not ready`);
        t.notMatch(JSON.stringify([refused.body, readyz.body]), new RegExp(`127.0.0.1|${role}|${place.name}`));
        await place.admin(end);
        await until('it to be ready by itself', async () => (await call('GET', '/readyz')).status === 200);
      }
      const logged = log.lines.filter((it) => it.msg === 'the database cannot be used').map((it) => it.reason);
      for (const [name, , , reason] of causes) t.ok(logged.includes(reason), `${name} is in the log`);
      t.equal(log.lines.filter((it) => it.level >= 50).length, 0);
    },
  );

  t.test('A role that may not create tables', { skip: needsPostgres() }, async (t) => {
    const place = await freshPlace(t);
    const role = await place.newRole();
    const url = place.as(role);
    const start = async () => {
      const database = await openDatabase({ kind: 'postgres', url });
      return database
        .verify()
        .then(() => database.withoutTimeouts(migrate))
        .finally(database.close);
    };

    t.test('cannot start if a migration is missing, and the error says what to grant and run', async (t) => {
      await t.rejects(start(), {
        message: new RegExp(
          `role "${role}" can't create or read the tables in "public" \\(permission denied for schema public\\): GRANT USAGE, CREATE ON SCHEMA "public" TO "${role}", or run "npm run migrate -- --role=${role}"`,
        ),
      });
    });

    t.test('cannot start without privileges on the existing tables', async (t) => {
      const database = await openDatabase({ kind: 'postgres', url: place.url });
      await migrate(database.db).finally(database.close);
      await t.rejects(start(), { message: /permission denied for table migrations.*npm run migrate -- --role=/ });
    });

    t.test('starts after npm run migrate has granted the necessary privileges', async (t) => {
      await buildOnce();
      const migrated = await runProgram('migrate', { kind: 'postgres', url: place.url }, [`--role=${role}`]);
      t.match(migrated, { code: 0, stdout: /^The database is up to date\./ });
      t.equal(await start(), 0);
      const { call, newAccount, invite } = await startService(t, { database: { kind: 'postgres', url } });
      t.match(await call('GET', '/readyz'), { status: 200 });
      const account = await newAccount();
      t.match(await invite(account, account.owner, newEmail()), { status: 201 });
      await t.rejects(run(url, 'create table mine (id integer)'), { code: '42501' });
    });

    t.test(
      'cannot start if it lacks a privilege on one table, and the error names the table and the command',
      async (t) => {
        const env = { DATABASE_URL: url, DATA_DIR: await emptyFolder(t) };
        const cases: [change: string, undo: string, sentence: string][] = [
          [
            'revoke insert, delete on invites from',
            'grant insert, delete on invites to',
            'lacks INSERT, DELETE on table "invites"',
          ],
          [
            'revoke select on write_checks from',
            'grant select on write_checks to',
            'lacks SELECT on table "write_checks"',
          ],
        ];
        await run(place.url, `revoke insert, update, delete on migrations from ${role}`);
        for (const [change, undo, sentence] of cases) {
          await run(place.url, `${change} ${role}`);
          const service = spawnService(t, env);
          t.match(await service.ended, { code: 1 });
          t.match(
            service.printed.stderr,
            `Usher could not start: role "${role}" ${sentence}: run "npm run migrate -- --role=${role}" as the role that owns the tables`,
          );
          await run(place.url, `${undo} ${role}`);
        }
        const ready = await startProcess(t, env);
        t.match(await ready.end('SIGTERM'), { code: 0 }, 'it needs only SELECT on migrations');
      },
    );

    t.test('gets 503 for requests but stays ready if a privilege is revoked later', async (t) => {
      const { call, newAccount } = await startService(t, { database: { kind: 'postgres', url } });
      const account = await newAccount();
      await run(place.url, `revoke select on invites from ${role}`);
      const refused = await call('GET', `${account.url}/invites`, { token: account.owner.token });
      const detail = 'The database role lacks a privilege that Usher needs.';
      t.match(refused, { status: 503, body: { detail } });
      t.match(await call('GET', '/readyz'), { status: 200 });
      await run(place.url, `revoke update on write_checks from ${role}`);
      const notReady = await until('it not to be ready', async () => {
        const answer = await call('GET', '/readyz');
        return answer.status === 503 && answer;
      });
      t.match(notReady, { body: { detail } });
    });

    t.test('cannot be altered by an owner without the right to: npm run migrate names the missing right', async (t) => {
      const own = await freshPlace(t);
      const [owner, other] = [await own.newRole(), await own.newRole()];
      await own.admin(`alter database ${own.name} owner to ${owner}`);
      const migrated = await runProgram('migrate', { kind: 'postgres', url: own.as(owner) }, [`--role=${other}`]);
      t.match(migrated, { code: 1, stdout: /^Applied/ });
      t.match(
        migrated.stderr,
        new RegExp(
          `^role "${owner}" can't set the session settings of role "${other}" \\(permission denied.*\\): run this command as a superuser, or as a role with CREATEROLE and the admin option on "${other}"\n$`,
        ),
      );
    });

    t.test('npm run migrate prints its usage on a usage error', async (t) => {
      const wrong = await runProgram('migrate', { kind: 'postgres', url: place.url }, ['--rolle=x']);
      t.match(wrong, { code: 2, stderr: /^Usage: npm run migrate/ });
    });
  });

  t.test('The tables can be in a schema other than public', { skip: needsPostgres() }, async (t) => {
    const place = await freshPlace(t);
    const role = await place.newRole();
    await run(place.url, `create schema usher authorization ${role}`);
    await run(place.url, `create schema "Other one" authorization ${role}`);
    await place.admin(`alter role ${role} in database ${place.name} set search_path = usher`);
    const inUrl = new URL(place.as(role));
    inUrl.searchParams.set('options', '-c search_path="Other\\ one"');
    for (const [schema, url] of [
      ['usher', place.as(role)],
      ['Other one', inUrl.href],
    ] as const) {
      await buildOnce();
      t.match(await runProgram('migrate', { kind: 'postgres', url }, []), { code: 0, stdout: /^Applied/ }, schema);
      const { call, newAccount, invite } = await startService(t, { database: { kind: 'postgres', url } });
      t.match(await call('GET', '/readyz'), { status: 200 }, `${schema}: by readiness`);
      const account = await newAccount();
      t.match(await invite(account, account.owner, newEmail()), { status: 201 }, `${schema}: by the service`);
      const rows = await run(
        url,
        `select count(*)::int as count from ${schema === 'usher' ? 'usher' : '"Other one"'}.invites`,
      );
      t.same(rows, [{ count: 1 }], 'the tables are there');
    }
    const elsewhere = `select distinct n.nspname as schema from pg_constraint c
      join pg_class r on r.oid = c.confrelid join pg_namespace n on n.oid = r.relnamespace
      where c.contype = 'f' order by 1`;
    t.same(
      await run(place.url, elsewhere),
      [{ schema: 'Other one' }, { schema: 'usher' }],
      'foreign keys stay in their schema',
    );
    t.same(await run(place.url, `select tablename from pg_tables where schemaname = 'public'`), [], 'public is empty');
    await place.admin(`alter role ${role} in database ${place.name} set search_path = nowhere`);
    const database = await openDatabase({ kind: 'postgres', url: place.as(role) });
    t.teardown(database.close);
    await t.rejects(migrate(database.db), { message: /search_path \(nowhere\).*CREATE SCHEMA/ }, 'a missing schema');
    const stranger = await place.newRole();
    for (const [path, schema] of [
      ['usher', 'usher'],
      ['nowhere, "Other one", public', 'Other one'],
    ]) {
      await place.admin(`alter role ${stranger} in database ${place.name} set search_path = ${path}`);
      const database = await openDatabase({ kind: 'postgres', url: place.as(stranger) });
      t.teardown(database.close);
      await t.rejects(
        migrate(database.db),
        {
          message: new RegExp(
            `\\): GRANT USAGE, CREATE ON SCHEMA "${schema}" TO "${stranger}", or run "npm run migrate`,
          ),
        },
        'a schema without USAGE',
      );
    }
  });

  t.test('Unsuitable default settings of a database are overridden', { skip: needsPostgres() }, async (t) => {
    const place = await freshPlace(t);
    const settings = {
      datestyle: `'German'`,
      timezone: `'Asia/Kolkata'`,
      standard_conforming_strings: 'off',
      default_transaction_isolation: `'serializable'`,
      statement_timeout: '0',
    };
    for (const [name, value] of Object.entries(settings)) {
      await place.admin(`alter database ${place.name} set ${name} to ${value}`);
    }
    const database = await openDatabase({ kind: 'postgres', url: place.url });
    t.teardown(database.close);
    await database.verify();
    const { call, newAccount, invite, tokenFor, clock } = await startService(t, {
      database: { kind: 'postgres', url: place.url },
    });
    const account = await newAccount();
    const email = newEmail();
    const made = await invite(account, account.owner, email);
    t.equal(made.status, 201);
    const expiry = new Date(made.body.expiresAt).getTime() - clock().getTime();
    t.ok(expiry > 6.9 * 24 * 3_600_000 && expiry < 7.1 * 24 * 3_600_000, 'times are read correctly');
    const { body } = await call('GET', `${account.url}/invites/${made.body.id}`, { token: account.owner.token });
    t.equal(body.expiresAt, made.body.expiresAt);
    const token = await tokenFor(email, 'invite');
    t.match(await call('POST', '/v1/invites/preview', { body: { token } }), { status: 200 }, 'a valid link is valid');
  });

  t.test('With generic plans, queries read only a few blocks of large tables', { skip: needsPostgres() }, async (t) => {
    const place = await freshPlace(t);
    // One connection, so that its statistics are those of the requests.
    const { call, db } = await startService(t, { database: { kind: 'postgres', url: place.url, poolSize: 1 } });
    const account = await seedAccount(db, 5_000, { sampled: 1, hash: 'none' });
    await db.execute(`insert into outbox (id, kind, status, attempts, due_at, created_at, settled_at)
      select gen_random_uuid(), 'registration', 'sent', 1, now() - interval '1 day', now(), now() from generate_series(1, 20000)`);
    await db.execute('vacuum analyze');
    const blocks = async () => {
      await db.execute('select pg_stat_force_next_flush()');
      await db.execute('select 1');
      const [row] = await place.admin(
        `select pg_stat_get_db_blocks_fetched(oid)::int as count from pg_database where datname = '${place.name}'`,
      );
      return row?.count as number;
    };
    const list = (query: string) => () =>
      call('GET', `/v1/accounts/${account.id}/invites?limit=20&${query}`, { token: account.key });
    const claim = (lane: Lane) => () => claimDue(db, lane, { now: new Date(), leaseUntil: new Date(), limit: 10 });
    const asked: Record<string, () => Promise<unknown>> = {
      'expired invites among pending ones': list('status=expired'),
      'accepted invites among pending ones': list('status=accepted'),
      'failed deliveries among others': list('delivery=failed'),
      'a page of pending invites': list('status=pending'),
      'a page of members': () => call('GET', `/v1/accounts/${account.id}/members?limit=20`, { token: account.key }),
      'fresh mails among those that were sent': claim('fresh'),
      'a backlog among mails that were sent': claim('backlog'),
      'the outbox in numbers': () => countOutbox(db, new Date()),
    };
    for (const [what, ask] of Object.entries(asked)) {
      await ask();
      await blocks();
      const before = await blocks();
      await ask();
      const read = (await blocks()) - before;
      t.ok(read < 400, `${what}: ${read} blocks`);
    }
  });

  t.test('A wrong setting in the URL is reported', { skip: needsPostgres() }, async (t) => {
    const place = await freshPlace(t);
    const messageFor = async (options: string) => {
      const url = new URL(place.url);
      url.searchParams.set('options', options);
      const database = await openDatabase({ kind: 'postgres', url: url.href });
      return database
        .verify()
        .catch((error: Error) => error.message)
        .finally(database.close);
    };
    const remove = 'this value comes from "options" in DATABASE_URL; remove it there';
    t.equal(
      await messageFor('-c DateStyle=German'),
      `the database session has DateStyle = 'German, DMY' instead of 'ISO': ${remove}`,
    );
    t.equal(
      await messageFor('-c search_path=public --statement-timeout=0 -cLOCK_TIMEOUT=0'),
      `the database session has statement_timeout = '0' instead of '8000' (also wrong: lock_timeout): ${remove}`,
    );
    t.equal(await messageFor('-c statement_timeout=5s'), undefined, 'a shorter timeout is accepted');
  });

  t.test('TLS with sslmode=verify-full', { skip: needsPostgres() }, async (t) => {
    const folder = await emptyFolder(t);
    const file = (name: string) => join(folder, name);
    await certificates(folder);
    const server = await startPostgres({
      files: { 'server.crt': file('server.crt'), 'server.key': file('server.key') },
      options: ['-c ssl=on', '-c ssl_cert_file=server.crt', '-c ssl_key_file=server.key'],
    });
    t.teardown(server.stop);
    const urlOf = (host: string, more = '') => `${server.url.replace('127.0.0.1', host)}?sslmode=verify-full${more}`;
    const verify = async (url: string) => {
      const database = await openDatabase({ kind: 'postgres', url });
      return database.verify().finally(database.close);
    };
    await verify(urlOf('localhost', `&sslrootcert=${file('ca.crt')}`));
    const ofOther = verify(urlOf('127.0.0.1', `&sslrootcert=${file('ca.crt')}`));
    const untrusted = 'No trusted TLS connection to the database can be made.';
    t.equal(await ofOther.catch(outageReason), untrusted, 'the certificate is for another name');
    t.equal(await verify(urlOf('localhost')).catch(outageReason), untrusted, 'the authority is unknown');
    const plain = verify(`${process.env.TEST_DATABASE_URL}?sslmode=verify-full`);
    t.equal(await plain.catch(outageReason), untrusted, 'the server has no TLS');
  });
}

/** Changes a database that must have no connections. */
async function withoutConnections(place: Place, statement: string): Promise<boolean> {
  await place.disconnect();
  const isDone = await place.admin(statement).then(
    () => true,
    (error) => {
      if (error.code === '55006') return false;
      throw error;
    },
  );
  if (isDone)
    await place.admin(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname in ('${place.name}', '${place.name}_away')`,
    );
  return isDone;
}

async function emptyFolder(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'usher-test-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A certificate for localhost, and the authority that issued it. */
async function certificates(folder: string): Promise<void> {
  const openssl = (...parameters: string[]) => promisify(execFile)('openssl', parameters, { cwd: folder });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=Test CA', '-days', '2');
  await openssl('req', ...key, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=localhost');
  await writeFile(join(folder, 'names'), 'subjectAltName=DNS:localhost\n');
  const signing = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'names'];
  await openssl('x509', '-req', '-in', 'server.csr', ...signing, '-out', 'server.crt', '-days', '2');
}
