import { and, asc, eq, gt } from 'drizzle-orm';
import type { Db, Tx } from '../database/database.ts';
import { grants } from '../database/schema.ts';
import type { AccountId, GrantId, UserId } from '../ids.ts';

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

/** How many grants a member has. */
export function countGrants(db: Db, accountId: AccountId, userId: UserId): Promise<number> {
  return db.$count(grants, and(eq(grants.accountId, accountId), eq(grants.userId, userId)));
}
