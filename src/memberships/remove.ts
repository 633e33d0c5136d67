import { type AccountContext, changeAccount } from '../accounts/enter.ts';
import type { Caller } from '../credentials/caller.ts';
import type { Db } from '../database/database.ts';
import { type AccountId, newId, type UserId } from '../ids/ids.ts';
import { enqueue } from '../mail/outbox/enqueue.ts';
import { requirePermission } from '../permissions/rules.ts';
import type { Service } from '../service.ts';
import { requireManageable } from './manage.ts';
import { requireNotOwner } from './rules.ts';
import { deleteMembership } from './store.ts';

/**
 * Removes a member and revokes their pending invites. Members may remove themselves without a
 * permission. A member who is removed by another caller is informed by mail.
 * @throws permission-missing, not-found, owner-protected, cannot-grant for a member who has more
 * permissions than the caller.
 */
export function removeMember({ db }: Service, caller: Caller, accountId: AccountId, userId: UserId): Promise<void> {
  const isLeaving = userId === caller.userId && caller.apiKey === null;
  const requireMayRemove = (_: Db, context: AccountContext) =>
    isLeaving ? requireNotOwner(context.account, userId) : requirePermission(context, 'members:manage');
  return changeAccount(db, caller, accountId, requireMayRemove, async (tx, context) => {
    if (!isLeaving) await requireManageable(tx, context, userId);
    await deleteMembership(tx, accountId, userId, caller.now);
    if (isLeaving) return;
    await enqueue(tx, { id: newId('dlv'), kind: 'membership-removed', accountId, userId }, caller.now);
  });
}
