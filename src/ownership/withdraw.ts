import { type AccountContext, changeAccount } from '../accounts/enter.ts';
import { findOwnershipTransfer } from '../accounts/store.ts';
import type { Caller } from '../credentials/caller.ts';
import type { Db } from '../database/database.ts';
import type { AccountId } from '../ids/ids.ts';
import { Problem } from '../problems/problem.ts';
import type { Service } from '../service.ts';
import { requireOwner } from './rules.ts';
import { deleteTransfer } from './store.ts';

/** Ends the offer of the ownership: taken back by the owner, or turned down by the member it was made to. */
export function withdrawOwnership({ db }: Service, caller: Caller, accountId: AccountId): Promise<void> {
  return changeAccount(db, caller, accountId, requireParty, async (tx) => {
    if (!(await deleteTransfer(tx, accountId))) throw new Problem('not-found', 'No offer of the ownership stands.');
  });
}

/** The owner, or the member to whom the ownership is offered. */
async function requireParty(db: Db, context: AccountContext): Promise<void> {
  if (context.isOwner) return;
  const offer = await findOwnershipTransfer(db, context.account.id, context.now);
  if (!context.isPerson || offer?.user.id !== context.userId) requireOwner(context);
}
