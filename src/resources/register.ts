import { enterAccount } from '../accounts/enter.ts';
import { inLockQueue } from '../database/lock-queue.ts';
import type { AccountId } from '../ids.ts';
import { requirePermission } from '../permissions/rules.ts';
import { Problem } from '../problems.ts';
import type { Caller, Service } from '../service.ts';
import { deleteResource, insertResource, type ResourceRow } from './store.ts';

interface ResourceName {
  accountId: AccountId;
  type: string;
  id: string;
}

/** Makes a resource of an account known, so that it is found by those who may act on all of its type. Again: the same. @throws permission-missing. */
export async function registerResource({ db }: Service, caller: Caller, name: ResourceName): Promise<ResourceRow> {
  requirePermission(await enterAccount(db, caller, name.accountId), 'resources:manage');
  const row = { ...name, createdAt: caller.now };
  return inLockQueue(db, rowOf(name), () => db.transaction((tx) => insertResource(tx, row)));
}

/** Forgets one. Grants that name it stay. @throws permission-missing, not-found. */
export async function forgetResource({ db }: Service, caller: Caller, name: ResourceName): Promise<void> {
  const { accountId, type, id } = name;
  requirePermission(await enterAccount(db, caller, accountId), 'resources:manage');
  const forget = () => db.transaction((tx) => deleteResource(tx, accountId, type, id));
  if (!(await inLockQueue(db, rowOf(name), forget))) throw new Problem('not-found');
}

/** The name of a resource's lock queue. */
const rowOf = ({ accountId, type, id }: ResourceName) => JSON.stringify([accountId, type, id]);
