import { and, asc, eq, gt, type SQL, sql } from 'drizzle-orm';
import type { Db, Tx } from '../../database/database.ts';
import { grants } from '../../database/schema.ts';
import type { AccountId, GrantId, UserId } from '../../ids/ids.ts';

export type GrantRow = typeof grants.$inferSelect;

/** The grants of a member, including ended ones, oldest first, at most `limit` + 1. */
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

/** Counts a member's grants: all, the conditional ones, and the unconditional account-wide ones. */
export async function countGrants(db: Db, accountId: AccountId, userId: UserId): Promise<GrantCounts> {
  const countWhere = (condition: SQL) => sql<number>`count(*) filter (where ${condition})`.mapWith(Number);
  const [counts] = await db
    .select({
      all: sql<number>`count(*)`.mapWith(Number),
      conditional: countWhere(sql`condition <> '{}'`),
      inWholeAccount: countWhere(sql`condition = '{}' and resource_type is null`),
    })
    .from(grants)
    .where(and(eq(grants.accountId, accountId), eq(grants.userId, userId)));
  return counts as GrantCounts;
}

export type GrantCounts = Record<'all' | 'conditional' | 'inWholeAccount', number>;
