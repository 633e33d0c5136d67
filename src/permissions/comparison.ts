import { type SQL, sql } from 'drizzle-orm';
import type { EffectiveAccess } from './access.ts';
import { isGrantOf } from './effective-access.ts';
import { covers, type GrantedPermission, isAccountWide, lastsUntil } from './granted-permission.ts';

// Who has more permissions than whom, in TypeScript for two members, and in SQL for many members at
// once. test/permissions/twins.test.ts compares the two.

/**
 * The permissions that `other` has and `holder` does not have, or not everywhere or for as long; `*`
 * for all permissions.
 */
export function missingPermissions(holder: EffectiveAccess, other: EffectiveAccess): string[] {
  const hasAll = (until: Date | null) => holder.allPermissions && lastsUntil(holder.endsAt, until);
  if (other.allPermissions) return hasAll(other.endsAt) ? [] : ['*'];
  const isCoveredBy = coverageLookup(holder.grantedPermissions);
  const isCovered = (it: GrantedPermission) => hasAll(it.endsAt) || isCoveredBy(it);
  return [...new Set(other.grantedPermissions.filter((it) => !isCovered(it)).map((it) => it.permission))].sort();
}

/**
 * Whether some holdings cover another one, by one look-up for each place that could. Comparing each
 * with each takes seconds if two members have thousands of grants.
 */
function coverageLookup(grantedPermissions: readonly GrantedPermission[]): (wanted: GrantedPermission) => boolean {
  const placeOf = (permission: string, type?: string, id?: string | null) => JSON.stringify([permission, type, id]);
  const longest = new Map<string, GrantedPermission>();
  const conditional = new Map<string, GrantedPermission[]>();
  for (const it of grantedPermissions) {
    const { permission, resource, condition, endsAt } = it;
    const place = placeOf(permission, resource?.type, resource?.id);
    const known = longest.get(place);
    if (Object.keys(condition).length > 0) conditional.set(permission, [...(conditional.get(permission) ?? []), it]);
    else if (!known || lastsUntil(endsAt, known.endsAt)) longest.set(place, it);
  }
  return (wanted) => {
    const { permission, resource } = wanted;
    const places = [placeOf(permission), placeOf(permission, resource?.type, null)];
    const found = [...places, placeOf(permission, resource?.type, resource?.id)].flatMap((it) => longest.get(it) ?? []);
    return [...found, ...(conditional.get(permission) ?? [])].some((it) => covers(it, wanted));
  };
}

/** The same access as far as it goes at a moment, regardless of when it ends. */
export function asOf(now: Date, { allPermissions, grantedPermissions }: EffectiveAccess): EffectiveAccess {
  return { allPermissions, endsAt: now, grantedPermissions: grantedPermissions.map((it) => ({ ...it, endsAt: now })) };
}

/**
 * Whether a member has more permissions than the holder: whether `missingPermissions` of the holder
 * and `asOf(now, member)` has any. A condition on a membership `m` that is not the owner's.
 * @param account a parameter, like that of `isAllowed`.
 */
export function hasMoreThan(holder: EffectiveAccess, { account, now }: { account: SQL; now: Date }): SQL {
  if (holder.allPermissions && lastsUntil(holder.endsAt, now)) return sql`false`;
  const grantedPermissions = holder.grantedPermissions.filter((it) => lastsUntil(it.endsAt, now));
  const isUnconditional = ({ condition }: GrantedPermission) => Object.keys(condition).length === 0;
  const whole = texts(grantedPermissions.filter(isAccountWide).map((it) => it.permission));
  const onTypes = grantedPermissions.filter((it) => isUnconditional(it) && it.resource?.id === null);
  const onResources = grantedPermissions.filter((it) => isUnconditional(it) && typeof it.resource?.id === 'string');
  const conditional = grantedPermissions.filter((it) => !isUnconditional(it));
  // Without correlation, so that each of these is evaluated once for all members.
  const missing = sql`array(select p.key from permissions p where not p.covers <@ ${whole})`;
  const rolesWithMissing = sql`(
    array(select r.id from roles r where r.account_id = ${account} and r.permissions && ${missing})
    || array(select r.id from role_presets r where r.permissions && ${missing}))`;
  // The places are looked up in hash tables. Comparing each grant with each takes minutes.
  const isCovered = sql`(it.permission = any(${whole})
    or coalesce((it.permission, g.resource_type) in (select * from unnest(${columnsOf(onTypes, 2)})), false)
    or coalesce((it.permission, g.resource_type, g.resource_id) in (select * from unnest(${columnsOf(onResources, 3)})), false)
    or exists (
      select from unnest(${columnsOf(conditional, 3)}, ${texts(conditional.map((it) => JSON.stringify(it.condition)))})
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

/** Permissions with their resources, as lists for `unnest`. */
function columnsOf(grantedPermissions: readonly GrantedPermission[], count: 2 | 3): SQL {
  const lists = [
    grantedPermissions.map((it) => it.permission),
    grantedPermissions.map((it) => it.resource?.type ?? null),
    grantedPermissions.map((it) => it.resource?.id ?? null),
  ];
  return sql.join(lists.slice(0, count).map(texts), sql`, `);
}

const texts = (list: readonly (string | null)[]) => sql`${sql.param([...list])}::text[]`;
