import type { Db, Tx } from '../database/database.ts';
import type { AccountId, UserId } from '../ids.ts';
import type { Access } from '../permissions/access.ts';
import { Problem } from '../problems.ts';
import type { Caller } from '../service.ts';
import { sessionEnded } from '../users/sessions/session.ts';
import { type AccountRow, findEntry, lockAccountRow } from './store.ts';

/** A caller who has entered one account, with what they may do there now. */
export interface Acting extends Access {
  account: AccountRow;
  userId: UserId;
  name: string;
  isOwner: boolean;
  now: Date;
}

/**
 * The one door through which an account is read: session, membership and permissions, read now, in one statement.
 * @throws unauthenticated where the caller stands no more (their session has ended, they are disabled); not-found, the same for an account that is foreign, that never was, or
 * in which the caller is suspended.
 */
export async function enterAccount(db: Db, caller: Caller, accountId: AccountId): Promise<Acting> {
  const entry = await findEntry(db, caller, accountId);
  if (!entry) throw sessionEnded();
  const { user, membership, account } = entry;
  if (!membership || !account) throw new Problem('not-found');
  const isOwner = account.ownerId === caller.userId;
  return {
    account,
    userId: caller.userId,
    name: user.name,
    isOwner,
    allPermissions: isOwner || membership.allPermissions,
    permissions: membership.permissions,
    now: caller.now,
  };
}

/**
 * The one door through which it is changed who is in an account: locks the account first and enters it after that, so that
 * two changes come one after the other and the second sees what the first did.
 * @throws what `enterAccount` throws, and whatever `change` throws, which undoes everything.
 */
export function changeAccount<T>(
  db: Db,
  caller: Caller,
  accountId: AccountId,
  change: (tx: Tx, acting: Acting) => Promise<T>,
): Promise<T> {
  return db.transaction(async (tx) => {
    await lockAccountRow(tx, accountId);
    return change(tx, await enterAccount(tx, caller, accountId));
  });
}
