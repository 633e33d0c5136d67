import { changeAccount } from '../accounts/enter.ts';
import { findOwnershipTransfer } from '../accounts/store.ts';
import type { AccountId } from '../ids.ts';
import { Problem } from '../problems.ts';
import type { Caller, Service } from '../service.ts';
import { deleteTransfer, updateOwner } from './store.ts';

/** Moves the ownership to the caller, to whom it was offered. @throws not-found where no offer to them stands; user-required for a key. */
export function acceptOwnership({ db }: Service, caller: Caller, accountId: AccountId) {
  return changeAccount(db, caller, accountId, async (tx, acting) => {
    if (!acting.isPerson) throw new Problem('user-required');
    const offer = await findOwnershipTransfer(tx, accountId);
    if (offer?.user.id !== caller.userId) throw new Problem('not-found', 'No offer of the ownership to you stands.');
    await updateOwner(tx, accountId, caller.userId);
    await deleteTransfer(tx, accountId);
    const account = { ...acting.account, ownerId: caller.userId };
    return { ...acting, account, isOwner: true, allPermissions: true, endsAt: null };
  });
}
