import { and, asc, desc, eq, getTableColumns, gt, gte, lte, or, type SQL, sql } from 'drizzle-orm';
import type { Db, Tx } from '../../database/database.ts';
import { outbox } from '../../database/schema.ts';
import { equalsLiteral, isDistributed } from '../../database/statements.ts';
import type { AccountId, DeliveryId } from '../../ids/ids.ts';

export type OutboxRow = typeof outbox.$inferSelect;

/** Due messages are sent in two lanes: new ones, and everything else (retries and old ones). */
export const lanes = ['fresh', 'backlog'] as const;
export type Lane = (typeof lanes)[number];

/** Milliseconds for which a message without attempts belongs to the fresh lane. */
const freshFor = 60_000;

/** Whether a due message belongs to a lane. Each belongs to exactly one. */
function isInLane(lane: Lane, now: Date) {
  const freshSince = new Date(now.getTime() - freshFor);
  return lane === 'fresh'
    ? and(eq(outbox.attempts, 0), gt(outbox.dueAt, freshSince))
    : or(gt(outbox.attempts, 0), lte(outbox.dueAt, freshSince));
}

/**
 * Claims due messages of a lane: counts the attempt, and sets the due time to the end of the lease.
 * No other worker claims them during the lease, and the messages of a worker that dies become due
 * again. Workers skip rows that others have locked. Citus does not support that across accounts:
 * there, a worker that finds the same rows waits, and then finds them claimed.
 */
export function claimDue(
  db: Db,
  lane: Lane,
  { now, leaseUntil, limit }: { now: Date; leaseUntil: Date; limit: number },
): Promise<OutboxRow[]> {
  const isDue = and(equalsLiteral(outbox.status, 'queued'), lte(outbox.dueAt, now), isInLane(lane, now));
  const found = db
    .select({ accountId: outbox.accountId, id: outbox.id })
    .from(outbox)
    .where(isDue)
    .orderBy(asc(outbox.dueAt))
    .limit(limit);
  // A CTE runs once. A subquery could run for each row, and lock other rows each time.
  const due = db.$with('due').as(isDistributed(db) ? found : found.for('update', { skipLocked: true }));
  return db
    .with(due)
    .update(outbox)
    .set({ attempts: sql`${outbox.attempts} + 1`, dueAt: leaseUntil })
    .from(due)
    .where(and(eq(outbox.accountId, due.accountId), eq(outbox.id, due.id), isDue))
    .returning(getTableColumns(outbox));
}

/**
 * Updates a claimed message, unless another worker has claimed it since. A claim is identified by
 * its attempt and its lease, because a delay does not count as an attempt.
 * @returns whether the message was updated.
 */
export async function settle(
  tx: Tx,
  { accountId, id, attempts, dueAt }: OutboxRow,
  changes: Partial<Pick<OutboxRow, 'status' | 'attempts' | 'dueAt' | 'settledAt' | 'lastError'>>,
): Promise<boolean> {
  const settled = await tx
    .update(outbox)
    .set(changes)
    .where(
      and(
        isMail(accountId, id),
        eq(outbox.attempts, attempts),
        eq(outbox.dueAt, dueAt),
        equalsLiteral(outbox.status, 'queued'),
      ),
    )
    .returning({ id: outbox.id });
  return settled.length === 1;
}

const isMail = (accountId: AccountId, id: DeliveryId) => and(eq(outbox.accountId, accountId), eq(outbox.id, id));

// --- For operators ---

export async function findMail(db: Db, id: DeliveryId): Promise<OutboxRow | undefined> {
  const [found] = await db.select().from(outbox).where(eq(outbox.id, id));
  return found;
}

/** Queued messages in order of their due time, or failed ones, newest first. */
export function listByStatus(db: Db, status: 'queued' | 'failed', limit: number): Promise<OutboxRow[]> {
  const order = status === 'queued' ? asc(outbox.dueAt) : desc(outbox.settledAt);
  return db.select().from(outbox).where(equalsLiteral(outbox.status, status)).orderBy(order).limit(limit);
}

/** Counts the queued, due and failed messages, and finds the due time of the oldest due one. */
export async function countOutbox(db: Db, now: Date) {
  const isDue = sql`status = 'queued' and due_at <= ${sql.param(now, outbox.dueAt)}`;
  const [counts] = await db
    .select({
      queued: countOf(sql`status = 'queued'`),
      due: countOf(isDue),
      failed: countOf(sql`status = 'failed'`),
      oldestDueAt: sql<Date | null>`min(due_at) filter (where ${isDue})`.mapWith(outbox.dueAt),
    })
    .from(outbox)
    .where(or(equalsLiteral(outbox.status, 'queued'), equalsLiteral(outbox.status, 'failed')));
  return counts;
}

const countOf = (condition: SQL) => sql<number>`count(*) filter (where ${condition})`.mapWith(Number);

/**
 * Puts failed messages back into the queue: one, or all that failed since a time. They are sent in
 * the backlog lane, with a new set of attempts. Obsolete ones are dropped when they are due.
 */
export function putBack(tx: Tx, which: { id: DeliveryId } | { since: Date }, now: Date): Promise<OutboxRow[]> {
  const dueAt = new Date(now.getTime() - freshFor);
  const isSelected = 'id' in which ? eq(outbox.id, which.id) : gte(outbox.settledAt, which.since);
  return tx
    .update(outbox)
    .set({ status: 'queued', attempts: 0, dueAt, settledAt: null })
    .where(and(equalsLiteral(outbox.status, 'failed'), isSelected))
    .returning();
}
