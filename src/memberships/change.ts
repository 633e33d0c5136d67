import { changeAccount } from '../accounts/enter.ts';
import type { AccountId, UserId } from '../ids.ts';
import { accessOf } from '../permissions/access.ts';
import { requireEffect } from '../permissions/given.ts';
import { requireGrantable } from '../permissions/rules.ts';
import type { Caller, Service } from '../service.ts';
import { requireManageable } from './manage.ts';
import { memberOf } from './member.ts';
import type { MemberChanges } from './schemas.ts';
import { updateMembership } from './store.ts';

/**
 * Changes what a member may do. Their grants stay as they are.
 * @throws permission-missing, not-found, owner-protected, cannot-grant, invalid-request for a permission or a role that is not there.
 */
export function changeMember(
  { db }: Service,
  caller: Caller,
  accountId: AccountId,
  userId: UserId,
  { access }: MemberChanges,
) {
  const given = accessOf(access);
  return changeAccount(db, caller, accountId, 'members:manage', async (tx, acting) => {
    const member = await requireManageable(tx, acting, userId);
    requireGrantable(acting, await requireEffect(tx, accountId, given, acting));
    await updateMembership(tx, accountId, userId, given);
    return memberOf({ ...member, membership: { ...member.membership, ...given } }, caller.now);
  });
}
