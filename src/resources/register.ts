import { enterAccount } from '../accounts/enter.ts';
import { inLockQueue } from '../database/lock-queue.ts';
import type { AccountId } from '../ids.ts';
import { requirePermission } from '../permissions/rules.ts';
import { Problem } from '../problems.ts';
import type { Caller, Service } from '../service.ts';
import { deleteResource, insertResource, type ResourceRow } from './store.ts';

interface Named {
  accountId: AccountId;
  type: string;
  id: string;
}

/** Makes a resource of an account known, so that it is found by those who may act on all of its type. Again: the same. @throws permission-missing. */
export async function registerResource({ db }: Service, caller: Caller, named: Named): Promise<ResourceRow> {
  requirePermission(await enterAccount(db, caller, named.accountId), 'resources:manage');
  const row = { ...named, createdAt: caller.now };
  return inLockQueue(db, rowOf(named), () => db.transaction((tx) => insertResource(tx, row)));
}

/** Forgets one. Grants that name it stay. @throws permission-missing, not-found. */
export async function forgetResource({ db }: Service, caller: Caller, named: Named): Promise<void> {
  const { accountId, type, id } = named;
  requirePermission(await enterAccount(db, caller, accountId), 'resources:manage');
  const forget = () => db.transaction((tx) => deleteResource(tx, accountId, type, id));
  if (!(await inLockQueue(db, rowOf(named), forget))) throw new Problem('not-found');
}

/** What requests about one resource queue up by. */
const rowOf = ({ accountId, type, id }: Named) => JSON.stringify([accountId, type, id]);
