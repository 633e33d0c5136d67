import { and, inArray, isNull, lte, type SQL } from 'drizzle-orm';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import type { FastifyBaseLogger } from 'fastify';
import type { Db } from '../database/database.ts';
import { emailChanges, passwordResets, registrations } from '../database/schema.ts';
import { createLoop } from '../mail/outbox/loop.ts';
import type { Service } from '../service.ts';

/** A table whose expired rows are deleted in batches. */
interface ExpiringTable {
  table: PgTable;
  id: PgColumn;
  /** The rows are deleted in this order. The column has an index. */
  expiresAt: PgColumn;
  isExpired(now: Date): SQL | undefined;
}

/**
 * Which rows are deleted, and when. They contain e-mail addresses that nobody has proven to own. A
 * confirmed change of address is kept: the mail to the old address is written from it.
 */
const expiringTables: ExpiringTable[] = [
  {
    table: registrations,
    id: registrations.id,
    expiresAt: registrations.expiresAt,
    isExpired: (now) => lte(registrations.expiresAt, now),
  },
  {
    table: passwordResets,
    id: passwordResets.id,
    expiresAt: passwordResets.expiresAt,
    isExpired: (now) => lte(passwordResets.expiresAt, now),
  },
  {
    table: emailChanges,
    id: emailChanges.id,
    expiresAt: emailChanges.expiresAt,
    isExpired: (now) => and(isNull(emailChanges.confirmedAt), lte(emailChanges.expiresAt, now)),
  },
];

/** Milliseconds between runs. */
const runInterval = 60_000;
/** The most rows of a table that one statement deletes. */
const defaultBatchSize = 1_000;

/**
 * Deletes one batch of expired rows from each table. Locked rows are skipped: another replica or a
 * request is using them.
 * @param batchSize the most rows to delete from each table.
 * @returns the number of rows deleted, and whether there may be more to delete.
 */
export async function deleteExpired(
  db: Db,
  now: Date,
  batchSize = defaultBatchSize,
): Promise<{ deleted: number; isMore: boolean }> {
  const counts: number[] = [];
  for (const { table, id, expiresAt, isExpired } of expiringTables) {
    const expired = db
      .select({ id })
      .from(table)
      .where(isExpired(now))
      .orderBy(expiresAt)
      .limit(batchSize)
      .for('update', { skipLocked: true });
    const deleted = await db.delete(table).where(inArray(id, expired)).returning({ id });
    counts.push(deleted.length);
  }
  return { deleted: counts.reduce((sum, it) => sum + it, 0), isMore: counts.includes(batchSize) };
}

/**
 * A loop that deletes expired rows about once a minute. Any number of replicas may run it. A failed
 * run is logged, and the next run tries again.
 * @returns `start` and `stop` for the loop, and `run` for a single run, which tells whether there
 * may be more to delete.
 */
export function createRetention(
  { db, clock }: Pick<Service, 'db' | 'clock'>,
  log: Pick<FastifyBaseLogger, 'info' | 'warn'>,
) {
  async function run(): Promise<boolean> {
    try {
      const { deleted, isMore } = await deleteExpired(db, clock());
      if (deleted > 0) log.info({ deleted }, 'expired rows deleted');
      return isMore;
    } catch (err) {
      log.warn({ err }, 'expired rows could not be deleted');
      return false;
    }
  }
  const { start, stop } = createLoop(run, runInterval, clock);
  return { run, start, stop };
}
