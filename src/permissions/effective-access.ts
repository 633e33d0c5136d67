import { type SQL, sql } from 'drizzle-orm';
import type { Condition } from '../database/tables/json-columns.ts';
import type { EffectiveAccess } from './access.ts';
import { accountWide, earlierEnd, type GrantedPermission } from './granted-permission.ts';

// What a member may do: by being the owner, by all permissions, by name, by roles and by grants. In
// TypeScript it is all of it (`effectiveAccess`), in SQL the answer to one question (`isAllowed`).
// test/permissions/twins.test.ts compares the two.

/** A grant as the database has it, with all permissions that its permission covers. */
export interface GrantSource {
  /** A uuid. */
  id: string;
  permission: string;
  covers: string[];
  resourceType: string | null;
  resourceId: string | null;
  condition: Condition;
  endsAt: string | null;
}

/** What a membership has. */
export interface Sources {
  /** Permissions in the whole account, by name or by a role, with those that they imply. */
  permissions: string[];
  grants: GrantSource[];
}

/** A membership with what its permissions come from. */
export interface Sourced {
  isOwner: boolean;
  allPermissions: boolean;
  endsAt: Date | null;
  sources: Sources | null;
}

/** What someone may do, by all that they were given. */
export function effectiveAccess({ isOwner, allPermissions, endsAt, sources }: Sourced): EffectiveAccess {
  if (isOwner) return { allPermissions: true, endsAt: null, grantedPermissions: [] };
  if (allPermissions) return { allPermissions: true, endsAt, grantedPermissions: [] };
  const { permissions = [], grants = [] } = sources ?? {};
  const whole = [...new Set(permissions)].map((it) => accountWide(it, endsAt));
  return {
    allPermissions: false,
    endsAt,
    grantedPermissions: [...whole, ...grants.flatMap((it) => grantedPermissionsOf(it, endsAt))],
  };
}

/** What a grant gives: its permission, and each that it implies. */
function grantedPermissionsOf(source: GrantSource, membershipEndsAt: Date | null): GrantedPermission[] {
  const { covers, resourceType, resourceId, condition } = source;
  const resource = resourceType === null ? null : { type: resourceType, id: resourceId };
  const endsAt = earlierEnd(source.endsAt === null ? null : new Date(source.endsAt), membershipEndsAt);
  return covers.map((permission) => ({ permission, resource, condition, endsAt }));
}

// --- In SQL -----------------------------------------------------------------------------------------

/**
 * The roles `r` with some ids: the account's own, and the presets. A query for each: Citus can't plan
 * a union with a table shared by all accounts.
 * @param account a parameter, like that of `isAllowed`.
 */
export const rolesById = (account: SQL, ids: SQL) => [
  { table: sql`roles r`, isNamed: sql`r.account_id = ${account} and r.id = any(${ids})` },
  { table: sql`role_presets r`, isNamed: sql`r.id = any(${ids})` },
];

/** Whether one of the roles with some ids satisfies a condition on `r`. */
export const hasRole = (account: SQL, ids: SQL, condition: SQL) => {
  const found = rolesById(account, ids).map(
    ({ table, isNamed }) => sql`exists (select from ${table} where ${isNamed} and ${condition})`,
  );
  return sql`(${sql.join(found, sql` or `)})`;
};

/** Whether a grant `g` is a member's and has not ended. In the form of the index on its end. */
export const isGrantOf = (account: SQL, userId: SQL, now: SQL) =>
  sql`g.account_id = ${account} and g.user_id = ${userId} and coalesce(g.ends_at, 'infinity') > ${now}`;

/**
 * What a membership has, as a column of a query that has `memberships`: every permission that it
 * has by name or by a role, with those that they imply, and its grants in the whole account. Grants
 * on resources or conditions are left out: there may be many.
 * @param account the account of the membership. A parameter wherever the query names one account:
 * in a query that also has a table shared by all accounts, Citus can't plan a subquery that takes
 * it from `memberships`.
 */
export const sourcesColumn = (account: SQL, now: SQL) =>
  sources(account, now, sql`g.resource_type is null and g.resource_id is null and g.condition = '{}'`);

/** The same with grants on resources and conditions. */
export const allSourcesColumn = (account: SQL, now: SQL) => sources(account, now, sql`true`);

// Raw column names, since Drizzle writes the columns of a query on one table without its name.
const sources = (account: SQL, now: SQL, whichGrants: SQL) => {
  const byRole = rolesById(account, sql`memberships.roles`).map(
    ({ table, isNamed }) =>
      sql`array(select distinct unnest(p.covers) from ${table} join permissions p on p.key = any(r.permissions) where ${isNamed})`,
  );
  const byName = sql`array(select distinct unnest(p.covers) from permissions p where p.key = any(memberships.permissions))`;
  return sql<Sources | null>`jsonb_build_object(
    'permissions', ${sql.join([byName, ...byRole], sql` || `)},
    'grants', ${grantsColumn(account, now, whichGrants)})`;
};

/** The grants of a membership, as a column of such a query. */
export const grantsColumn = (account: SQL, now: SQL, which: SQL) => sql<GrantSource[]>`coalesce((
  select jsonb_agg(jsonb_build_object('id', g.id, 'permission', p.key, 'covers', p.covers, 'resourceType', g.resource_type,
    'resourceId', g.resource_id, 'condition', g.condition, 'endsAt', g.ends_at))
  from grants g join permissions p on p.key = g.permission
  where ${isGrantOf(account, sql`memberships.user_id`, now)} and ${which}), '[]')`;

/**
 * Whether the member has a grant of a kind. Each kind has its own index look-up: a member may have
 * 10,000 grants, and one request may ask a hundred questions. With an `or` of the kinds, each
 * question would be compared with each grant.
 */
const isGranted = (account: SQL, now: SQL, kind: SQL) => sql`exists (
      select from grants g
      where ${isGrantOf(account, sql`m.user_id`, now)} and g.permission = any(p.covered_by) and ${kind})`;

/**
 * The decision on a question, as a condition: the one place where access is decided in SQL. It is
 * asked of a query that has `q` (a question), `m` (the active membership), `a` (its account) and
 * `p` (the permission asked about), which may each be missing.
 * @param account the account asked about: a parameter, since Citus can't plan a subquery that takes
 * it from `m` in a query that also has a table shared by all accounts.
 */
export const isAllowed = (account: SQL, now: SQL) =>
  isAllowedBy(
    account,
    sql`${isGranted(account, now, sql`g.condition = '{}' and g.resource_type is null and g.resource_id is null`)}
    or ${isGranted(account, now, sql`g.condition = '{}' and g.resource_type = q.resource_type and g.resource_id is null`)}
    or ${isGranted(account, now, sql`g.condition = '{}' and g.resource_type = q.resource_type and g.resource_id = q.resource_id`)}
    or ${isGranted(
      account,
      now,
      sql`g.condition <> '{}' and q.properties @> g.condition
        and (g.resource_type is null or (g.resource_type = q.resource_type and (g.resource_id is null or g.resource_id = q.resource_id)))`,
    )}`,
  );

/**
 * The same for a question about the account itself, to which grants on resources don't apply: Citus
 * can't plan their look-up.
 */
export const isAllowedInAccount = (account: SQL, now: SQL) =>
  isAllowedBy(
    account,
    isGranted(account, now, sql`g.resource_type is null and (g.condition = '{}' or q.properties @> g.condition)`),
  );

const isAllowedBy = (account: SQL, grants: SQL) => sql`coalesce(
  m.user_id is not null and p.key is not null and (
    a.owner_id = m.user_id
    or m.all_permissions
    or m.permissions && p.covered_by
    or ${hasRole(account, sql`m.roles`, sql`r.permissions && p.covered_by`)}
    or ${grants}
  ), false)`;
