import type { Caller } from '../credentials/caller.ts';
import { transaction } from '../database/transaction.ts';
import { newId, type UserId } from '../ids/ids.ts';
import type { Service } from '../service.ts';
import { lockCaller, requireUser } from '../users/require-user.ts';
import type { NewAccount } from './schemas.ts';
import { type AccountRow, insertAccountWithOwner } from './store.ts';

/** Days until an invite expires, unless the account or the invite sets another lifetime. */
const defaultInviteLifetimeDays = 7;

/**
 * Creates an account with the caller as its owner.
 * @throws unauthenticated, user-required for an API key.
 */
export async function createAccount({ db }: Service, caller: Caller, values: NewAccount): Promise<AccountRow> {
  await requireUser(db, caller);
  return transaction(db, async (tx) => {
    const owner = await lockCaller(tx, caller);
    const account = newAccountRow(values, owner.id, caller.now);
    await insertAccountWithOwner(tx, account, newId('mem'));
    return account;
  });
}

/** The row of a new account, with the default settings. */
export const newAccountRow = ({ name, locale }: NewAccount, ownerId: UserId, createdAt: Date): AccountRow => ({
  id: newId('acc'),
  name,
  ownerId,
  inviteLifetimeDays: defaultInviteLifetimeDays,
  acceptFromAnyAddress: false,
  locale: locale ?? null,
  remindDaysBefore: null,
  epoch: 0,
  createdAt,
});
