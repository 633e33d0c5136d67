import { type Acting, changeAccount } from '../accounts/enter.ts';
import type { Tx } from '../database/database.ts';
import type { AccountId, RoleId } from '../ids.ts';
import { effective } from '../permissions/access.ts';
import { requireGrantable, requirePermission } from '../permissions/rules.ts';
import { Problem } from '../problems.ts';
import type { Caller, Service } from '../service.ts';
import { nameTaken } from './create.ts';
import { requireKnown } from './known.ts';
import type { RoleChanges } from './schemas.ts';
import { findRole, deleteRole as forgetRole, hasHolderAbove, isRoleUsed, type RoleRow, updateRole } from './store.ts';

/**
 * Changes a role of the account's own, and with it what its holders may do, from their next request on. Whoever changes it must
 * hold all that it gave and will give, and nobody may hold it who holds more than they do.
 * @throws permission-missing, not-found, cannot-grant, name-taken, invalid-request.
 */
export function changeRole(
  { db }: Service,
  caller: Caller,
  accountId: AccountId,
  roleId: RoleId,
  { permissions, ...words }: RoleChanges,
): Promise<RoleRow> {
  const changes = { ...words, ...(permissions && { permissions: [...permissions].sort() }) };
  const change = changeAccount(db, caller, accountId, async (tx, acting) => {
    const role = await requireOwnRole(tx, acting, roleId);
    if (changes.permissions) {
      await requireKnown(tx, changes.permissions);
      requireGrantable(acting, effective(changes.permissions, null));
    }
    await updateRole(tx, accountId, roleId, changes);
    caller.audit('role_changed', { accountId, roleId });
    return { ...role, ...changes };
  });
  return change.catch(nameTaken);
}

/** Deletes a role of the account's own. @throws permission-missing, not-found, cannot-grant, role-in-use. */
export function deleteRole({ db }: Service, caller: Caller, accountId: AccountId, roleId: RoleId): Promise<void> {
  return changeAccount(db, caller, accountId, async (tx, acting) => {
    await requireOwnRole(tx, acting, roleId);
    if (await isRoleUsed(tx, accountId, roleId, caller.now)) throw new Problem('role-in-use');
    await forgetRole(tx, accountId, roleId);
    caller.audit('role_changed', { accountId, roleId });
  });
}

/** A role that the caller may change: the rules that all such changes share, in order. A preset is the platform's to change. */
async function requireOwnRole(tx: Tx, acting: Acting, roleId: RoleId): Promise<RoleRow> {
  requirePermission(acting, 'roles:manage');
  const role = await findRole(tx, acting.account.id, roleId);
  if (!role) throw new Problem('not-found');
  if (role.isPreset) throw new Problem('cannot-grant', 'A preset is the platform’s to change.');
  requireGrantable(acting, effective(role.permissions, null));
  const held = acting.holdings.map((it) => it.permission);
  const isAbove = !acting.allPermissions && (await hasHolderAbove(tx, acting.account.id, roleId, held));
  if (isAbove) throw new Problem('cannot-grant', 'Someone holds this role who holds more than you do.');
  return role;
}
