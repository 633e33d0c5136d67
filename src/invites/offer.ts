import type { Db } from '../database/database.ts';
import { findOfferedAccess } from '../permissions/store.ts';
import { translatePermission } from '../permissions/translations.ts';
import type { InviteRow } from './store.ts';

/** What an invite gives beside all permissions, in words: its roles, and every permission of them and of its own. */
export async function describeOffer(db: Db, invite: InviteRow, locales: (string | null)[]) {
  const { accountId, permissions, roles } = invite;
  if (permissions.length + roles.length === 0) return { roles: [], permissions: [] };
  const offered = await findOfferedAccess(db, accountId, invite);
  return {
    roles: offered.roles.map(({ id, name }) => ({ id, name })),
    permissions: offered.permissions.map((it) => translatePermission(it, locales)),
  };
}
