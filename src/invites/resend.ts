import { enterAccount } from '../accounts/enter.ts';
import { requireActiveUser } from '../accounts/platform.ts';
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
import { requireCanGrantOwnership, requireUndecided } from './rules.ts';
import { findInvite, updateInvite } from './store.ts';

/**
 * Sends a pending or expired invite again, with a new link and its original lifetime. Older links
 * stop working. The caller becomes the inviter. Permissions and roles that no longer exist are
 * removed from the invite: an expired invite does not protect its roles from deletion.
 * @throws permission-missing, not-found, user-disabled, cannot-grant, account-has-owner,
 * already-member, invite-already-pending, opted-out, address-undeliverable,
 * too-many-pending-invites, too-many-requests, invite-expired if its access has ended, and
 * `invite-…` with the status of an invite that was accepted, declined or revoked.
 */
export async function resendInvite(service: Service, caller: Caller, accountId: AccountId, inviteId: InviteId) {
  // Counted before the transaction, so that the counters are not locked until it ends.
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
    requireCanGrantOwnership(context, invite);
    await markExpired(tx, accountId, invite.email, caller.now);
    await requireNoObstacle(service, tx, invite, caller.now, invite);
    const expiresAt = inviteExpiryFrom(caller.now, invite.lifetimeDays, invite.endsAt);
    if (expiresAt <= caller.now)
      throw new Problem('invite-expired', 'The access that the invite grants has ended. Create a new invite.');
    const resent = await updateInvite(tx, invite, {
      ...existing,
      ...{ status: 'pending', sendings: invite.sendings + 1, expiresAt },
      ...{ invitedBy: context.userId, invitedByKey: context.keyId },
      ...{ deliveryEvent: 'queued', deliveryAt: caller.now, deliveryReason: null, deliveryAttempts: 0 },
    });
    await enqueueMails(tx, newInviteMessages(context.account, caller.now, expiresAt), resent, caller.now);
    return resent;
  }).catch(async (error) => {
    if (!isDuplicate(error, 'invites_one_pending')) throw error;
    // Another invite for the address was created meanwhile. The failed transaction can't read it.
    const found = await findInvite(service.db, accountId, inviteId);
    throw alreadyPending(found && (await findPendingId(service.db, accountId, found.invite.email)));
  });
}
