import { and, asc, eq, inArray, lte, sql } from 'drizzle-orm';
import type { Db, Tx } from '../database/database.ts';
import { outbox } from '../database/schema.ts';

export type OutboxRow = typeof outbox.$inferSelect;

/**
 * Claims rows that are due: counts the attempt and puts the next time off until the lease runs out, so that no other worker
 * takes them meanwhile and a worker that dies loses none. One statement, and so a transaction by itself.
 */
export function claimDue(db: Db, now: Date, leaseUntil: Date, limit: number): Promise<OutboxRow[]> {
  const due = db
    .select({ id: outbox.id })
    .from(outbox)
    .where(and(eq(outbox.status, 'queued'), lte(outbox.dueAt, now)))
    .orderBy(asc(outbox.dueAt))
    .limit(limit)
    .for('update', { skipLocked: true });
  return db
    .update(outbox)
    .set({ attempts: sql`${outbox.attempts} + 1`, dueAt: leaseUntil })
    .where(inArray(outbox.id, due))
    .returning();
}

/**
 * Writes down what came of a claim, unless another worker has claimed the row since.
 * @returns whether it was still ours to write.
 */
export async function settle(
  tx: Tx,
  { id, attempts }: OutboxRow,
  changes: Partial<Pick<OutboxRow, 'status' | 'dueAt' | 'settledAt' | 'lastError'>>,
): Promise<boolean> {
  const settled = await tx
    .update(outbox)
    .set(changes)
    .where(and(eq(outbox.id, id), eq(outbox.attempts, attempts), eq(outbox.status, 'queued')))
    .returning({ id: outbox.id });
  return settled.length === 1;
}
