import { catalogueRow, moveVersion } from '../../access/catalogue/store.ts';
import { changeIn, nameTaken, newRole } from '../../access/roles/create.ts';
import { requireKnown } from '../../access/roles/known.ts';
import type { NewRole, RoleChanges } from '../../access/roles/schemas.ts';
import {
  findPreset,
  deletePresetRow as forgetPreset,
  insertPreset,
  isRoleInUse,
  type RoleRow,
  updatePreset,
} from '../../access/roles/store.ts';
import { changeAsPlatform } from '../../accounts/change-as-platform.ts';
import type { Caller } from '../../credentials/caller.ts';
import type { Tx } from '../../database/database.ts';
import type { RoleId } from '../../ids/ids.ts';
import { lockCatalogue } from '../../permissions/store.ts';
import { Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';

/** Makes a role that is offered to every account. @throws platform-key-required, permission-missing, name-taken, invalid-request. */
export async function createPreset(service: Service, caller: Caller, asked: NewRole): Promise<RoleRow> {
  const role = newRole(asked, caller.now);
  await changePresets(service, caller, role.id, async (tx) => {
    await requireKnown(tx, role.permissions);
    await insertPreset(tx, role);
  }).catch(nameTaken);
  return { ...role, isPreset: true };
}

/** Changes one, and with it what its holders may do in any account. @throws the same, and not-found. */
export function changePreset(service: Service, caller: Caller, roleId: RoleId, asked: RoleChanges): Promise<RoleRow> {
  const changes = changeIn(asked);
  const change = changePresets(service, caller, roleId, async (tx) => {
    if (changes.permissions) await requireKnown(tx, changes.permissions);
    await updatePreset(tx, roleId, changes);
    const changed = await findPreset(tx, roleId);
    if (!changed) throw new Problem('not-found');
    return changed;
  });
  return change.catch(nameTaken);
}

/** Deletes one. @throws platform-key-required, permission-missing, not-found, role-in-use. */
export function deletePreset(service: Service, caller: Caller, roleId: RoleId): Promise<void> {
  return changePresets(service, caller, roleId, async (tx) => {
    if (await isRoleInUse(tx, null, roleId, caller.now)) throw new Problem('role-in-use');
    if (!(await forgetPreset(tx, roleId))) throw new Problem('not-found');
  });
}

/** What every change of a preset shares. It moves the epoch of every account. */
async function changePresets<T>(
  { db }: Service,
  caller: Caller,
  roleId: RoleId,
  change: (tx: Tx) => Promise<T>,
): Promise<T> {
  const row = { row: catalogueRow, lock: lockCatalogue };
  const changed = await changeAsPlatform(db, caller, 'role-presets:manage', row, async (tx) => {
    await moveVersion(tx);
    return change(tx);
  });
  caller.logSecurityEvent('role_changed', { roleId });
  return changed;
}
