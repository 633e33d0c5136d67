import { and, asc, desc, eq, getTableColumns, gt, gte, lte, or, type SQL, sql } from 'drizzle-orm';
import type { Db, Tx } from '../../database/database.ts';
import { outbox } from '../../database/schema.ts';
import { equalsLiteral, isDistributed } from '../../database/statements.ts';
import type { AccountId, DeliveryId } from '../../ids/ids.ts';

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
 * Claims due rows of a lane: counts the attempt and moves the due time to the end of the lease, so
 * that no other worker takes them meanwhile and a worker that dies loses none. Workers skip rows
 * that others are claiming. Citus refuses that across accounts: there, two workers that find the
 * same rows wait for each other, and the second one finds them claimed. One statement, and so a
 * transaction by itself.
 */
export function claimDue(
  db: Db,
  lane: Lane,
  { now, leaseUntil, most }: { now: Date; leaseUntil: Date; most: number },
): Promise<OutboxRow[]> {
  const isDue = and(equalsLiteral(outbox.status, 'queued'), lte(outbox.dueAt, now), isOf(lane, now));
  const found = db
    .select({ accountId: outbox.accountId, id: outbox.id })
    .from(outbox)
    .where(isDue)
    .orderBy(asc(outbox.dueAt))
    .limit(most);
  // A CTE runs once. A subquery could run again for each row, and lock other rows each time.
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
 * Records the outcome of a claim, unless another worker has claimed the row since. A claim is
 * identified by its attempt and its lease, since a delayed mail counts no attempt.
 * @returns whether it was still ours to write.
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

// --- For operators --------------------------------------------------------------------------------------------------

export async function findMail(db: Db, id: DeliveryId): Promise<OutboxRow | undefined> {
  const [found] = await db.select().from(outbox).where(eq(outbox.id, id));
  return found;
}

/** What waits, longest due first; what was given up, newest first. */
export function listByStatus(db: Db, status: 'queued' | 'failed', limit: number): Promise<OutboxRow[]> {
  const order = status === 'queued' ? asc(outbox.dueAt) : desc(outbox.settledAt);
  return db.select().from(outbox).where(equalsLiteral(outbox.status, status)).orderBy(order).limit(limit);
}

/** How many wait for their time, are due, or were given up, and since when the longest due one waits. */
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
 * Puts mails back that were given up: one, or all since a time. Each is tried as often as at first, at the pace of a backlog;
 * where there is nothing to say any more by then, it is dropped.
 */
export function putBack(tx: Tx, which: { id: DeliveryId } | { since: Date }, now: Date): Promise<OutboxRow[]> {
  const dueAt = new Date(now.getTime() - freshFor);
  const isMeant = 'id' in which ? eq(outbox.id, which.id) : gte(outbox.settledAt, which.since);
  return tx
    .update(outbox)
    .set({ status: 'queued', attempts: 0, dueAt, settledAt: null })
    .where(and(equalsLiteral(outbox.status, 'failed'), isMeant))
    .returning();
}
