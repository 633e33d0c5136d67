import { changeAccount } from '../accounts/enter.ts';
import type { Caller } from '../credentials/caller.ts';
import type { AccountId, UserId } from '../ids/ids.ts';
import { accessOf } from '../permissions/access.ts';
import { lasts } from '../permissions/granted-permission.ts';
import { requireEffect } from '../permissions/resolve-access.ts';
import { requireGrantable } from '../permissions/rules.ts';
import type { Service } from '../service.ts';
import { everywhere, grantedAccessOf, requireManageable } from './manage.ts';
import type { MemberChanges } from './schemas.ts';
import { updateMembership } from './store.ts';
import { memberOf } from './view.ts';

/**
 * Changes what a member may do. Their grants stay as they are, but end with the membership: a later
 * end of it prolongs them, so the caller must be able to grant them.
 * @throws permission-missing, not-found, owner-protected, cannot-grant, invalid-request for a
 * permission or a role that does not exist.
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
    if (!lasts(member.membership.endsAt, given.endsAt)) {
      requireGrantable(await everywhere(tx, acting), await grantedAccessOf(tx, acting, userId, given.endsAt));
    }
    await updateMembership(tx, accountId, userId, given);
    return memberOf({ ...member, membership: { ...member.membership, ...given } }, caller.now);
  });
}
