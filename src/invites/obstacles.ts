import type { Tx } from '../database/database.ts';
import type { AccountId, InviteId } from '../ids/ids.ts';
import { Problem } from '../problems/problem.ts';
import type { Service } from '../service.ts';
import { findPendingId, hasMorePendingThan, isMember } from './create-store.ts';
import { findUndeliverable } from './deliveries/store.ts';
import { maxOtherPending } from './limits.ts';
import { hasOptedOut } from './opt-out-store.ts';
import { statusAt } from './status.ts';
import type { InviteRow } from './store.ts';

/**
 * Checks that an address can be invited, for create and resend. `insertInvite` has the same
 * conditions in SQL.
 * @param resent the invite to send again, if any. It does not block itself, and counts as another
 * pending invite only if it has expired.
 * @throws already-member, invite-already-pending (with the id of the pending invite), opted-out,
 * address-undeliverable, too-many-pending-invites. Concurrent requests may exceed the limit of
 * pending invites by a few.
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
  const maxPending = resent && statusAt(resent, now) !== 'expired' ? null : maxOtherPending(service);
  if (maxPending !== null && (await hasMorePendingThan(tx, accountId, maxPending, now))) {
    throw new Problem('too-many-pending-invites');
  }
}

/**
 * @throws address-undeliverable if a mail of this account to the address bounced, was dropped or
 * was reported as spam.
 */
async function requireDeliverable(tx: Tx, accountId: AccountId, email: string): Promise<void> {
  const undeliverable = await findUndeliverable(tx, accountId, email);
  if (undeliverable) throw new Problem('address-undeliverable', undefined, { inviteId: undeliverable.inviteId });
}

/** @param inviteId the pending invite, if it is known. */
export const alreadyPending = (inviteId?: InviteId) =>
  new Problem('invite-already-pending', undefined, inviteId === undefined ? {} : { inviteId });
