import { enterAccount } from '../accounts/enter.ts';
import { requireActiveUser } from '../accounts/platform-entry.ts';
import type { Caller } from '../credentials/caller.ts';
import { isDuplicate } from '../database/errors.ts';
import type { AccountId, InviteId } from '../ids/ids.ts';
import { resolveExistingAccess } from '../permissions/resolve-access.ts';
import { requireGrantable, requirePermission } from '../permissions/rules.ts';
import { Problem } from '../problems/problem.ts';
import type { Service } from '../service.ts';
import { enqueueMails, findPendingId, markExpired } from './create-store.ts';
import { inviteExpiryFrom, newInviteMessages } from './lifetime.ts';
import { countSending } from './limits.ts';
import { manageInvite } from './manage.ts';
import { alreadyPending, requireNoObstacle } from './obstacles.ts';
import { requireOwnershipGrantable, requireUndecided } from './rules.ts';
import { findInvite, updateInvite } from './store.ts';

/**
 * Sends an invite again, an expired one too: a new link, a new lifetime as long as the first, the
 * old link dead. The caller vouches for it. It gives what still exists: a role that no pending
 * invite named may have been deleted meanwhile.
 * @throws permission-missing, not-found, user-disabled, cannot-grant where it gives more than the
 * caller holds, already-member, invite-already-pending where a later invite holds the address,
 * opted-out, address-undeliverable, too-many-pending-invites, too-many-requests, and the problem
 * that names why it was decided.
 */
export async function resendInvite(service: Service, caller: Caller, accountId: AccountId, inviteId: InviteId) {
  // Counted before the transaction that sends: a counter's row is locked for no longer than it
  // takes to count.
  const context = await enterAccount(service.db, caller, accountId);
  requirePermission(context, 'invites:manage');
  const found = await findInvite(service.db, accountId, inviteId);
  if (!found) throw new Problem('not-found');
  const sending = { accountId, userId: context.userId, email: found.invite.email };
  return countSending(service, sending, caller.now, () => resend(service, caller, accountId, inviteId));
}

function resend(service: Service, caller: Caller, accountId: AccountId, inviteId: InviteId) {
  return manageInvite(service, caller, accountId, inviteId, async (tx, context, invite) => {
    requireActiveUser(context);
    requireUndecided(invite);
    const { existing, effect } = await resolveExistingAccess(tx, accountId, invite);
    requireGrantable(context, effect);
    requireOwnershipGrantable(context, invite);
    await markExpired(tx, accountId, invite.email, caller.now);
    await requireNoObstacle(service, tx, invite, caller.now, invite);
    const expiresAt = inviteExpiryFrom(caller.now, invite.lifetimeDays, invite.endsAt);
    if (expiresAt <= caller.now)
      throw new Problem('invite-expired', 'The access that it gives has ended. Create another invite.');
    const sent = await updateInvite(tx, invite, {
      ...existing,
      ...{ status: 'pending', sendings: invite.sendings + 1, expiresAt },
      ...{ invitedBy: context.userId, invitedByKey: context.keyId },
      ...{ deliveryEvent: 'queued', deliveryAt: caller.now, deliveryReason: null, deliveryAttempts: 0 },
    });
    await enqueueMails(tx, newInviteMessages(context.account, caller.now, expiresAt), sent, caller.now);
    return sent;
  }).catch(async (error) => {
    if (!isDuplicate(error, 'invites_one_pending')) throw error;
    // Another invite was created for the address meanwhile. It is visible outside the failed
    // transaction.
    const found = await findInvite(service.db, accountId, inviteId);
    throw alreadyPending(found && (await findPendingId(service.db, accountId, found.invite.email)));
  });
}
