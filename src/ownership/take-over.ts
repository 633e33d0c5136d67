import { type AccountRow, lockAccountRow } from '../accounts/store.ts';
import type { Tx } from '../database/database.ts';
import { platformUserId, type UserId } from '../ids/ids.ts';
import { deletePlatformMembership, updateOwner } from './store.ts';

/**
 * Makes a member the owner of an account that the platform created for them. Other invites that the
 * platform has pending there stay pending, with the new owner as the inviter.
 * @returns the new owner's id.
 */
export async function takeOver(tx: Tx, account: AccountRow, ownerId: UserId): Promise<UserId> {
  await lockAccountRow(tx, account.id);
  await updateOwner(tx, account.id, ownerId);
  await deletePlatformMembership(tx, account.id, platformUserId, ownerId);
  return ownerId;
}
