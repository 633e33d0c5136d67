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
 * Changes an invite of an account and returns its view. First locks the membership the caller acts
 * as, the caller's API key and the invite. Removing a member and revoking a key lock in the same
 * order, so a removed member or a revoked key changes nothing afterwards.
 * @param change gets the invite as read under the lock.
 * @throws permission-missing (`invites:manage`), not-found, and whatever `change` throws.
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
