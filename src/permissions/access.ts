import type { RoleId } from '../ids.ts';
import { covers, type Holding, held, lasts } from './holding.ts';

/** What a membership or an invite gives, as it is kept: every permission, those added later too, or single ones and roles. */
export interface Access {
  allPermissions: boolean;
  permissions: string[];
  roles: RoleId[];
  /** When it ends by itself; null for never. */
  endsAt: Date | null;
}

/** Access as it is asked for: either the flag, or what is chosen. */
export type AccessRequest =
  | { allPermissions: true; endsAt?: Date }
  | { permissions?: string[]; roles?: RoleId[]; endsAt?: Date };

/** Access in the one form in which it is kept and answered: permissions and roles sorted, and none beside the flag. */
export function accessOf(asked: AccessRequest): Access {
  const endsAt = asked.endsAt === undefined ? null : new Date(asked.endsAt);
  if ('allPermissions' in asked) return { allPermissions: true, permissions: [], roles: [], endsAt };
  const { permissions = [], roles = [] } = asked;
  return { allPermissions: false, permissions: [...permissions].sort(), roles: [...roles].sort(), endsAt };
}

/** The access of something that has more beside it. */
export function accessIn({ allPermissions, permissions, roles, endsAt }: Access): Access {
  return { allPermissions, permissions, roles, endsAt };
}

/** What someone may do, with all that their roles, grants and implied permissions come to; or what an access would give them. */
export interface EffectiveAccess {
  allPermissions: boolean;
  /** Until when, of all permissions; each holding has its own. */
  endsAt: Date | null;
  holdings: Holding[];
}

/** What comes of some permissions in the whole account. */
export const effective = (permissions: readonly string[], endsAt: Date | null): EffectiveAccess => ({
  allPermissions: false,
  endsAt,
  holdings: permissions.map((it) => held(it, endsAt)),
});

/** Whether something holds in the whole account, on no condition. */
export const isWhole = ({ resource, condition }: Holding) => resource === null && Object.keys(condition).length === 0;

/** Whether someone has a permission in the whole account, now. */
export function hasPermission(holder: EffectiveAccess, permission: string): boolean {
  return holder.allPermissions || holder.holdings.some((it) => it.permission === permission && isWhole(it));
}

/** The permissions that `other` has and `holder` has not, or not everywhere or for as long; `*` where it is all of them. */
export function missingPermissions(holder: EffectiveAccess, other: EffectiveAccess): string[] {
  const hasAll = (until: Date | null) => holder.allPermissions && lasts(holder.endsAt, until);
  if (other.allPermissions) return hasAll(other.endsAt) ? [] : ['*'];
  const isHeld = holdingLookup(holder.holdings);
  const isCovered = (it: Holding) => hasAll(it.endsAt) || isHeld(it);
  return [...new Set(other.holdings.filter((it) => !isCovered(it)).map((it) => it.permission))].sort();
}

/**
 * Whether some holdings cover another one, by one look-up for each place that could. Comparing each
 * with each takes seconds if two members have thousands of grants.
 */
function holdingLookup(holdings: readonly Holding[]): (wanted: Holding) => boolean {
  const placeOf = (permission: string, type?: string, id?: string | null) => JSON.stringify([permission, type, id]);
  const longest = new Map<string, Holding>();
  const conditional = new Map<string, Holding[]>();
  for (const it of holdings) {
    const { permission, resource, condition, endsAt } = it;
    const place = placeOf(permission, resource?.type, resource?.id);
    const known = longest.get(place);
    if (Object.keys(condition).length > 0) conditional.set(permission, [...(conditional.get(permission) ?? []), it]);
    else if (!known || lasts(endsAt, known.endsAt)) longest.set(place, it);
  }
  return (wanted) => {
    const { permission, resource } = wanted;
    const places = [placeOf(permission), placeOf(permission, resource?.type, null)];
    const found = [...places, placeOf(permission, resource?.type, resource?.id)].flatMap((it) => longest.get(it) ?? []);
    return [...found, ...(conditional.get(permission) ?? [])].some((it) => covers(it, wanted));
  };
}

/** The same access as far as it goes at a moment, whatever will come of it. */
export function asOf(now: Date, { allPermissions, holdings }: EffectiveAccess): EffectiveAccess {
  return { allPermissions, endsAt: now, holdings: holdings.map((it) => ({ ...it, endsAt: now })) };
}

/** What of an access a key may use: all of it, or what its scopes cover. */
export function withinScopes(access: EffectiveAccess, scopes: readonly string[] | null): EffectiveAccess {
  if (scopes === null) return access;
  if (access.allPermissions) return effective(scopes, access.endsAt);
  return { ...access, holdings: access.holdings.filter((it) => scopes.includes(it.permission)) };
}
