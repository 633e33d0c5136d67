import { newId } from '../ids.ts';
import type { Caller, Service } from '../service.ts';
import { requireUser } from '../users/sessions/session.ts';
import type { NewAccount } from './schemas.ts';
import { type AccountRow, insertAccountWithOwner } from './store.ts';

/** Days until an invite expires, unless the account or the invite says otherwise. */
const inviteLifetimeDays = 7;

/** Makes an account that the caller owns. */
export async function createAccount(
  { db }: Service,
  caller: Caller,
  { name, locale }: NewAccount,
): Promise<AccountRow> {
  const owner = await requireUser(db, caller);
  const account = {
    id: newId('acc'),
    name,
    ownerId: owner.id,
    inviteLifetimeDays,
    acceptFromAnyAddress: false,
    locale: locale ?? null,
    remindDaysBefore: null,
    createdAt: caller.now,
  };
  await insertAccountWithOwner(db, account, newId('mem'));
  return account;
}
