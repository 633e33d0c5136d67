import { changeAccount } from '../../accounts/enter.ts';
import type { Caller } from '../../credentials/caller.ts';
import type { Db } from '../../database/database.ts';
import { isDuplicate } from '../../database/errors.ts';
import { type AccountId, newId } from '../../ids/ids.ts';
import { accountWideAccess } from '../../permissions/access.ts';
import { notInCatalogueMessage, requireAllExist } from '../../permissions/resolve-access.ts';
import { requireGrantable } from '../../permissions/rules.ts';
import { listPermissionKeys } from '../../permissions/store.ts';
import { Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import type { NewRole, RoleChanges } from './schemas.ts';
import { insertRole, type RoleRow } from './store.ts';

/**
 * Creates a role of an account.
 * @throws permission-missing, cannot-grant for a permission that the caller does not have,
 * name-taken, invalid-request.
 */
export async function createRole(
  { db }: Service,
  caller: Caller,
  accountId: AccountId,
  body: NewRole,
): Promise<RoleRow> {
  const role = newRole(body, caller.now);
  await changeAccount(db, caller, accountId, 'roles:manage', async (tx, context) => {
    await requireInCatalogue(tx, role.permissions);
    requireGrantable(context, accountWideAccess(role.permissions, null));
    await insertRole(tx, accountId, role);
  }).catch(refuseDuplicateName);
  caller.logSecurityEvent('role_changed', { accountId, roleId: role.id });
  return { ...role, isPreset: false };
}

/** The row of a new role or preset. */
export const newRole = ({ name, description = '', permissions }: NewRole, createdAt: Date) => ({
  id: newId('rol'),
  name,
  description,
  permissions: [...permissions].sort(),
  createdAt,
});

/** The columns to update. Permissions are stored sorted. */
export const toRoleUpdate = ({ permissions, ...texts }: RoleChanges) => ({
  ...texts,
  ...(permissions && { permissions: [...permissions].sort() }),
});

/** @throws invalid-request for a permission that is not in the catalogue. */
export async function requireInCatalogue(db: Db, permissions: readonly string[]): Promise<void> {
  requireAllExist(permissions, await listPermissionKeys(db), '/permissions', notInCatalogueMessage);
}

/**
 * Handles a failed insert or update.
 * @throws name-taken for a duplicate name, or else the error.
 */
export function refuseDuplicateName(error: unknown): never {
  if (isDuplicate(error, 'roles_name') || isDuplicate(error, 'role_presets_name_unique'))
    throw new Problem('name-taken');
  throw error;
}
