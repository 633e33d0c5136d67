import type { Db } from '../../database/database.ts';
import { notInCatalogue, requireAllExist } from '../../permissions/resolve-access.ts';
import { listPermissionKeys } from '../../permissions/store.ts';

/** @throws invalid-request for a permission that the catalogue does not have. */
export async function requireKnown(db: Db, permissions: readonly string[]): Promise<void> {
  requireAllExist(permissions, await listPermissionKeys(db), '/permissions', notInCatalogue);
}
