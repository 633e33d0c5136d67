import { and, eq } from 'drizzle-orm';
import { alias } from 'drizzle-orm/pg-core';
import type { Db, Tx } from '../database/database.ts';
import { accounts, memberships, ownershipTransfers, users } from '../database/schema.ts';
import type { AccountId, UserId } from '../ids.ts';

/** Keeps an offer; one that stood before is replaced. */
export async function upsertTransfer(tx: Tx, accountId: AccountId, userId: UserId, createdAt: Date): Promise<void> {
  await tx
    .insert(ownershipTransfers)
    .values({ accountId, userId, createdAt })
    .onConflictDoUpdate({ target: ownershipTransfers.accountId, set: { userId, createdAt } });
}

/** The offer of an account's ownership to someone, where it stands, with all that its mail says. */
export async function findStandingOffer(db: Db, accountId: AccountId, userId: UserId) {
  const owners = alias(users, 'owners');
  const [found] = await db
    .select({
      account: { name: accounts.name, locale: accounts.locale },
      owner: { name: owners.name },
      user: { email: users.email, locale: users.locale },
    })
    .from(ownershipTransfers)
    .innerJoin(accounts, eq(accounts.id, ownershipTransfers.accountId))
    .innerJoin(owners, eq(owners.id, accounts.ownerId))
    .innerJoin(users, eq(users.id, ownershipTransfers.userId))
    .where(and(eq(ownershipTransfers.accountId, accountId), eq(ownershipTransfers.userId, userId)));
  return found;
}

/** @returns whether there was one. */
export async function deleteTransfer(tx: Tx, accountId: AccountId): Promise<boolean> {
  const deleted = await tx
    .delete(ownershipTransfers)
    .where(eq(ownershipTransfers.accountId, accountId))
    .returning({ accountId: ownershipTransfers.accountId });
  return deleted.length === 1;
}

/** Makes a member the owner, with all permissions; the former owner has them already, and keeps them. */
export async function updateOwner(tx: Tx, accountId: AccountId, ownerId: UserId): Promise<void> {
  const raised = tx.$with('raised').as(
    tx
      .update(memberships)
      .set({ allPermissions: true, permissions: [] })
      .where(and(eq(memberships.accountId, accountId), eq(memberships.userId, ownerId)))
      .returning({ id: memberships.id }),
  );
  await tx.with(raised).update(accounts).set({ ownerId }).where(eq(accounts.id, accountId));
}
