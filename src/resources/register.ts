import { enterAccount } from '../accounts/enter.ts';
import type { AccountId } from '../ids.ts';
import { requirePermission } from '../permissions/rules.ts';
import { Problem } from '../problems.ts';
import type { Caller, Service } from '../service.ts';
import { deleteResource, insertResource, type ResourceRow } from './store.ts';

/** Makes a resource of an account known, so that it is found by those who may act on all of its type. Again: the same. @throws permission-missing. */
export function registerResource(
  { db }: Service,
  caller: Caller,
  { accountId, type, id }: { accountId: AccountId; type: string; id: string },
): Promise<ResourceRow> {
  return db.transaction(async (tx) => {
    requirePermission(await enterAccount(tx, caller, accountId), 'resources:manage');
    return insertResource(tx, { accountId, type, id, createdAt: caller.now });
  });
}

/** Forgets one. Grants that name it stay. @throws permission-missing, not-found. */
export function forgetResource(
  { db }: Service,
  caller: Caller,
  { accountId, type, id }: { accountId: AccountId; type: string; id: string },
): Promise<void> {
  return db.transaction(async (tx) => {
    requirePermission(await enterAccount(tx, caller, accountId), 'resources:manage');
    if (!(await deleteResource(tx, accountId, type, id))) throw new Problem('not-found');
  });
}
