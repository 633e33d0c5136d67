import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eq, is, sql } from 'drizzle-orm';
import { getTableConfig, PgTable } from 'drizzle-orm/pg-core';
import pg from 'pg';
import t, { type Test } from 'tap';
import { type Db, type OpenDatabase, openDatabase } from '../../src/database/database.ts';
import { isUnavailable } from '../../src/database/errors.ts';
import { lockFolder } from '../../src/database/folder-lock.ts';
import { migrate, unqualified } from '../../src/database/migrate.ts';
import * as schema from '../../src/database/schema.ts';
import { transaction } from '../../src/database/transaction.ts';
import { newId } from '../../src/ids/ids.ts';
import { startPostgresProxy } from '../support/postgres-proxy.ts';
import { root } from '../support/root.ts';
import { freshDatabase, isPostgres, needsPostgres } from '../support/service.ts';
import { gate, until } from '../support/until.ts';

const migrationsFolder = join(root, 'migrations');
const journal = JSON.parse(await readFile(join(migrationsFolder, 'meta/_journal.json'), 'utf8')) as {
  entries: { idx: number; when: number; tag: string }[];
};

async function rowsOf<Row>(db: Db, statement: Parameters<Db['execute']>[0]): Promise<Row[]> {
  return ((await db.execute(statement)) as unknown as { rows: Row[] }).rows;
}

async function openFresh(t: Test): Promise<OpenDatabase> {
  const database = await openDatabase(await freshDatabase(t));
  t.teardown(() => database.close());
  return database;
}

t.test('migrations', async (t) => {
  t.test('are in the journal in the order of application, each with its file', async (t) => {
    const { entries } = journal;
    t.same(
      entries.map((it) => it.idx),
      entries.map((_, index) => index),
    );
    const times = entries.map((it) => it.when);
    t.same(
      times,
      [...times].sort((a, b) => a - b),
      'times increase',
    );
    t.equal(new Set(times).size, times.length);
    const files = (await readdir(migrationsFolder)).filter((it) => it.endsWith('.sql'));
    t.same(files.sort(), entries.map((it) => `${it.tag}.sql`).sort(), 'the files match the journal');
  });

  t.test('name no schema: search_path selects it', async (t) => {
    for (const { tag } of journal.entries) {
      const text = await readFile(join(migrationsFolder, `${tag}.sql`), 'utf8');
      t.notMatch(unqualified(text), /\bpublic"?\s*\.|set\s+schema|search_path/i, tag);
    }
  });

  t.test('are applied once', async (t) => {
    const { db } = await openFresh(t);
    await migrate(db);
    const applied = await rowsOf<{ hash: string }>(db, sql`select hash from migrations`);
    t.equal(applied.length, journal.entries.length);
    t.equal(await migrate(db), 0, 'a second run applies nothing');
    t.same(await rowsOf(db, sql`select hash from migrations`), applied);
  });

  t.test('fail if one was edited after it was applied', async (t) => {
    const { db } = await openFresh(t);
    await migrate(db);
    await db.execute(sql`update migrations set hash = 'another text' where position = 0`);
    await t.rejects(migrate(db), { message: /was edited/ });
    const { length } = await rowsOf(db, sql`select hash from migrations`);
    t.equal(length, journal.entries.length, 'nothing was changed');
  });

  t.test('create the tables that the code describes', async (t) => {
    const { db } = await openFresh(t);
    await migrate(db);
    const tables = Object.values(schema).filter((it) => is(it, PgTable)) as PgTable[];
    t.same(await readColumns(db), tables.flatMap(describeColumns).sort(), 'tables and columns');
    t.same(await readConstraints(db), tables.flatMap(describeConstraints).sort(), 'keys, indexes and checks');
  });
});

/** `table.column type [not null] [default]` of each column. */
function describeColumns(table: PgTable): string[] {
  const { name, columns } = getTableConfig(table);
  return columns.map((it) => {
    const type = it.getSQLType().replace('timestamp (', 'timestamp(');
    return `${name}.${it.name} ${type}${it.notNull ? ' not null' : ''}${it.hasDefault ? ' default' : ''}`;
  });
}

async function readColumns(db: Db): Promise<string[]> {
  const rows = await rowsOf<{ line: string }>(
    db,
    sql`select c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
          || case when a.attnotnull then ' not null' else '' end || case when a.atthasdef then ' default' else '' end as line
        from pg_attribute a join pg_class c on c.oid = a.attrelid
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relname <> 'migrations'
          and a.attnum > 0 and not a.attisdropped`,
  );
  return rows.map((it) => it.line).sort();
}

/** `table.name` of each index, check and key. */
function describeConstraints(table: PgTable): string[] {
  const { name, columns, indexes, checks, foreignKeys, primaryKeys, uniqueConstraints } = getTableConfig(table);
  const names = [
    ...indexes.map((it) => it.config.name),
    ...checks.map((it) => it.name),
    ...foreignKeys.map((it) => it.getName()),
    ...primaryKeys.map((it) => it.getName()),
    ...uniqueConstraints.map((it) => it.name),
    ...columns.filter((it) => it.primary).map(() => `${name}_pkey`),
    ...columns.filter((it) => it.isUnique).map((it) => it.uniqueName),
  ];
  return names.map((it) => `${name}.${it}`);
}

async function readConstraints(db: Db): Promise<string[]> {
  const rows = await rowsOf<{ line: string }>(
    db,
    sql`select tablename || '.' || indexname as line from pg_indexes where schemaname = 'public' and tablename <> 'migrations'
        union
        select conrelid::regclass || '.' || conname from pg_constraint
        where connamespace = 'public'::regnamespace and conrelid::regclass::text <> 'migrations' and contype in ('c', 'f', 'p', 'u')`,
  );
  return rows.map((it) => it.line).sort();
}

if (!isPostgres) t.test('the embedded database', embeddedTests);
t.test('Postgres', { skip: needsPostgres() }, postgresTests);

async function embeddedTests(t: Test): Promise<void> {
  t.test('can be opened by one process only: a second one gets an error that says what to do', async (t) => {
    const choice = await freshDatabase(t);
    const first = await openDatabase(choice);
    t.teardown(() => first.close());
    await t.rejects(openDatabase(choice), {
      message:
        /^another process is using \/.+: stop it, or set DATA_DIR to another folder, or DATABASE_URL to a Postgres/,
    });
    await migrate(first.db);
    t.equal(await first.db.$count(schema.users), 0, 'the first still answers');
  });

  t.test('can be opened again after it was closed', async (t) => {
    const choice = await freshDatabase(t);
    await (await openDatabase(choice)).close();
    const again = await openDatabase(choice);
    t.same(await rowsOf(again.db, sql`select 1 as one`), [{ one: 1 }]);
    await again.close();
  });

  t.test('works in an existing world-readable folder whose path is too long for a socket', async (t) => {
    const top = await mkdtemp(join(tmpdir(), 'usher-test-'));
    t.teardown(() => rm(top, { recursive: true, force: true }));
    const dataDir = join(top, 'a-folder-with-a-long-name'.repeat(3), 'and-one-more-below-it'.repeat(4), 'data');
    await mkdir(dataDir, { recursive: true });
    await chmod(dataDir, 0o755);
    const database = await openDatabase({ kind: 'embedded', dataDir });
    t.teardown(() => database.close());
    await migrate(database.db);
    t.equal(await database.db.$count(schema.users), 0);
    await t.rejects(openDatabase({ kind: 'embedded', dataDir }), { message: /^another process is using/ });
    t.equal((await stat(join(dataDir, 'database'))).mode & 0o777, 0o700, 'only its owner can read the database');
  });

  t.test('overrides the default session settings of the database', async (t) => {
    const choice = await freshDatabase(t);
    const first = await openDatabase(choice);
    for (const setting of [`datestyle to 'German'`, `timezone to 'Asia/Kolkata'`]) {
      await first.db.execute(sql.raw(`alter database postgres set ${setting}`));
    }
    await first.close();
    const { db, close } = await openDatabase(choice);
    t.teardown(close);
    await migrate(db);
    const createdAt = new Date('2026-11-25T09:30:00.123Z');
    await db.insert(schema.users).values({ id: newId('usr'), email: 'a@example.com', name: 'Anna', createdAt });
    t.match(await db.query.users.findFirst({ where: eq(schema.users.email, 'a@example.com') }), { createdAt });
  });

  t.test('The folder lock', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'usher-test-'));
    t.teardown(() => rm(folder, { recursive: true, force: true }));
    const holder = spawn(process.execPath, [
      '-e',
      `require('net').createServer().listen(${JSON.stringify(join(folder, 'usher.lock'))}, () => console.log('held'))`,
    ]);
    t.teardown(() => holder.kill('SIGKILL'));
    await once(holder.stdout, 'data');

    t.test('lasts as long as its process, even if the process does not answer', { timeout: 10_000 }, async (t) => {
      await t.rejects(lockFolder(folder), { message: /^another process is using/ });
    });

    t.test('is released when its process is killed, and is taken by at most one process', async (t) => {
      holder.kill('SIGKILL');
      await once(holder, 'exit');
      const tries = await Promise.allSettled(Array.from({ length: 8 }, () => lockFolder(folder)));
      const takers = tries.filter((it) => it.status === 'fulfilled');
      t.ok(takers.length <= 1, `${takers.length} of eight attempts took it`);
      for (const it of takers) await it.value();
      const unlock = await lockFolder(folder);
      await t.rejects(lockFolder(folder), { message: /^another process is using/ });
      await unlock();
    });

    t.test('reports a folder that cannot be locked as such, not as in use', async (t) => {
      await t.rejects(lockFolder(join(folder, 'nothing-here')), { code: /ENOENT|EACCES/ });
    });
  });
}

async function postgresTests(t: Test): Promise<void> {
  const short = { connect: 1_000, lock: 200, statement: 400, answer: 500, idleInTransaction: 5_000 };

  async function freshUrl(t: Test): Promise<string> {
    const choice = await freshDatabase(t);
    if (choice.kind !== 'postgres') throw new Error('not on Postgres');
    return choice.url;
  }

  t.test('Four replicas that start at once on an empty database all succeed', async (t) => {
    const url = await freshUrl(t);
    const replicas = await Promise.all([1, 2, 3, 4].map(() => openDatabase({ kind: 'postgres', url })));
    const applied = await Promise.all(replicas.map((it) => it.withoutTimeouts(migrate)));
    await Promise.all(replicas.map((it) => it.close()));
    t.same(applied.sort(), [0, 0, 0, journal.entries.length], 'one replica applied all migrations');
  });

  t.test('A replica waits for a migration that takes longer than the timeouts', async (t) => {
    const url = await freshUrl(t);
    const first = await openDatabase({ kind: 'postgres', url });
    const second = await openDatabase({ kind: 'postgres', url }, undefined, short);
    t.teardown(() => Promise.all([first.close(), second.close()]));
    const { open, opened } = gate();
    const inTheMiddle = gate();
    const slow = first.withoutTimeouts((db) =>
      transaction(db, async (tx) => {
        await migrate(tx);
        inTheMiddle.open();
        await opened;
      }),
    );
    await inTheMiddle.opened;
    const waits = sql`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
      and now() - query_start > interval '1 second'`;
    const waiting = second.withoutTimeouts(migrate);
    await until('the second to have waited longer', async () => (await rowsOf(first.db, waits)).length === 1);
    open();
    await slow;
    t.equal(await waiting, 0);
  });

  t.test('If the host vanishes, each request fails within the timeouts, and connections recover', async (t) => {
    const proxy = await startPostgresProxy(t, await freshUrl(t));
    const { db, close } = await openDatabase({ kind: 'postgres', url: proxy.url }, undefined, short);
    t.teardown(close);
    const inTransaction = () => transaction(db, (tx) => tx.execute(sql`select 1`));
    const query = () => db.execute(sql`select 1`);
    // Open every connection of the pool before freezing.
    await Promise.all(Array.from({ length: 10 }, inTransaction));
    proxy.freeze();
    const begun = performance.now();
    const kinds = Array.from({ length: 24 }, (_, index) => (index % 2 === 0 ? inTransaction : query));
    const failed = await Promise.allSettled(kinds.map((it) => it()));
    const took = performance.now() - begun;
    t.ok(
      failed.every((it) => it.status === 'rejected' && isUnavailable(it.reason)),
      'each fails as unavailable',
    );
    t.ok(took < short.connect + short.answer + 1_500, `all failed within ${Math.round(took)} ms`);
    proxy.thaw();
    await Promise.all(Array.from({ length: 24 }, inTransaction));
    t.pass('new connections replace the frozen ones');
  });

  t.test('A connection lost in a transaction fails only that transaction', async (t) => {
    const proxy = await startPostgresProxy(t, await freshUrl(t));
    const { db, close } = await openDatabase({ kind: 'postgres', url: proxy.url });
    t.teardown(close);
    const lost = transaction(db, async (tx) => {
      await tx.execute(sql`create table made (id integer)`);
      proxy.cut();
      await tx.execute(sql`select 1`);
    });
    await t.rejects(
      lost.catch((error) => Promise.reject(new Error(String(isUnavailable(error))))),
      { message: 'true' },
    );
    await t.rejects(db.execute(sql`select 1`), 'while the database is unreachable');
    await proxy.restore();
    t.same(await rowsOf(db, sql`select to_regclass('made') as made`), [{ made: null }], 'the transaction left nothing');
  });

  t.test('The pool recovers when an operator terminates its connections', async (t) => {
    const url = await freshUrl(t);
    const { db, close } = await openDatabase({ kind: 'postgres', url });
    t.teardown(close);
    const operator = new pg.Client({ connectionString: url });
    await operator.connect();
    t.teardown(() => operator.end());
    await t.rejects(
      transaction(db, async (tx) => {
        await tx.execute(sql`select 1`);
        await operator.query(`select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and pid <> pg_backend_pid()`);
        await tx.execute(sql`select 1`);
      }),
    );
    t.same(await rowsOf(db, sql`select 1 as one`), [{ one: 1 }]);
  });
}
