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
import { changeIn, nameTaken } from './create.ts';
import { requireKnown } from './known.ts';
import type { RoleChanges } from './schemas.ts';
import {
  findRole,
  deleteRoleRow as forgetRole,
  hasMemberAbove,
  isRoleInUse,
  type RoleRow,
  updateRole,
} from './store.ts';

/**
 * Changes a role of the account's own, and with it what its holders may do, from their next request on. Whoever changes it must
 * hold all that it gave and will give, and nobody may hold it who holds more than they do.
 * @throws permission-missing, not-found, cannot-grant, name-taken, invalid-request.
 */
export async function changeRole(
  { db }: Service,
  caller: Caller,
  accountId: AccountId,
  roleId: RoleId,
  asked: RoleChanges,
): Promise<RoleRow> {
  const changes = changeIn(asked);
  const changed = await changeAccount(db, caller, accountId, 'roles:manage', async (tx, context) => {
    const role = await requireOwnRole(tx, context, roleId);
    if (changes.permissions) {
      await requireNotOfMaker(tx, context, roleId);
      await requireKnown(tx, changes.permissions);
      requireGrantable(context, accountWideAccess(changes.permissions, null));
    }
    await updateRole(tx, accountId, roleId, changes);
    return { ...role, ...changes };
  }).catch(nameTaken);
  caller.logSecurityEvent('role_changed', { accountId, roleId });
  return changed;
}

/** Deletes a role of the account's own. @throws permission-missing, not-found, cannot-grant, role-in-use. */
export async function deleteRole({ db }: Service, caller: Caller, accountId: AccountId, roleId: RoleId): Promise<void> {
  await changeAccount(db, caller, accountId, 'roles:manage', async (tx, context) => {
    await requireOwnRole(tx, context, roleId);
    if (await isRoleInUse(tx, accountId, roleId, caller.now)) throw new Problem('role-in-use');
    await forgetRole(tx, accountId, roleId);
  });
  caller.logSecurityEvent('role_changed', { accountId, roleId });
}

/** A role that the caller may change: the rules that all such changes share, in order. A preset is the platform's to change. */
async function requireOwnRole(tx: Tx, context: AccountContext, roleId: RoleId): Promise<RoleRow> {
  const role = await findRole(tx, context.account.id, roleId);
  if (!role) throw new Problem('not-found');
  if (role.isPreset) throw new Problem('cannot-grant', 'A preset is the platform’s to change.');
  requireGrantable(context, accountWideAccess(role.permissions, null));
  const holder = await withResourceGrants(tx, context);
  if (await hasMemberAbove(tx, context.account, roleId, { holder, now: context.now }))
    throw new Problem('cannot-grant', 'A member with this role has permissions that you do not have.');
  return role;
}

/** An account key never changes its maker, nor what a role gives its maker. @throws user-required. */
async function requireNotOfMaker(tx: Tx, { account, userId, isPerson }: AccountContext, roleId: RoleId): Promise<void> {
  if (isPerson) return;
  const maker = await findMember(tx, account.id, userId);
  if (maker?.membership.roles.includes(roleId)) throw new Problem('user-required');
}
