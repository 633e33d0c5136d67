import type { Db } from '../database/database.ts';
import { findAccessDetails } from '../permissions/store.ts';
import { translatePermission } from '../permissions/view.ts';
import type { InviteRow } from './store.ts';

/**
 * The roles of an invite by name, and its own permissions and those of its roles with title and
 * description. Both are empty for all permissions.
 * @param locales the languages to use, in order of preference.
 */
export async function describeAccess(db: Db, invite: InviteRow, locales: (string | null)[]) {
  const { accountId, permissions, roles } = invite;
  if (permissions.length + roles.length === 0) return { roles: [], permissions: [] };
  const offered = await findAccessDetails(db, accountId, invite);
  return {
    roles: offered.roles.map(({ id, name }) => ({ id, name })),
    permissions: offered.permissions.map((it) => translatePermission(it, locales)),
  };
}
