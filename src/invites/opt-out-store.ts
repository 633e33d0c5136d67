import { and, desc, eq, lt } from 'drizzle-orm';
import type { Db, Tx } from '../database/database.ts';
import { accounts, optOuts } from '../database/schema.ts';
import type { AccountId } from '../ids/ids.ts';

export async function hasOptedOut(db: Db, accountId: AccountId, email: string): Promise<boolean> {
  const found = await db
    .select({ email: optOuts.email })
    .from(optOuts)
    .where(and(eq(optOuts.accountId, accountId), eq(optOuts.email, email)));
  return found.length > 0;
}

/** Records that an address opted out. Idempotent. */
export async function insertOptOut(tx: Tx, accountId: AccountId, email: string, now: Date): Promise<void> {
  await tx.insert(optOuts).values({ accountId, email, createdAt: now }).onConflictDoNothing();
}

/** @returns whether the address had opted out. */
export async function deleteOptOut(db: Db, accountId: AccountId, email: string): Promise<boolean> {
  const deleted = await db
    .delete(optOuts)
    .where(and(eq(optOuts.accountId, accountId), eq(optOuts.email, email)))
    .returning({ email: optOuts.email });
  return deleted.length === 1;
}

/** The accounts that may not invite an address, newest account first, at most `limit` + 1. */
export function listOptOuts(db: Db, email: string, { limit, cursor }: { limit: number; cursor?: AccountId }) {
  return db
    .select({ account: { id: accounts.id, name: accounts.name }, createdAt: optOuts.createdAt })
    .from(optOuts)
    .innerJoin(accounts, eq(accounts.id, optOuts.accountId))
    .where(and(eq(optOuts.email, email), cursor === undefined ? undefined : lt(optOuts.accountId, cursor)))
    .orderBy(desc(optOuts.accountId))
    .limit(limit + 1);
}
