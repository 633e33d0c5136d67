import { changeAccount } from '../accounts/enter.ts';
import type { AccountId, UserId } from '../ids.ts';
import { accessOf } from '../permissions/access.ts';
import { requireGrantable, requireInCatalogue } from '../permissions/rules.ts';
import type { Caller, Service } from '../service.ts';
import { requireManageable } from './manage.ts';
import { memberOf } from './member.ts';
import type { MemberChanges } from './schemas.ts';
import { updateMembership } from './store.ts';

/**
 * Changes what a member may do.
 * @throws permission-missing, not-found, owner-protected, cannot-grant, invalid-request for an unknown permission.
 */
export function changeMember(
  { db, catalogue }: Service,
  caller: Caller,
  accountId: AccountId,
  userId: UserId,
  { access }: MemberChanges,
) {
  const given = accessOf(access);
  requireInCatalogue(catalogue, given);
  return changeAccount(db, caller, accountId, async (tx, acting) => {
    const member = await requireManageable(tx, acting, userId);
    requireGrantable(acting, given);
    await updateMembership(tx, accountId, userId, given);
    return memberOf({ ...member, membership: { ...member.membership, ...given } });
  });
}
