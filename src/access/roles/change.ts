import { type AccountContext, changeAccount } from '../../accounts/enter.ts';
import type { Caller } from '../../credentials/caller.ts';
import type { Tx } from '../../database/database.ts';
import type { AccountId, RoleId } from '../../ids/ids.ts';
import { withResourceGrants } from '../../memberships/manage.ts';
import { findMember } from '../../memberships/store.ts';
import { accountWideAccess } from '../../permissions/access.ts';
import { requireGrantable } from '../../permissions/rules.ts';
import { Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { refuseDuplicateName, requireInCatalogue, toRoleUpdate } from './create.ts';
import type { RoleChanges } from './schemas.ts';
import { deleteRoleRow, findRole, hasMemberAbove, isRoleInUse, type RoleRow, updateRole } from './store.ts';

/**
 * Changes a role of the account. Takes effect on the next request of the members who have it. The
 * caller must have its old and new permissions, and no member with the role may have more
 * permissions than the caller.
 * @throws permission-missing, not-found, cannot-grant, name-taken, invalid-request.
 */
export async function changeRole(
  { db }: Service,
  caller: Caller,
  accountId: AccountId,
  roleId: RoleId,
  body: RoleChanges,
): Promise<RoleRow> {
  const changes = toRoleUpdate(body);
  const changed = await changeAccount(db, caller, accountId, 'roles:manage', async (tx, context) => {
    const role = await requireChangeableRole(tx, context, roleId);
    if (changes.permissions) {
      await requireNotCreatorsRole(tx, context, roleId);
      await requireInCatalogue(tx, changes.permissions);
      requireGrantable(context, accountWideAccess(changes.permissions, null));
    }
    await updateRole(tx, accountId, roleId, changes);
    return { ...role, ...changes };
  }).catch(refuseDuplicateName);
  caller.logSecurityEvent('role_changed', { accountId, roleId });
  return changed;
}

/**
 * Deletes a role of the account.
 * @throws permission-missing, not-found, cannot-grant, role-in-use.
 */
export async function deleteRole({ db }: Service, caller: Caller, accountId: AccountId, roleId: RoleId): Promise<void> {
  await changeAccount(db, caller, accountId, 'roles:manage', async (tx, context) => {
    await requireChangeableRole(tx, context, roleId);
    if (await isRoleInUse(tx, accountId, roleId, caller.now)) throw new Problem('role-in-use');
    await deleteRoleRow(tx, accountId, roleId);
  });
  caller.logSecurityEvent('role_changed', { accountId, roleId });
}

/** Finds a role that the caller may change or delete. Only the platform may change a preset. */
async function requireChangeableRole(tx: Tx, context: AccountContext, roleId: RoleId): Promise<RoleRow> {
  const role = await findRole(tx, context.account.id, roleId);
  if (!role) throw new Problem('not-found');
  if (role.isPreset) throw new Problem('cannot-grant', 'Only the platform can change a preset.');
  requireGrantable(context, accountWideAccess(role.permissions, null));
  const access = await withResourceGrants(tx, context);
  if (await hasMemberAbove(tx, context.account, roleId, { access, now: context.now }))
    throw new Problem('cannot-grant', 'A member with this role has permissions that you do not have.');
  return role;
}

/** An account key cannot change a role of the member who created the key. @throws user-required. */
async function requireNotCreatorsRole(
  tx: Tx,
  { account, userId, isPerson }: AccountContext,
  roleId: RoleId,
): Promise<void> {
  if (isPerson) return;
  const creator = await findMember(tx, account.id, userId);
  if (creator?.membership.roles.includes(roleId)) throw new Problem('user-required');
}
