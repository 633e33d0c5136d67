import { and, inArray, isNull, lte, type SQL } from 'drizzle-orm';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import type { FastifyBaseLogger } from 'fastify';
import type { Db } from '../database/database.ts';
import { emailChanges, passwordResets, registrations } from '../database/schema.ts';
import { createLoop } from '../mail/outbox/loop.ts';
import type { Service } from '../service.ts';

/**
 * A table whose rows are deleted once they expire, a batch at a time, in the order of an indexed
 * column.
 */
interface ExpiringTable {
  table: PgTable;
  id: PgColumn;
  /** What the rows are ordered by, in an index. */
  expiresAt: PgColumn;
  isOver(now: Date): SQL | undefined;
}

/**
 * Which rows are deleted, and when. Each row contains an address that nobody has proven to own. A
 * confirmed change of address stays: the mail to the old address is written from it.
 */
const expiringTables: ExpiringTable[] = [
  {
    table: registrations,
    id: registrations.id,
    expiresAt: registrations.expiresAt,
    isOver: (now) => lte(registrations.expiresAt, now),
  },
  {
    table: passwordResets,
    id: passwordResets.id,
    expiresAt: passwordResets.expiresAt,
    isOver: (now) => lte(passwordResets.expiresAt, now),
  },
  {
    table: emailChanges,
    id: emailChanges.id,
    expiresAt: emailChanges.expiresAt,
    isOver: (now) => and(isNull(emailChanges.confirmedAt), lte(emailChanges.expiresAt, now)),
  },
];

/** Milliseconds between runs. */
const interval = 60_000;
/** How many rows of a table one statement deletes. */
const batch = 1_000;

/**
 * Deletes one batch of each table. Locked rows are skipped: another replica or a request is using
 * them.
 */
export async function deleteExpired(db: Db, now: Date, most = batch): Promise<{ deleted: number; isMore: boolean }> {
  const counts: number[] = [];
  for (const { table, id, expiresAt, isOver } of expiringTables) {
    const over = db
      .select({ id })
      .from(table)
      .where(isOver(now))
      .orderBy(expiresAt)
      .limit(most)
      .for('update', { skipLocked: true });
    const deleted = await db.delete(table).where(inArray(id, over)).returning({ id });
    counts.push(deleted.length);
  }
  return { deleted: counts.reduce((sum, it) => sum + it, 0), isMore: counts.includes(most) };
}

/**
 * Deletes expired rows about once a minute, on any number of replicas. A run that fails is logged,
 * and the next one tries again.
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
  const { start, stop } = createLoop(run, interval, clock);
  return { run, start, stop };
}
