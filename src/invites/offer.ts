import type { Db } from '../database/database.ts';
import { findOffered } from '../permissions/store.ts';
import { wordedIn } from '../permissions/translations.ts';
import type { InviteRow } from './store.ts';

/** What an invite gives beside all permissions, in words: its roles, and every permission of them and of its own. */
export async function offeredBy(db: Db, invite: InviteRow, locales: (string | null)[]) {
  const { accountId, permissions, roles } = invite;
  if (permissions.length + roles.length === 0) return { roles: [], permissions: [] };
  const offered = await findOffered(db, accountId, invite);
  return {
    roles: offered.roles.map(({ id, name }) => ({ id, name })),
    permissions: offered.permissions.map((it) => wordedIn(it, locales)),
  };
}
