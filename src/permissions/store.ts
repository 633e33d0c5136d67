import { asc, type SQL, sql } from 'drizzle-orm';
import type { Db } from '../database/database.ts';
import { permissions, roles } from '../database/schema.ts';
import { placeholderFor, prepared } from '../database/statements.ts';
import { type AccountId, idOf, type RoleId, uuidOf } from '../ids/ids.ts';
import { hasRole, rolesById } from './effective-access.ts';

/** What is there of some permissions and roles that are to be given in an account: its own roles, and the presets. */
export interface ExistingAccess {
  permissions: string[];
  roles: { id: RoleId; name: string; permissions: string[] }[];
}

const rolesAmong = (accountId: SQL, ids: SQL) =>
  sql.join(
    rolesById(accountId, ids).map(
      ({ table, isNamed }) => sql`select r.id, r.name, r.permissions from ${table} where ${isNamed}`,
    ),
    sql` union all `,
  );

/** What there is of some permissions and roles, as columns: of lists of keys and ids that a statement has anyhow. */
export const existingAccessColumns = (accountId: SQL, wanted: { permissions: SQL; roles: SQL }) => ({
  permissions: sql<string[]>`array(select p.key from permissions p where p.key = any(${wanted.permissions}))`,
  roles: sql<RoleFound[]>`coalesce((
    select jsonb_agg(jsonb_build_object('id', it.id, 'name', it.name, 'permissions', it.permissions)) from (
      ${rolesAmong(accountId, wanted.roles)}) it), '[]')`,
});

const account = sql`${placeholderFor(roles.accountId, 'accountId')}`;
const permissionsAsked = sql`${sql.placeholder('permissions')}::text[]`;
const rolesAsked = sql`${sql.placeholder('roles')}::uuid[]`;
const asked = existingAccessColumns(account, { permissions: permissionsAsked, roles: rolesAsked });

/** The same columns, read. */
export const toExistingAccess = (found: { permissions: string[]; roles: RoleFound[] } | undefined): ExistingAccess => ({
  permissions: found?.permissions ?? [],
  roles: (found?.roles ?? []).map(roleOf),
});

interface RoleFound {
  id: string;
  name: string;
  permissions: string[];
}

const givable = prepared('find_givable', (db) => db.select(asked).from(sql`(select) one`));

interface Wanted {
  accountId: AccountId;
  permissions: readonly string[];
  roles: readonly RoleId[];
}

export async function findExistingAccess(db: Db, { accountId, ...wanted }: Wanted): Promise<ExistingAccess> {
  const [found] = await givable(db).execute(valuesOf(accountId, wanted));
  return toExistingAccess(found);
}

const valuesOf = (accountId: AccountId, wanted: { permissions: readonly string[]; roles: readonly RoleId[] }) => ({
  accountId,
  permissions: [...wanted.permissions],
  roles: wanted.roles.map((it) => uuidOf('rol', it)),
});

const roleOf = (it: RoleFound) => ({ ...it, id: idOf('rol', it.id) });

const offered = prepared('find_offered', (db) =>
  db
    .select({
      roles: asked.roles,
      permissions: sql<DescribedPermission[]>`coalesce((
        select jsonb_agg(to_jsonb(p) order by p.position) from permissions p
        where p.key = any(${permissionsAsked})
          or ${hasRole(account, rolesAsked, sql`p.key = any(r.permissions)`)}), '[]')`,
    })
    .from(sql`(select) one`),
);

/** A permission with its words. */
export type DescribedPermission = Pick<
  typeof permissions.$inferSelect,
  'key' | 'title' | 'description' | 'group' | 'implies' | 'translations' | 'own'
>;

/** The same with every permission that roles and single permissions come to, in words and in the catalogue's order. */
export async function findOfferedAccess(
  db: Db,
  accountId: AccountId,
  wanted: { permissions: readonly string[]; roles: readonly RoleId[] },
) {
  const [found] = await offered(db).execute(valuesOf(accountId, wanted));
  return { permissions: found?.permissions ?? [], roles: (found?.roles ?? []).map(roleOf) };
}

const keys = prepared('list_permission_keys', (db) =>
  db.select({ key: permissions.key }).from(permissions).orderBy(asc(permissions.position)),
);

/** Every key of the catalogue, in the order in which they are shown. */
export async function listPermissionKeys(db: Db): Promise<string[]> {
  return (await keys(db).execute()).map((it) => it.key);
}
