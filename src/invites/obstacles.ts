import type { Tx } from '../database/database.ts';
import type { AccountId, InviteId } from '../ids/ids.ts';
import { Problem } from '../problems/problem.ts';
import type { Service } from '../service.ts';
import { findPendingId, hasMorePendingThan, isMember } from './create-store.ts';
import { requireDeliverable } from './deliveries/undeliverable-addresses.ts';
import { pendingBefore } from './limits.ts';
import { hasOptedOut } from './opt-out-store.ts';
import { statusAt } from './status.ts';
import type { InviteRow } from './store.ts';

/**
 * What can stand in the way of an invite to an address, in the order in which it is answered.
 * Creating and resending both ask this. `insertInvite` has the same conditions in SQL.
 * @param resent the invite that is sent again: it is not in its own way, and takes no further place
 * among the pending ones unless it has expired.
 * @throws already-member, invite-already-pending naming the other invite, opted-out,
 * address-undeliverable, too-many-pending-invites (invites that are created at the same moment may
 * exceed the limit by a few).
 */
export async function requireNoObstacle(
  service: Service,
  tx: Tx,
  { accountId, email }: { accountId: AccountId; email: string },
  now: Date,
  resent?: InviteRow,
): Promise<void> {
  if (await isMember(tx, accountId, email)) throw new Problem('already-member');
  const pendingId = await findPendingId(tx, accountId, email);
  if (pendingId !== undefined && pendingId !== resent?.id) throw alreadyPending(pendingId);
  if (await hasOptedOut(tx, accountId, email)) throw new Problem('opted-out');
  await requireDeliverable(tx, accountId, email);
  const most = resent && statusAt(resent, now) !== 'expired' ? null : pendingBefore(service);
  if (most !== null && (await hasMorePendingThan(tx, accountId, most, now))) {
    throw new Problem('too-many-pending-invites');
  }
}

export const alreadyPending = (inviteId?: InviteId) =>
  new Problem('invite-already-pending', undefined, inviteId === undefined ? {} : { inviteId });
