import { and, asc, eq, gt, inArray, lte, or, sql } from 'drizzle-orm';
import type { Db, Tx } from '../database/database.ts';
import { outbox } from '../database/schema.ts';

export type OutboxRow = typeof outbox.$inferSelect;

/** What is due is taken by two lanes: what was promised just now, and everything else. */
export const lanes = ['fresh', 'backlog'] as const;
export type Lane = (typeof lanes)[number];

/** Milliseconds that a mail which nobody has tried yet counts as fresh. */
const freshFor = 60_000;

/** Which of the rows that are due are a lane's: each row is exactly one's. */
function isOf(lane: Lane, now: Date) {
  const freshSince = new Date(now.getTime() - freshFor);
  return lane === 'fresh'
    ? and(eq(outbox.attempts, 0), gt(outbox.dueAt, freshSince))
    : or(gt(outbox.attempts, 0), lte(outbox.dueAt, freshSince));
}

/**
 * Claims rows of a lane that are due: counts the attempt and puts the next time off until the lease runs out, so that no other
 * worker takes them meanwhile and a worker that dies loses none. One statement, and so a transaction by itself.
 */
export function claimDue(
  db: Db,
  lane: Lane,
  { now, leaseUntil, most }: { now: Date; leaseUntil: Date; most: number },
): Promise<OutboxRow[]> {
  const due = db
    .select({ id: outbox.id })
    .from(outbox)
    .where(and(eq(outbox.status, 'queued'), lte(outbox.dueAt, now), isOf(lane, now)))
    .orderBy(asc(outbox.dueAt))
    .limit(most)
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
