import { type AccountContext, changeAccount } from '../accounts/enter.ts';
import { findOwnershipTransfer } from '../accounts/store.ts';
import type { Caller } from '../credentials/caller.ts';
import type { Db } from '../database/database.ts';
import type { AccountId } from '../ids/ids.ts';
import { Problem } from '../problems/problem.ts';
import type { Service } from '../service.ts';
import { requireOwner } from './rules.ts';
import { deleteTransfer } from './store.ts';

/**
 * Ends the ownership offer: the owner withdraws it, or the member it was made to declines it.
 * @throws not-found if there is no offer, cannot-grant for other members.
 */
export function withdrawOwnership({ db }: Service, caller: Caller, accountId: AccountId): Promise<void> {
  return changeAccount(db, caller, accountId, requireOwnerOrOfferedMember, async (tx) => {
    if (!(await deleteTransfer(tx, accountId))) throw new Problem('not-found', 'There is no pending ownership offer.');
  });
}

async function requireOwnerOrOfferedMember(db: Db, context: AccountContext): Promise<void> {
  if (context.isOwner) return;
  const offer = await findOwnershipTransfer(db, context.account.id, context.now);
  if (!context.isPerson || offer?.user.id !== context.userId) requireOwner(context);
}
