import { changeAccount } from '../accounts/enter.ts';
import { findOwnershipTransfer } from '../accounts/store.ts';
import type { AccountId } from '../ids.ts';
import { Problem } from '../problems.ts';
import type { Caller, Service } from '../service.ts';
import { requireOwner } from './rules.ts';
import { deleteTransfer } from './store.ts';

/** Ends the offer of the ownership: taken back by the owner, or turned down by the member it was made to. */
export function withdrawOwnership({ db }: Service, caller: Caller, accountId: AccountId): Promise<void> {
  return changeAccount(db, caller, accountId, async (tx, acting) => {
    const offer = await findOwnershipTransfer(tx, accountId, caller.now);
    if (!acting.isPerson || offer?.user.id !== acting.userId) requireOwner(acting);
    if (!(await deleteTransfer(tx, accountId))) throw new Problem('not-found', 'No offer of the ownership stands.');
  });
}
