import { type SQL, sql } from 'drizzle-orm';
import type { EffectiveAccess } from './access.ts';
import { isGrantOf } from './effective-access.ts';
import { covers, type GrantedPermission, isAccountWide, lastsUntil } from './granted-permission.ts';

// Who has more permissions than whom: in TypeScript for two members, in SQL for many members at
// once. test/permissions/twins.test.ts checks that the two agree.

/**
 * The permissions of `other` that `own` does not cover: it does not have them, or not in the same
 * places, on the same conditions or for as long.
 * @returns permission keys, sorted and unique; `['*']` if all permissions are missing.
 */
export function missingPermissions(own: EffectiveAccess, other: EffectiveAccess): string[] {
  const hasAll = (until: Date | null) => own.allPermissions && lastsUntil(own.endsAt, until);
  if (other.allPermissions) return hasAll(other.endsAt) ? [] : ['*'];
  const isCoveredBy = coverageLookup(own.grantedPermissions);
  const isCovered = (it: GrantedPermission) => hasAll(it.endsAt) || isCoveredBy(it);
  return [...new Set(other.grantedPermissions.filter((it) => !isCovered(it)).map((it) => it.permission))].sort();
}

/**
 * Returns a function that tells whether some granted permissions cover another one. It looks up the
 * places that could cover it: comparing every pair takes seconds if two members have thousands
 * of grants.
 */
function coverageLookup(grantedPermissions: readonly GrantedPermission[]): (required: GrantedPermission) => boolean {
  const placeKey = (permission: string, type?: string, id?: string | null) => JSON.stringify([permission, type, id]);
  const longestLasting = new Map<string, GrantedPermission>();
  const conditional = new Map<string, GrantedPermission[]>();
  for (const it of grantedPermissions) {
    const { permission, resource, condition, endsAt } = it;
    const place = placeKey(permission, resource?.type, resource?.id);
    const previous = longestLasting.get(place);
    if (Object.keys(condition).length > 0) conditional.set(permission, [...(conditional.get(permission) ?? []), it]);
    else if (!previous || lastsUntil(endsAt, previous.endsAt)) longestLasting.set(place, it);
  }
  return (required) => {
    const { permission, resource } = required;
    const places = [
      placeKey(permission),
      placeKey(permission, resource?.type, null),
      placeKey(permission, resource?.type, resource?.id),
    ];
    const unconditional = places.flatMap((it) => longestLasting.get(it) ?? []);
    return [...unconditional, ...(conditional.get(permission) ?? [])].some((it) => covers(it, required));
  };
}

/**
 * An access with `now` as the end of everything, so that a comparison ignores what lasts longer.
 */
export function asOf(now: Date, { allPermissions, grantedPermissions }: EffectiveAccess): EffectiveAccess {
  return { allPermissions, endsAt: now, grantedPermissions: grantedPermissions.map((it) => ({ ...it, endsAt: now })) };
}

/**
 * Whether a member has more permissions than `own`, as an SQL condition on a membership `m`. It is
 * true if `missingPermissions(own, asOf(now, member))` is not empty. The membership must not be the
 * owner's.
 * @param account the account's id, as a parameter (see `isAllowed`).
 */
export function hasMoreThan(own: EffectiveAccess, { account, now }: { account: SQL; now: Date }): SQL {
  if (own.allPermissions && lastsUntil(own.endsAt, now)) return sql`false`;
  const grantedPermissions = own.grantedPermissions.filter((it) => lastsUntil(it.endsAt, now));
  const isUnconditional = ({ condition }: GrantedPermission) => Object.keys(condition).length === 0;
  const accountWideKeys = textArray(grantedPermissions.filter(isAccountWide).map((it) => it.permission));
  const onTypes = grantedPermissions.filter((it) => isUnconditional(it) && it.resource?.id === null);
  const onResources = grantedPermissions.filter((it) => isUnconditional(it) && typeof it.resource?.id === 'string');
  const conditional = grantedPermissions.filter((it) => !isUnconditional(it));
  // Uncorrelated subqueries, so that each is evaluated once for all members.
  const missing = sql`array(select p.key from permissions p where not p.covers <@ ${accountWideKeys})`;
  const rolesWithMissing = sql`(
    array(select r.id from roles r where r.account_id = ${account} and r.permissions && ${missing})
    || array(select r.id from role_presets r where r.permissions && ${missing}))`;
  // `in` looks the places up in hash tables. Comparing each grant with each takes minutes.
  const isCovered = sql`(it.permission = any(${accountWideKeys})
    or coalesce((it.permission, g.resource_type) in (select * from unnest(${toColumns(onTypes, 2)})), false)
    or coalesce((it.permission, g.resource_type, g.resource_id) in (select * from unnest(${toColumns(onResources, 3)})), false)
    or exists (
      select from unnest(${toColumns(conditional, 3)}, ${textArray(conditional.map((it) => JSON.stringify(it.condition)))})
        as own (permission, resource_type, resource_id, condition)
      where own.permission = it.permission and g.condition @> own.condition::jsonb
        and coalesce(own.resource_type = g.resource_type, own.resource_type is null)
        and coalesce(own.resource_id = g.resource_id, own.resource_id is null)))`;
  return sql`(
    m.all_permissions
    or m.permissions && ${missing}
    or m.roles && ${rolesWithMissing}
    or exists (
      select from grants g join permissions p on p.key = g.permission cross join unnest(p.covers) as it (permission)
      where ${isGrantOf(account, sql`m.user_id`, sql`${sql.param(now.toISOString())}::timestamptz`)} and not ${isCovered}))`;
}

/** Permissions, resource types and (with a count of 3) resource ids, as arrays for `unnest`. */
function toColumns(grantedPermissions: readonly GrantedPermission[], count: 2 | 3): SQL {
  const lists = [
    grantedPermissions.map((it) => it.permission),
    grantedPermissions.map((it) => it.resource?.type ?? null),
    grantedPermissions.map((it) => it.resource?.id ?? null),
  ];
  return sql.join(lists.slice(0, count).map(textArray), sql`, `);
}

const textArray = (list: readonly (string | null)[]) => sql`${sql.param([...list])}::text[]`;
