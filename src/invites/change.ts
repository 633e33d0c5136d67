import type { AccountId, InviteId } from '../ids.ts';
import { accessOf } from '../permissions/access.ts';
import { requireGrantable, requireInCatalogue } from '../permissions/rules.ts';
import type { Caller, Service } from '../service.ts';
import { manageInvite } from './manage.ts';
import { requirePending } from './rules.ts';
import type { InviteChanges } from './schemas.ts';
import { updateInvite } from './store.ts';

/**
 * Changes what a pending invite gives or says, without a new mail. Whoever changes it vouches for all of it from then
 * on, its words too, and so must hold what it gives and what it gave.
 * @throws permission-missing, not-found, cannot-grant, and the problem that names why it is not pending.
 */
export async function changeInvite(
  service: Service,
  caller: Caller,
  accountId: AccountId,
  inviteId: InviteId,
  { access, message }: InviteChanges,
) {
  const given = access === undefined ? undefined : accessOf(access);
  if (given) requireInCatalogue(service.catalogue, given);
  return manageInvite(service, caller, accountId, inviteId, async (tx, acting, invite) => {
    requirePending(invite, caller.now);
    requireGrantable(acting, invite);
    if (given) requireGrantable(acting, given);
    return updateInvite(tx, invite, {
      ...given,
      ...(message === undefined ? {} : { message }),
      invitedBy: caller.userId,
    });
  });
}
