import { asc, type SQL, sql } from 'drizzle-orm';
import type { Db, Tx } from '../database/database.ts';
import { permissions, roles } from '../database/schema.ts';
import { placeholderFor, prepared } from '../database/statements.ts';
import { type AccountId, idOf, type RoleId, uuidOf } from '../ids/ids.ts';
import { hasRole, rolesById } from './effective-access.ts';

/** Those of some permissions and roles that exist. Roles are the account's own and the presets. */
export interface ExistingAccess {
  permissions: string[];
  /** With the permissions of each role. */
  roles: { id: RoleId; name: string; permissions: string[] }[];
}

const selectRoles = (accountId: SQL, ids: SQL) =>
  sql.join(
    rolesById(accountId, ids).map(
      ({ table, matches }) => sql`select r.id, r.name, r.permissions from ${table} where ${matches}`,
    ),
    sql` union all `,
  );

/**
 * The permissions and roles that exist, as columns of a query. `toExistingAccess` converts them.
 * @param requested arrays of permission keys and of role UUIDs, as SQL.
 */
export const existingAccessColumns = (accountId: SQL, requested: { permissions: SQL; roles: SQL }) => ({
  permissions: sql<string[]>`array(select p.key from permissions p where p.key = any(${requested.permissions}))`,
  roles: sql<RoleJson[]>`coalesce((
    select jsonb_agg(jsonb_build_object('id', it.id, 'name', it.name, 'permissions', it.permissions)) from (
      ${selectRoles(accountId, requested.roles)}) it), '[]')`,
});

const account = sql`${placeholderFor(roles.accountId, 'accountId')}`;
const requestedPermissions = sql`${sql.placeholder('permissions')}::text[]`;
const requestedRoles = sql`${sql.placeholder('roles')}::uuid[]`;
const existingColumns = existingAccessColumns(account, { permissions: requestedPermissions, roles: requestedRoles });

/** Converts the columns of `existingAccessColumns`; undefined gives empty lists. */
export const toExistingAccess = (found: { permissions: string[]; roles: RoleJson[] } | undefined): ExistingAccess => ({
  permissions: found?.permissions ?? [],
  roles: (found?.roles ?? []).map(toRole),
});

interface RoleJson {
  /** A UUID, not a TypeID. */
  id: string;
  name: string;
  permissions: string[];
}

const existingAccess = prepared('find_givable', (db) => db.select(existingColumns).from(sql`(select) one`));

interface PermissionsAndRoles {
  permissions: readonly string[];
  roles: readonly RoleId[];
}

/** Which of some permissions and roles exist in an account. */
export async function findExistingAccess(
  db: Db,
  { accountId, ...requested }: PermissionsAndRoles & { accountId: AccountId },
): Promise<ExistingAccess> {
  const [found] = await existingAccess(db).execute(toParameters(accountId, requested));
  return toExistingAccess(found);
}

const toParameters = (accountId: AccountId, { permissions, roles }: PermissionsAndRoles) => ({
  accountId,
  permissions: [...permissions],
  roles: roles.map((it) => uuidOf('rol', it)),
});

const toRole = (it: RoleJson) => ({ ...it, id: idOf('rol', it.id) });

const offeredAccess = prepared('find_offered', (db) =>
  db
    .select({
      roles: existingColumns.roles,
      permissions: sql<DescribedPermission[]>`coalesce((
        select jsonb_agg(to_jsonb(p) order by p.position) from permissions p
        where p.key = any(${requestedPermissions})
          or ${hasRole(account, requestedRoles, sql`p.key = any(r.permissions)`)}), '[]')`,
    })
    .from(sql`(select) one`),
);

/** A permission with its texts. */
export type DescribedPermission = Pick<
  typeof permissions.$inferSelect,
  'key' | 'title' | 'description' | 'group' | 'implies' | 'translations' | 'own'
>;

/**
 * What an invite offers, for its preview: the roles that exist, and every permission of the invite
 * or of those roles with its texts, in the order of the catalogue. Implied permissions are not
 * included.
 */
export async function findAccessDetails(db: Db, accountId: AccountId, requested: PermissionsAndRoles) {
  const [found] = await offeredAccess(db).execute(toParameters(accountId, requested));
  return { permissions: found?.permissions ?? [], roles: (found?.roles ?? []).map(toRole) };
}

const keys = prepared('list_permission_keys', (db) =>
  db.select({ key: permissions.key }).from(permissions).orderBy(asc(permissions.position)),
);

/** All permission keys, in the order of the catalogue. */
export async function listPermissionKeys(db: Db): Promise<string[]> {
  return (await keys(db).execute()).map((it) => it.key);
}

/**
 * Locks the catalogue until the transaction ends. This serialises changes of the catalogue, of the
 * presets and of everything else that belongs to no single account.
 */
export async function lockCatalogue(tx: Tx): Promise<void> {
  await tx.execute(sql`select from catalogue for no key update`);
}
