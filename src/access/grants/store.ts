import { and, asc, eq, gt, type SQL, sql } from 'drizzle-orm';
import type { Db, Tx } from '../../database/database.ts';
import { grants } from '../../database/schema.ts';
import type { AccountId, GrantId, UserId } from '../../ids/ids.ts';

export type GrantRow = typeof grants.$inferSelect;

/** The grants of a member, oldest first, one more than `limit`; those that are over too. */
export function listGrants(
  db: Db,
  accountId: AccountId,
  userId: UserId,
  { limit, cursor }: { limit: number; cursor?: GrantId },
): Promise<GrantRow[]> {
  return db
    .select()
    .from(grants)
    .where(
      and(
        eq(grants.accountId, accountId),
        eq(grants.userId, userId),
        cursor === undefined ? undefined : gt(grants.id, cursor),
      ),
    )
    .orderBy(asc(grants.id))
    .limit(limit + 1);
}

export async function findGrant(
  db: Db,
  accountId: AccountId,
  userId: UserId,
  id: GrantId,
): Promise<GrantRow | undefined> {
  const [found] = await db
    .select()
    .from(grants)
    .where(and(eq(grants.accountId, accountId), eq(grants.userId, userId), eq(grants.id, id)));
  return found;
}

export async function insertGrants(tx: Tx, rows: GrantRow[]): Promise<void> {
  await tx.insert(grants).values(rows);
}

export async function deleteGrant(tx: Tx, { accountId, userId, id }: GrantRow): Promise<void> {
  await tx.delete(grants).where(and(eq(grants.accountId, accountId), eq(grants.userId, userId), eq(grants.id, id)));
}

/**
 * How many grants a member has: all of them, those on a condition, and the others in the whole
 * account.
 */
export async function countGrants(db: Db, accountId: AccountId, userId: UserId): Promise<GrantCounts> {
  const countOf = (condition: SQL) => sql<number>`count(*) filter (where ${condition})`.mapWith(Number);
  const [counts] = await db
    .select({
      all: sql<number>`count(*)`.mapWith(Number),
      conditional: countOf(sql`condition <> '{}'`),
      inWholeAccount: countOf(sql`condition = '{}' and resource_type is null`),
    })
    .from(grants)
    .where(and(eq(grants.accountId, accountId), eq(grants.userId, userId)));
  return counts as GrantCounts;
}

export type GrantCounts = Record<'all' | 'conditional' | 'inWholeAccount', number>;
