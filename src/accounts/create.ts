import type { Caller } from '../credentials/caller.ts';
import { transaction } from '../database/transaction.ts';
import { newId, type UserId } from '../ids/ids.ts';
import type { Service } from '../service.ts';
import { lockCaller, requireUser } from '../users/sessions/session.ts';
import type { NewAccount } from './schemas.ts';
import { type AccountRow, insertAccountWithOwner } from './store.ts';

/** Days until an invite expires, unless the account or the invite says otherwise. */
const inviteLifetimeDays = 7;

/** Makes an account that the caller owns. @throws user-required for a key. */
export async function createAccount({ db }: Service, caller: Caller, asked: NewAccount): Promise<AccountRow> {
  await requireUser(db, caller);
  return transaction(db, async (tx) => {
    const owner = await lockCaller(tx, caller);
    const account = newAccountRow(asked, owner.id, caller.now);
    await insertAccountWithOwner(tx, account, newId('mem'));
    return account;
  });
}

/** An account as it is made. */
export const newAccountRow = ({ name, locale }: NewAccount, ownerId: UserId, createdAt: Date): AccountRow => ({
  id: newId('acc'),
  name,
  ownerId,
  inviteLifetimeDays,
  acceptFromAnyAddress: false,
  locale: locale ?? null,
  remindDaysBefore: null,
  epoch: 0,
  createdAt,
});
