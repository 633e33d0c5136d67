import { and, eq } from 'drizzle-orm';
import type { Tx } from '../database/database.ts';
import { accounts, invites, memberships, ownershipTransfers } from '../database/schema.ts';
import { equalsLiteral } from '../database/statements.ts';
import type { AccountId, UserId } from '../ids/ids.ts';

/** Keeps an offer; one that stood before is replaced. */
export async function upsertTransfer(tx: Tx, accountId: AccountId, userId: UserId, createdAt: Date): Promise<void> {
  await tx
    .insert(ownershipTransfers)
    .values({ accountId, userId, createdAt })
    .onConflictDoUpdate({ target: ownershipTransfers.accountId, set: { userId, createdAt } });
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
      .set({ allPermissions: true, permissions: [], roles: [], endsAt: null })
      .where(and(eq(memberships.accountId, accountId), eq(memberships.userId, ownerId)))
      .returning({ id: memberships.id }),
  );
  await tx.with(raised).update(accounts).set({ ownerId }).where(eq(accounts.id, accountId));
}

/** Ends the platform's membership of an account, and leaves the invites that it had pending to another member. */
export async function deletePlatformMembership(
  tx: Tx,
  accountId: AccountId,
  platformUserId: UserId,
  heirId: UserId,
): Promise<void> {
  // Locked by a statement of its own: an invite that is just being made holds it, and the next
  // statement must see that invite.
  await tx
    .select({ id: memberships.id })
    .from(memberships)
    .where(and(eq(memberships.accountId, accountId), eq(memberships.userId, platformUserId)))
    .for('update');
  const left = tx.$with('left_to_the_owner').as(
    tx
      .update(invites)
      .set({ invitedBy: heirId })
      .where(
        and(
          eq(invites.accountId, accountId),
          eq(invites.invitedBy, platformUserId),
          equalsLiteral(invites.status, 'pending'),
        ),
      )
      .returning({ id: invites.id }),
  );
  await tx
    .with(left)
    .delete(memberships)
    .where(and(eq(memberships.accountId, accountId), eq(memberships.userId, platformUserId)));
}
