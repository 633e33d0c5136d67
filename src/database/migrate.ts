import { fileURLToPath } from 'node:url';
import { sql } from 'drizzle-orm';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import type { Db, Tx } from './database.ts';
import { driverError } from './errors.ts';
import { DatabaseSetupError } from './session-settings.ts';
import { transaction } from './transaction.ts';

/** Every migration of this release, in order. */
const migrations = readMigrationFiles({
  migrationsFolder: fileURLToPath(new URL('../../migrations', import.meta.url)),
}).map(({ hash, sql: statements }, position) => ({ hash, position, statements: statements.map(unqualified) }));

/** SQLSTATE. */
const undefinedTable = '42P01';
const insufficientPrivilege = '42501';
const invalidSchemaName = '3F000';

/** The advisory lock that serialises migrations: "usher" in ASCII. */
const lock = 0x7573686572;

/**
 * Removes the schema that the generator writes in foreign keys: tables are in the first schema of
 * `search_path`.
 */
export function unqualified(statement: string): string {
  return statement.replaceAll('"public".', '');
}

/**
 * Applies the missing migrations, in one transaction and under an advisory lock, so that replicas
 * that start together wait for each other. If none is missing, it only reads, and the role needs no
 * privilege to create tables. A migration is identified by the hash of its text: one added out of
 * order is applied too, and one edited after it was applied is an error.
 * @returns how many migrations were applied.
 * @throws DatabaseSetupError that names the missing GRANT.
 */
export async function migrate(db: Db): Promise<number> {
  try {
    if (!(await isNew(db)) && findMissing(await appliedHashes(db)).length === 0) return 0;
    return await transaction(db, applyMissing);
  } catch (error) {
    throw (await toSetupError(db, driverError(error))) ?? error;
  }
}

async function applyMissing(tx: Tx): Promise<number> {
  // A migration has no timeouts. Behind a pooler they are settings of the role, so turn them off.
  await tx.execute(sql`select set_config(name, '0', true)
    from unnest(array['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout']) name`);
  await tx.execute(sql`select pg_advisory_xact_lock(${sql.raw(String(lock))})`);
  if (await isNew(tx)) {
    await tx.execute(
      sql`create table migrations (hash text primary key, position integer not null, applied_at timestamptz not null)`,
    );
  }
  const missing = findMissing(await appliedHashes(tx));
  for (const { hash, position, statements } of missing) {
    for (const statement of statements) await tx.execute(sql.raw(statement));
    await tx.execute(sql`insert into migrations values (${hash}, ${position}, now())`);
  }
  return missing.length;
}

/**
 * The migrations that were not applied.
 * @throws an Error if an applied migration is unknown or was edited.
 */
function findMissing(applied: string[]) {
  const hashes = new Set(migrations.map((it) => it.hash));
  const edited = applied.find((hash) => !hashes.has(hash));
  if (edited !== undefined && applied.length <= migrations.length) {
    throw new Error(
      'a migration that was applied to this database is not in this release, or was edited after it was applied',
    );
  }
  return migrations.filter((it) => !applied.includes(it.hash));
}

/** An error that says what to grant, if the role lacks a privilege. */
async function toSetupError(db: Db, { code, message }: { code?: unknown; message?: unknown }) {
  if (code !== insufficientPrivilege && code !== invalidSchemaName) return undefined;
  const { role, path, schemas } = await readSearchPath(db);
  // current_schema() skips schemas without USAGE.
  const schema = schemasIn(path, role).find((it) => schemas.includes(it));
  const [own, other] = [`"${role}"`, schema === undefined ? `the schema of search_path (${path})` : `"${schema}"`];
  const fix =
    schema === undefined
      ? `CREATE SCHEMA and GRANT USAGE, CREATE ON SCHEMA for ${own}`
      : `GRANT USAGE, CREATE ON SCHEMA ${other} TO ${own}, or run "npm run migrate -- --role=${role}" as the role that owns the tables`;
  return new DatabaseSetupError(`role ${own} can't create or read the tables in ${other} (${message}): ${fix}`);
}

async function readSearchPath(db: Db): Promise<{ role: string; path: string; schemas: string[] }> {
  const { rows } = (await db.execute(
    sql`select current_user as role, current_setting('search_path') as path,
      (select json_agg(nspname) from pg_namespace) as schemas`,
  )) as unknown as { rows: { role: string; path: string; schemas: string[] }[] };
  return rows[0] ?? { role: '', path: '', schemas: [] };
}

/** The schema names in a `search_path`, including those that do not exist. */
function schemasIn(path: string, role: string): string[] {
  const names = path.match(/"(?:[^"]|"")*"|[^\s,"]+/g) ?? [];
  return names
    .map((it) => (it.startsWith('"') ? it.slice(1, -1).replaceAll('""', '"') : it.toLowerCase()))
    .map((it) => (it === '$user' ? role : it));
}

/**
 * Whether a database has every migration of this release. It may have those of newer releases too.
 */
export async function isMigrated(db: Db): Promise<boolean> {
  try {
    const applied = new Set(await appliedHashes(db));
    return migrations.every(({ hash }) => applied.has(hash));
  } catch (error) {
    if (driverError(error).code === undefinedTable) return false;
    throw error;
  }
}

/** Whether a database was never migrated. */
export async function isNew(db: Db): Promise<boolean> {
  const { rows } = (await db.execute(sql`select to_regclass('migrations') is null as is_new`)) as unknown as {
    rows: { is_new: boolean }[];
  };
  return rows[0]?.is_new ?? true;
}

async function appliedHashes(db: Db): Promise<string[]> {
  const { rows } = (await db.execute(sql`select hash from migrations order by position`)) as {
    rows: { hash: string }[];
  };
  return rows.map((it) => it.hash);
}
