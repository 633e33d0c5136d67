import { changeInside } from '../../accounts/enter.ts';
import { lockCallingKey } from '../../accounts/store.ts';
import type { Caller } from '../../credentials/caller.ts';
import type { Db, Tx } from '../../database/database.ts';
import type { UserId } from '../../ids/ids.ts';
import { lockMembership } from '../../memberships/store.ts';
import { isResourceType, reservedTypeMessage } from '../../permissions/granted-permission.ts';
import { invalidParameter, Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { deleteResource, insertResource, lockResource, type ResourceKey, type ResourceRow } from './store.ts';

/**
 * Registers a resource of an account, so that searches find it for members who have a permission on
 * its whole type. Idempotent.
 * @throws permission-missing, invalid-request for a reserved type.
 */
export function registerResource({ db }: Service, caller: Caller, key: ResourceKey): Promise<ResourceRow> {
  if (!isResourceType(key.type)) throw invalidParameter('type', reservedTypeMessage);
  return changeResource(db, caller, key, (tx) => insertResource(tx, { ...key, createdAt: caller.now }));
}

/** Unregisters a resource. Grants on it remain. @throws permission-missing, not-found. */
export function forgetResource({ db }: Service, caller: Caller, key: ResourceKey): Promise<void> {
  return changeResource(db, caller, key, async (tx) => {
    if (!(await deleteResource(tx, key))) throw new Problem('not-found');
  });
}

/** Locks the membership that the caller acts for, the calling API key and the resource. */
function changeResource<T>(db: Db, caller: Caller, key: ResourceKey, change: (tx: Tx) => Promise<T>): Promise<T> {
  const { accountId, type, id } = key;
  const lock = async (tx: Tx, userId: UserId) => {
    await lockMembership(tx, accountId, userId);
    if (caller.apiKey) await lockCallingKey(tx, caller.apiKey);
    await lockResource(tx, key);
  };
  const row = JSON.stringify([accountId, type, id]);
  return changeInside(db, caller, accountId, { requirement: 'resources:manage', row, lock }, change);
}
