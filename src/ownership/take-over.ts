import { type AccountRow, lockAccountRow } from '../accounts/store.ts';
import type { Tx } from '../database/database.ts';
import { platformUserId, type UserId } from '../ids/ids.ts';
import { deletePlatformMembership, updateOwner } from './store.ts';

/**
 * Makes the member who was invited for it the owner of an account that the platform kept for them. What the platform invited
 * others for stays pending, in the owner's name.
 */
export async function takeOver(tx: Tx, account: AccountRow, ownerId: UserId): Promise<UserId> {
  await lockAccountRow(tx, account.id);
  await updateOwner(tx, account.id, ownerId);
  await deletePlatformMembership(tx, account.id, platformUserId, ownerId);
  return ownerId;
}
