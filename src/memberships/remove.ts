import { changeAccount } from '../accounts/enter.ts';
import { type AccountId, newId, type UserId } from '../ids.ts';
import type { Caller, Service } from '../service.ts';
import { promise } from '../users/store.ts';
import { requireManageable } from './manage.ts';
import { requireNotOwner } from './rules.ts';
import { deleteMembership } from './store.ts';

/**
 * Removes a member, who is told by mail, and revokes the invites that they had pending. Anyone but the owner may leave.
 * @throws permission-missing, not-found, owner-protected, cannot-grant for someone who holds more than the caller.
 */
export function removeMember({ db }: Service, caller: Caller, accountId: AccountId, userId: UserId): Promise<void> {
  return changeAccount(db, caller, accountId, async (tx, acting) => {
    const isLeaving = userId === caller.userId && acting.isPerson;
    if (isLeaving) requireNotOwner(acting.account, userId);
    else await requireManageable(tx, acting, userId);
    await deleteMembership(tx, accountId, userId, caller.now);
    if (isLeaving) return;
    await promise(tx, { id: newId('dlv'), kind: 'membership-removed', accountId, userId }, caller.now);
  });
}
