import { fileURLToPath } from 'node:url';
import { sql } from 'drizzle-orm';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import type { Db } from './database.ts';
import { driverError } from './errors.ts';

/** All that this release knows, in order. */
const migrations = readMigrationFiles({
  migrationsFolder: fileURLToPath(new URL('../../migrations', import.meta.url)),
});

/** SQLSTATE. */
const undefinedTable = '42P01';

/** Any number that no other user of the database's advisory locks takes: "usher" in ASCII. */
const lock = 0x7573686572;

/**
 * Brings the tables to the newest migration, in one transaction and under an advisory lock, so that replicas that start
 * together wait for one another. Each migration is known by the hash of its text: one that was added late is applied too,
 * and one that was edited after it was applied stops the start.
 * @returns how many were applied.
 */
export async function migrate(db: Db): Promise<number> {
  return db.transaction(async (tx) => {
    await tx.execute(sql`select pg_advisory_xact_lock(${sql.raw(String(lock))})`);
    await tx.execute(
      sql`create table if not exists migrations (hash text primary key, position integer not null, applied_at timestamptz not null)`,
    );
    const applied = await appliedHashes(tx);
    const known = new Set(migrations.map((it) => it.hash));
    const edited = applied.find((hash) => !known.has(hash));
    if (edited !== undefined && applied.length <= migrations.length) {
      throw new Error('a migration that was applied to this database is not in this release, or was edited since');
    }
    const missing = migrations.map((it, position) => ({ ...it, position })).filter((it) => !applied.includes(it.hash));
    for (const { hash, position, sql: statements } of missing) {
      for (const statement of statements) await tx.execute(sql.raw(statement));
      await tx.execute(sql`insert into migrations values (${hash}, ${position}, now())`);
    }
    return missing.length;
  });
}

/** Whether a database is at this release, or at a newer one: what this release knows was applied. */
export async function isMigrated(db: Db): Promise<boolean> {
  try {
    const applied = new Set(await appliedHashes(db));
    return migrations.every(({ hash }) => applied.has(hash));
  } catch (error) {
    if (driverError(error).code === undefinedTable) return false;
    throw error;
  }
}

/** Whether a database was never brought to any release. */
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
