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
  const given = toAccess(access);
  return changeAccount(db, caller, accountId, 'members:manage', async (tx, context) => {
    const member = await requireManageable(tx, context, userId);
    requireGrantable(context, await resolveRequestedAccess(tx, accountId, given, context));
    if (!lastsUntil(member.membership.endsAt, given.endsAt)) {
      requireGrantable(
        await withResourceGrants(tx, context),
        await findGrantedAccess(tx, context, userId, given.endsAt),
      );
    }
    await updateMembership(tx, accountId, userId, given);
    return toMemberView({ ...member, membership: { ...member.membership, ...given } }, caller.now);
  });
}
