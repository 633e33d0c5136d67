import { changeInside } from '../../accounts/enter.ts';
import { lockCallingKey } from '../../accounts/store.ts';
import type { Caller } from '../../credentials/caller.ts';
import type { Db, Tx } from '../../database/database.ts';
import type { UserId } from '../../ids/ids.ts';
import { lockMembership } from '../../memberships/store.ts';
import { isResourceType, reservedType } from '../../permissions/granted-permission.ts';
import { invalidParameter, Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { deleteResource, insertResource, lockResource, type ResourceName, type ResourceRow } from './store.ts';

/**
 * Registers a resource of an account, so that it is found by those who may act on all of its type.
 * Idempotent.
 * @throws permission-missing, invalid-request for a reserved type.
 */
export function registerResource({ db }: Service, caller: Caller, name: ResourceName): Promise<ResourceRow> {
  if (!isResourceType(name.type)) throw invalidParameter('type', reservedType);
  return changeResource(db, caller, name, (tx) => insertResource(tx, { ...name, createdAt: caller.now }));
}

/** Forgets a resource. Grants that name it stay. @throws permission-missing, not-found. */
export function forgetResource({ db }: Service, caller: Caller, name: ResourceName): Promise<void> {
  return changeResource(db, caller, name, async (tx) => {
    if (!(await deleteResource(tx, name))) throw new Problem('not-found');
  });
}

/** Locks the membership in whose name the caller acts, the calling key and the resource. */
function changeResource<T>(db: Db, caller: Caller, name: ResourceName, change: (tx: Tx) => Promise<T>): Promise<T> {
  const { accountId, type, id } = name;
  const lock = async (tx: Tx, userId: UserId) => {
    await lockMembership(tx, accountId, userId);
    if (caller.apiKey) await lockCallingKey(tx, caller.apiKey);
    await lockResource(tx, name);
  };
  const row = JSON.stringify([accountId, type, id]);
  return changeInside(db, caller, accountId, { requirement: 'resources:manage', row, lock }, change);
}
