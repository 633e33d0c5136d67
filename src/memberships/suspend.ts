import { changeAccount } from '../accounts/enter.ts';
import type { Caller } from '../credentials/caller.ts';
import type { Tx } from '../database/database.ts';
import type { AccountId, UserId } from '../ids/ids.ts';
import { requireGrantable } from '../permissions/rules.ts';
import type { Service } from '../service.ts';
import { findEffectiveAccess, requireManageable, withResourceGrants } from './manage.ts';
import { type MemberRow, updateMembership } from './store.ts';
import { toMemberView } from './view.ts';

/** Takes a member's access away without removing them. It takes effect on their next request. Again: the same. */
export function suspendMember({ db }: Service, caller: Caller, accountId: AccountId, userId: UserId) {
  return changeAccount(db, caller, accountId, 'members:manage', async (tx, context) => {
    const member = await requireManageable(tx, context, userId);
    return setSuspended(tx, accountId, member, member.membership.suspendedAt ?? caller.now, caller.now);
  });
}

/** Gives a suspended member their access back, as it was. @throws cannot-grant where it exceeds the caller's own. */
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
