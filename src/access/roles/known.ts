import type { Db } from '../../database/database.ts';
import { inCatalogue, requireAll } from '../../permissions/resolve-access.ts';
import { listKeys } from '../../permissions/store.ts';

/** @throws invalid-request for a permission that the catalogue does not have. */
export async function requireKnown(db: Db, permissions: readonly string[]): Promise<void> {
  requireAll(permissions, await listKeys(db), '/permissions', inCatalogue);
}
