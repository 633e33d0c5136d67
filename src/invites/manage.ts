import { type AccountContext, changeInside } from '../accounts/enter.ts';
import { lockCallingKey } from '../accounts/store.ts';
import type { Caller } from '../credentials/caller.ts';
import type { Tx } from '../database/database.ts';
import type { AccountId, InviteId, UserId } from '../ids/ids.ts';
import { lockMembership } from '../memberships/store.ts';
import { Problem } from '../problems/problem.ts';
import type { Service } from '../service.ts';
import { findInvite, type InviteRow, lockInvite } from './store.ts';
import { toInviteView } from './view.ts';

/**
 * What every change of an invite by its account shares: lock the membership in whose name the
 * caller acts, the caller's key and the invite, in the order in which removing a member or revoking
 * a key does, so that nothing is changed after that; then enter, change it, show it.
 */
export function manageInvite(
  { db }: Service,
  caller: Caller,
  accountId: AccountId,
  inviteId: InviteId,
  change: (tx: Tx, context: AccountContext, invite: InviteRow) => Promise<unknown>,
) {
  const lock = async (tx: Tx, userId: UserId) => {
    await lockMembership(tx, accountId, userId);
    if (caller.apiKey) await lockCallingKey(tx, caller.apiKey);
    return lockInvite(tx, accountId, inviteId);
  };
  return changeInside(
    db,
    caller,
    accountId,
    { requirement: 'invites:manage', row: inviteId, lock },
    async (tx, context, invite) => {
      if (!invite) throw new Problem('not-found');
      await change(tx, context, invite);
      const changed = await findInvite(tx, accountId, inviteId);
      if (!changed) throw new Problem('not-found');
      return toInviteView(changed, caller.now);
    },
  );
}
