import { changeAccount } from '../accounts/enter.ts';
import type { Caller } from '../credentials/caller.ts';
import type { Tx } from '../database/database.ts';
import type { AccountId, UserId } from '../ids/ids.ts';
import { requireGrantable } from '../permissions/rules.ts';
import type { Service } from '../service.ts';
import { findEffectiveAccess, requireManageable, withResourceGrants } from './manage.ts';
import { type MemberRow, updateMembership } from './store.ts';
import { toMemberView } from './view.ts';

/**
 * Suspends a member: from their next request on, the account does not exist for them. Their access
 * is kept. Suspending a suspended member changes nothing.
 * @throws permission-missing, not-found, owner-protected, cannot-grant.
 */
export function suspendMember({ db }: Service, caller: Caller, accountId: AccountId, userId: UserId) {
  return changeAccount(db, caller, accountId, 'members:manage', async (tx, context) => {
    const member = await requireManageable(tx, context, userId);
    return setSuspended(tx, accountId, member, member.membership.suspendedAt ?? caller.now, caller.now);
  });
}

/**
 * Restores the access of a suspended member.
 * @throws permission-missing, not-found, owner-protected, cannot-grant if the caller does not have
 * all of that access.
 */
export function reactivateMember({ db }: Service, caller: Caller, accountId: AccountId, userId: UserId) {
  return changeAccount(db, caller, accountId, 'members:manage', async (tx, context) => {
    const member = await requireManageable(tx, context, userId);
    requireGrantable(await withResourceGrants(tx, context), await findEffectiveAccess(tx, context, member));
    return setSuspended(tx, accountId, member, null, caller.now);
  });
}

async function setSuspended(tx: Tx, accountId: AccountId, member: MemberRow, suspendedAt: Date | null, now: Date) {
  await updateMembership(tx, accountId, member.user.id, { suspendedAt });
  return toMemberView({ ...member, membership: { ...member.membership, suspendedAt } }, now);
}
