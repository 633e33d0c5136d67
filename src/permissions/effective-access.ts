import { type SQL, sql } from 'drizzle-orm';
import type { Condition } from '../database/tables/json-columns.ts';
import type { EffectiveAccess } from './access.ts';
import { accountWide, earlierEnd, type GrantedPermission } from './granted-permission.ts';

// What a member may do: as the owner, by all permissions, directly, by roles and by grants.
// TypeScript computes all of it (`effectiveAccess`); SQL answers one question (`isAllowed`).
// test/permissions/twins.test.ts checks that the two agree.

/** A grant as the database returns it. */
export interface GrantSource {
  /** A UUID, not a TypeID. */
  id: string;
  permission: string;
  /** The permission and everything that it implies. */
  covers: string[];
  resourceType: string | null;
  resourceId: string | null;
  condition: Condition;
  endsAt: string | null;
}

/** Where the permissions of a membership come from. */
export interface Sources {
  /** Direct permissions and those of roles, with everything that they imply. */
  permissions: string[];
  /** Grants that have not ended. */
  grants: GrantSource[];
}

/** A membership with the sources of its permissions. */
export interface MembershipWithSources {
  isOwner: boolean;
  allPermissions: boolean;
  endsAt: Date | null;
  /** Null if they were not read or there is no membership: they give nothing. */
  sources: Sources | null;
}

/**
 * What a member may do. The owner has all permissions without an end. Nothing lasts longer than the
 * membership.
 * @param membership an active membership: its status is not checked.
 */
export function effectiveAccess({ isOwner, allPermissions, endsAt, sources }: MembershipWithSources): EffectiveAccess {
  if (isOwner) return { allPermissions: true, endsAt: null, grantedPermissions: [] };
  if (allPermissions) return { allPermissions: true, endsAt, grantedPermissions: [] };
  const { permissions = [], grants = [] } = sources ?? {};
  const direct = [...new Set(permissions)].map((it) => accountWide(it, endsAt));
  return {
    allPermissions: false,
    endsAt,
    grantedPermissions: [...direct, ...grants.flatMap((it) => expandGrant(it, endsAt))],
  };
}

/** What a grant gives: its permission and everything that it implies. */
function expandGrant(source: GrantSource, membershipEndsAt: Date | null): GrantedPermission[] {
  const { covers, resourceType, resourceId, condition } = source;
  const resource = resourceType === null ? null : { type: resourceType, id: resourceId };
  const endsAt = earlierEnd(source.endsAt === null ? null : new Date(source.endsAt), membershipEndsAt);
  return covers.map((permission) => ({ permission, resource, condition, endsAt }));
}

// --- In SQL ---

/**
 * The roles `r` with some ids: the account's own and the presets, as a table and a condition each.
 * They are queried separately, since Citus can't plan a union with a table shared by all accounts.
 * @param account the account's id, as a parameter (see `isAllowed`).
 * @param ids an array of UUIDs.
 */
export const rolesById = (account: SQL, ids: SQL) => [
  { table: sql`roles r`, matches: sql`r.account_id = ${account} and r.id = any(${ids})` },
  { table: sql`role_presets r`, matches: sql`r.id = any(${ids})` },
];

/** Whether one of the roles with some ids meets a condition on `r`, as SQL. */
export const hasRole = (account: SQL, ids: SQL, condition: SQL) => {
  const found = rolesById(account, ids).map(
    ({ table, matches }) => sql`exists (select from ${table} where ${matches} and ${condition})`,
  );
  return sql`(${sql.join(found, sql` or `)})`;
};

/**
 * Whether a grant `g` is a user's and has not ended, as SQL. Written to match the index on its end.
 */
export const isGrantOf = (account: SQL, userId: SQL, now: SQL) =>
  sql`g.account_id = ${account} and g.user_id = ${userId} and coalesce(g.ends_at, 'infinity') > ${now}`;

/**
 * The sources of a membership's permissions, as a column of a query on `memberships`. Grants on
 * resources or on conditions are left out, since there may be many.
 * @param account the id of the membership's account. If the query is about one account, it must be
 * a parameter: in a query that also reads a table shared by all accounts, Citus can't plan a
 * subquery that takes it from `memberships`.
 */
export const sourcesColumn = (account: SQL, now: SQL) =>
  sources(account, now, sql`g.resource_type is null and g.resource_id is null and g.condition = '{}'`);

/** Like `sourcesColumn`, with grants on resources and on conditions. */
export const allSourcesColumn = (account: SQL, now: SQL) => sources(account, now, sql`true`);

// Raw column names, since Drizzle omits the table name in a query on one table.
const sources = (account: SQL, now: SQL, grantFilter: SQL) => {
  const byRole = rolesById(account, sql`memberships.roles`).map(
    ({ table, matches }) =>
      sql`array(select distinct unnest(p.covers) from ${table} join permissions p on p.key = any(r.permissions) where ${matches})`,
  );
  const byName = sql`array(select distinct unnest(p.covers) from permissions p where p.key = any(memberships.permissions))`;
  return sql<Sources | null>`jsonb_build_object(
    'permissions', ${sql.join([byName, ...byRole], sql` || `)},
    'grants', ${grantsColumn(account, now, grantFilter)})`;
};

/**
 * The grants of a membership that have not ended, as a column of a query on `memberships`.
 * @param filter a condition on a grant `g`.
 */
export const grantsColumn = (account: SQL, now: SQL, filter: SQL) => sql<GrantSource[]>`coalesce((
  select jsonb_agg(jsonb_build_object('id', g.id, 'permission', p.key, 'covers', p.covers, 'resourceType', g.resource_type,
    'resourceId', g.resource_id, 'condition', g.condition, 'endsAt', g.ends_at))
  from grants g join permissions p on p.key = g.permission
  where ${isGrantOf(account, sql`memberships.user_id`, now)} and ${filter}), '[]')`;

/**
 * Whether the member has a grant of a kind. Each kind is looked up in an index separately. With an
 * `or` of the kinds, Postgres would compare each question with each grant: up to a hundred
 * questions in a request, and 10,000 grants of a member.
 */
const isGranted = (account: SQL, now: SQL, kind: SQL) => sql`exists (
      select from grants g
      where ${isGrantOf(account, sql`m.user_id`, now)} and g.permission = any(p.covered_by) and ${kind})`;

/**
 * Whether a member may do something, as an SQL condition. All decisions about access in SQL are
 * made here. It is for a query that has `q` (the question), `m` (the user's active membership), `a`
 * (its account) and `p` (the permission in question). If `m` or `p` is missing, the answer is
 * false.
 * @param account the id of the account in question. It must be a parameter: Citus can't plan a
 * subquery that takes it from `m` in a query that also reads a table shared by all accounts.
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
 * Like `isAllowed`, for a question about the account itself. Grants on resources don't apply to it,
 * and Citus can't plan their look-up there.
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
