import { and, eq } from 'drizzle-orm';
import type { Tx } from '../database/database.ts';
import { accounts, invites, memberships, ownershipTransfers } from '../database/schema.ts';
import { equalsLiteral } from '../database/statements.ts';
import type { AccountId, UserId } from '../ids/ids.ts';

/** Stores an ownership offer, which replaces an earlier one of the account. */
export async function upsertTransfer(tx: Tx, accountId: AccountId, userId: UserId, createdAt: Date): Promise<void> {
  await tx
    .insert(ownershipTransfers)
    .values({ accountId, userId, createdAt })
    .onConflictDoUpdate({ target: ownershipTransfers.accountId, set: { userId, createdAt } });
}

/** Deletes the ownership offer of an account. @returns false if there was none. */
export async function deleteTransfer(tx: Tx, accountId: AccountId): Promise<boolean> {
  const deleted = await tx
    .delete(ownershipTransfers)
    .where(eq(ownershipTransfers.accountId, accountId))
    .returning({ accountId: ownershipTransfers.accountId });
  return deleted.length === 1;
}

/** Makes a member the owner, with all permissions. The former owner keeps all permissions. */
export async function updateOwner(tx: Tx, accountId: AccountId, ownerId: UserId): Promise<void> {
  const newOwner = tx.$with('raised').as(
    tx
      .update(memberships)
      .set({ allPermissions: true, permissions: [], roles: [], endsAt: null })
      .where(and(eq(memberships.accountId, accountId), eq(memberships.userId, ownerId)))
      .returning({ id: memberships.id }),
  );
  await tx.with(newOwner).update(accounts).set({ ownerId }).where(eq(accounts.id, accountId));
}

/** Removes the platform user from an account. Another member becomes the inviter of its invites. */
export async function deletePlatformMembership(
  tx: Tx,
  accountId: AccountId,
  platformUserId: UserId,
  newInviterId: UserId,
): Promise<void> {
  // A separate statement, since creating an invite locks the membership too, and the next statement
  // must see that invite.
  await tx
    .select({ id: memberships.id })
    .from(memberships)
    .where(and(eq(memberships.accountId, accountId), eq(memberships.userId, platformUserId)))
    .for('update');
  const invitesLeft = tx.$with('left_to_the_owner').as(
    tx
      .update(invites)
      .set({ invitedBy: newInviterId })
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
    .with(invitesLeft)
    .delete(memberships)
    .where(and(eq(memberships.accountId, accountId), eq(memberships.userId, platformUserId)));
}
