import { catalogueRow, incrementVersion } from '../../access/catalogue/store.ts';
import { newRole, refuseDuplicateName, requireInCatalogue, toRoleUpdate } from '../../access/roles/create.ts';
import type { NewRole, RoleChanges } from '../../access/roles/schemas.ts';
import {
  deletePresetRow,
  findPreset,
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

/**
 * Creates a preset: a role that every account has.
 * @throws platform-key-required, permission-missing, name-taken, invalid-request.
 */
export async function createPreset(service: Service, caller: Caller, body: NewRole): Promise<RoleRow> {
  const role = newRole(body, caller.now);
  await changePresets(service, caller, role.id, async (tx) => {
    await requireInCatalogue(tx, role.permissions);
    await insertPreset(tx, role);
  }).catch(refuseDuplicateName);
  return { ...role, isPreset: true };
}

/**
 * Changes a preset. Takes effect on the next request of the members who have it, in every account.
 * @throws platform-key-required, permission-missing, not-found, name-taken, invalid-request.
 */
export function changePreset(service: Service, caller: Caller, roleId: RoleId, body: RoleChanges): Promise<RoleRow> {
  const changes = toRoleUpdate(body);
  const change = changePresets(service, caller, roleId, async (tx) => {
    if (changes.permissions) await requireInCatalogue(tx, changes.permissions);
    await updatePreset(tx, roleId, changes);
    const changed = await findPreset(tx, roleId);
    if (!changed) throw new Problem('not-found');
    return changed;
  });
  return change.catch(refuseDuplicateName);
}

/** Deletes a preset. @throws platform-key-required, permission-missing, not-found, role-in-use. */
export function deletePreset(service: Service, caller: Caller, roleId: RoleId): Promise<void> {
  return changePresets(service, caller, roleId, async (tx) => {
    if (await isRoleInUse(tx, null, roleId, caller.now)) throw new Problem('role-in-use');
    if (!(await deletePresetRow(tx, roleId))) throw new Problem('not-found');
  });
}

/** Changes a preset, which increments the epoch of every account. */
async function changePresets<T>(
  { db }: Service,
  caller: Caller,
  roleId: RoleId,
  change: (tx: Tx) => Promise<T>,
): Promise<T> {
  const row = { row: catalogueRow, lock: lockCatalogue };
  const changed = await changeAsPlatform(db, caller, 'role-presets:manage', row, async (tx) => {
    await incrementVersion(tx);
    return change(tx);
  });
  caller.logSecurityEvent('role_changed', { roleId });
  return changed;
}
