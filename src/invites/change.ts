import { requireActiveUser } from '../accounts/platform.ts';
import type { Caller } from '../credentials/caller.ts';
import type { AccountId, InviteId } from '../ids/ids.ts';
import { toAccess } from '../permissions/access.ts';
import { earlierEnd } from '../permissions/granted-permission.ts';
import { resolveAccess, resolveRequestedAccess } from '../permissions/resolve-access.ts';
import { requireGrantable } from '../permissions/rules.ts';
import { invalidField } from '../problems/problem.ts';
import type { Service } from '../service.ts';
import { manageInvite } from './manage.ts';
import { requireCanGrantOwnership, requirePending } from './rules.ts';
import type { InviteChanges } from './schemas.ts';
import { updateInvite } from './store.ts';

/**
 * Changes the access or the message of a pending invite. Sends no mail. The caller becomes the
 * inviter, so they must be able to grant both the old and the new access.
 * @throws permission-missing, not-found, user-disabled, cannot-grant, account-has-owner,
 * invalid-request, and `invite-…` with the status of an invite that is not pending.
 */
export async function changeInvite(
  service: Service,
  caller: Caller,
  accountId: AccountId,
  inviteId: InviteId,
  { access, message }: InviteChanges,
) {
  const newAccess = access === undefined ? undefined : toAccess(access);
  return manageInvite(service, caller, accountId, inviteId, async (tx, context, invite) => {
    requireActiveUser(context);
    requirePending(invite, caller.now);
    requireGrantable(context, await resolveAccess(tx, accountId, invite));
    requireCanGrantOwnership(context, invite);
    if (newAccess && invite.ownership)
      throw invalidField('/access', 'cannot be changed, because the invite grants ownership');
    if (newAccess) requireGrantable(context, await resolveRequestedAccess(tx, accountId, newAccess, context));
    return updateInvite(tx, invite, {
      ...newAccess,
      ...(newAccess?.endsAt && { expiresAt: earlierEnd(invite.expiresAt, newAccess.endsAt) ?? invite.expiresAt }),
      ...(message === undefined ? {} : { message }),
      invitedBy: context.userId,
      invitedByKey: context.keyId,
    });
  });
}
