import { requireActiveUser } from '../accounts/platform-entry.ts';
import type { Caller } from '../credentials/caller.ts';
import type { AccountId, InviteId } from '../ids/ids.ts';
import { toAccess } from '../permissions/access.ts';
import { earlierEnd } from '../permissions/granted-permission.ts';
import { resolveAccess, resolveRequestedAccess } from '../permissions/resolve-access.ts';
import { requireGrantable } from '../permissions/rules.ts';
import { invalidField } from '../problems/problem.ts';
import type { Service } from '../service.ts';
import { manageInvite } from './manage.ts';
import { requireOwnershipGrantable, requirePending } from './rules.ts';
import type { InviteChanges } from './schemas.ts';
import { updateInvite } from './store.ts';

/**
 * Changes what a pending invite gives or says, without a new mail. The caller becomes its inviter,
 * and so must have the access that it gives and the access that it gave before.
 * @throws permission-missing, not-found, user-disabled, cannot-grant, and the problem that names
 * why it is not pending.
 */
export async function changeInvite(
  service: Service,
  caller: Caller,
  accountId: AccountId,
  inviteId: InviteId,
  { access, message }: InviteChanges,
) {
  const given = access === undefined ? undefined : toAccess(access);
  return manageInvite(service, caller, accountId, inviteId, async (tx, context, invite) => {
    requireActiveUser(context);
    requirePending(invite, caller.now);
    requireGrantable(context, await resolveAccess(tx, accountId, invite));
    requireOwnershipGrantable(context, invite);
    if (given && invite.ownership) throw invalidField('/access', 'can’t be changed: the invite makes an owner');
    if (given) requireGrantable(context, await resolveRequestedAccess(tx, accountId, given, context));
    return updateInvite(tx, invite, {
      ...given,
      ...(given?.endsAt && { expiresAt: earlierEnd(invite.expiresAt, given.endsAt) ?? invite.expiresAt }),
      ...(message === undefined ? {} : { message }),
      invitedBy: context.userId,
      invitedByKey: context.keyId,
    });
  });
}
