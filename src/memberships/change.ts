import { type Acting, changeAccount } from '../accounts/enter.ts';
import type { Tx } from '../database/database.ts';
import type { AccountId, UserId } from '../ids.ts';
import { accessOf } from '../permissions/access.ts';
import { requireGrantable, requireInCatalogue, requireNotAbove, requirePermission } from '../permissions/rules.ts';
import { Problem } from '../problems.ts';
import type { Caller, Service } from '../service.ts';
import { memberOf } from './member.ts';
import { requireNotOwner } from './rules.ts';
import type { MemberChanges } from './schemas.ts';
import { findMember, type MemberRow, updateMembership } from './store.ts';

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

/** Takes a member's access away without removing them. It takes effect on their next request. Again: the same. */
export function suspendMember({ db }: Service, caller: Caller, accountId: AccountId, userId: UserId) {
  return changeAccount(db, caller, accountId, async (tx, acting) => {
    const member = await requireManageable(tx, acting, userId);
    return setSuspended(tx, member, member.membership.suspendedAt ?? caller.now);
  });
}

/** Gives a suspended member their access back, as it was. @throws cannot-grant where it exceeds the caller's own. */
export function reactivateMember({ db }: Service, caller: Caller, accountId: AccountId, userId: UserId) {
  return changeAccount(db, caller, accountId, async (tx, acting) => {
    const member = await requireManageable(tx, acting, userId);
    return setSuspended(tx, member, null);
  });
}

async function setSuspended(tx: Tx, member: MemberRow, suspendedAt: Date | null) {
  await updateMembership(tx, member.membership.accountId, member.membership.userId, { suspendedAt });
  return memberOf({ ...member, membership: { ...member.membership, suspendedAt } });
}

/** A member whom the caller may change or remove: the rules that all such changes share, in order. */
export async function requireManageable(tx: Tx, acting: Acting, userId: UserId): Promise<MemberRow> {
  requirePermission(acting, 'members:manage');
  const member = await findMember(tx, acting.account.id, userId);
  if (!member) throw new Problem('not-found');
  requireNotOwner(acting.account, userId);
  requireNotAbove(acting, member.membership);
  return member;
}
