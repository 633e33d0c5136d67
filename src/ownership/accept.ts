import { type AccountContext, changeAccount } from '../accounts/enter.ts';
import { findOwnershipTransfer } from '../accounts/store.ts';
import type { Caller } from '../credentials/caller.ts';
import type { Db } from '../database/database.ts';
import type { AccountId } from '../ids/ids.ts';
import { Problem } from '../problems/problem.ts';
import type { Service } from '../service.ts';
import { deleteTransfer, updateOwner } from './store.ts';

/**
 * Makes the caller the owner, by an offer they have. The former owner keeps all permissions.
 * @returns the caller's account context as the owner.
 * @throws not-found if they have no active offer, user-required for an API key.
 */
export function acceptOwnership({ db }: Service, caller: Caller, accountId: AccountId) {
  return changeAccount(db, caller, accountId, requireOffer, async (tx, context) => {
    await updateOwner(tx, accountId, caller.userId);
    await deleteTransfer(tx, accountId);
    const account = { ...context.account, ownerId: caller.userId };
    return { ...context, account, isOwner: true, allPermissions: true, endsAt: null };
  });
}

async function requireOffer(db: Db, { isPerson, account, userId, now }: AccountContext): Promise<void> {
  if (!isPerson) throw new Problem('user-required');
  const offer = await findOwnershipTransfer(db, account.id, now);
  if (!offer?.isActive || offer.user.id !== userId) {
    throw new Problem('not-found', 'You have no pending ownership offer.');
  }
}
