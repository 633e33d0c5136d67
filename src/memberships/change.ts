import { changeAccount } from '../accounts/enter.ts';
import type { Caller } from '../credentials/caller.ts';
import type { AccountId, UserId } from '../ids/ids.ts';
import { toAccess } from '../permissions/access.ts';
import { lastsUntil } from '../permissions/granted-permission.ts';
import { resolveRequestedAccess } from '../permissions/resolve-access.ts';
import { requireGrantable } from '../permissions/rules.ts';
import type { Service } from '../service.ts';
import { findGrantedAccess, requireManageable, withResourceGrants } from './manage.ts';
import type { MemberChanges } from './schemas.ts';
import { updateMembership } from './store.ts';
import { toMemberView } from './view.ts';

/**
 * Changes what a member may do. Their grants are not changed, but they end with the membership at
 * the latest. A later end of the membership therefore extends them, and the caller must be able to
 * grant them.
 * @returns the member after the change, as the API shows them.
 * @throws permission-missing, not-found, owner-protected, cannot-grant, invalid-request for a
 * permission or role that does not exist or an end that is not in the future.
 */
export function changeMember(
  { db }: Service,
  caller: Caller,
  accountId: AccountId,
  userId: UserId,
  { access }: MemberChanges,
) {
  const newAccess = toAccess(access);
  return changeAccount(db, caller, accountId, 'members:manage', async (tx, context) => {
    const member = await requireManageable(tx, context, userId);
    requireGrantable(context, await resolveRequestedAccess(tx, accountId, newAccess, context));
    if (!lastsUntil(member.membership.endsAt, newAccess.endsAt)) {
      requireGrantable(
        await withResourceGrants(tx, context),
        await findGrantedAccess(tx, context, userId, newAccess.endsAt),
      );
    }
    await updateMembership(tx, accountId, userId, newAccess);
    return toMemberView({ ...member, membership: { ...member.membership, ...newAccess } }, caller.now);
  });
}
