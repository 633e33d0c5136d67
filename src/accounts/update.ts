import type { AccountId } from '../ids.ts';
import { requirePermission } from '../permissions/rules.ts';
import type { Caller, Service } from '../service.ts';
import { changeAccount } from './enter.ts';
import type { AccountChanges } from './schemas.ts';
import { updateAccount as update } from './store.ts';

/** Changes an account's name and settings; what is not named stays. @throws permission-missing. */
export function updateAccount(
  { db }: Service,
  caller: Caller,
  accountId: AccountId,
  { name, settings }: AccountChanges,
) {
  return changeAccount(db, caller, accountId, async (tx, acting) => {
    requirePermission(acting, 'account:manage');
    const account = await update(tx, accountId, { ...(name === undefined ? {} : { name }), ...settings });
    return { ...acting, account };
  });
}
