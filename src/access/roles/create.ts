import { changeAccount } from '../../accounts/enter.ts';
import type { Caller } from '../../credentials/caller.ts';
import { isDuplicate } from '../../database/errors.ts';
import { type AccountId, newId } from '../../ids/ids.ts';
import { accountWideAccess } from '../../permissions/access.ts';
import { requireGrantable } from '../../permissions/rules.ts';
import { Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { requireKnown } from './known.ts';
import type { NewRole, RoleChanges } from './schemas.ts';
import { insertRole, type RoleRow } from './store.ts';

/**
 * Makes a role of an account's own.
 * @throws permission-missing, cannot-grant for a permission that the caller does not hold themselves, name-taken, invalid-request.
 */
export async function createRole(
  { db }: Service,
  caller: Caller,
  accountId: AccountId,
  asked: NewRole,
): Promise<RoleRow> {
  const role = newRole(asked, caller.now);
  await changeAccount(db, caller, accountId, 'roles:manage', async (tx, context) => {
    await requireKnown(tx, role.permissions);
    requireGrantable(context, accountWideAccess(role.permissions, null));
    await insertRole(tx, accountId, role);
  }).catch(nameTaken);
  caller.logSecurityEvent('role_changed', { accountId, roleId: role.id });
  return { ...role, isPreset: false };
}

/** A role as it is made. */
export const newRole = ({ name, description = '', permissions }: NewRole, createdAt: Date) => ({
  id: newId('rol'),
  name,
  description,
  permissions: [...permissions].sort(),
  createdAt,
});

/** A change in the one form in which roles are kept: permissions sorted. */
export const changeIn = ({ permissions, ...words }: RoleChanges) => ({
  ...words,
  ...(permissions && { permissions: [...permissions].sort() }),
});

/** What two roles of one name are answered with. */
export function nameTaken(error: unknown): never {
  if (isDuplicate(error, 'roles_name') || isDuplicate(error, 'role_presets_name_unique'))
    throw new Problem('name-taken');
  throw error;
}
