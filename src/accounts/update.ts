import type { Caller } from '../credentials/caller.ts';
import type { AccountId } from '../ids/ids.ts';
import type { Service } from '../service.ts';
import { changeAccount } from './enter.ts';
import type { AccountChanges } from './schemas.ts';
import { updateAccount as update } from './store.ts';

/**
 * Changes an account's name and settings. Fields that are not sent keep their values.
 * @throws what `enterAccount` throws, permission-missing.
 */
export function changeAccountSettings(
  { db }: Service,
  caller: Caller,
  accountId: AccountId,
  { name, settings }: AccountChanges,
) {
  return changeAccount(db, caller, accountId, 'account:manage', async (tx, context) => {
    const account = await update(tx, accountId, { ...(name === undefined ? {} : { name }), ...settings });
    return { ...context, account };
  });
}
