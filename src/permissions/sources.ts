import { type GrantId, idOf, type RoleId } from '../ids.ts';
import type { Condition } from '../json-columns.ts';
import type { EffectiveAccess } from './access.ts';
import { earlier, type Holding } from './holding.ts';

/** Where a permission comes from, as the database tells it: one that a member was given, by which way, and all that it covers. */
export interface Source {
  by: 'direct' | 'role' | 'grant';
  permission: string;
  covers: string[];
  /** The role's or the grant's; a uuid. */
  id: string | null;
  name: string | null;
  resourceType: string | null;
  resourceId: string | null;
  condition: Condition;
  endsAt: string | null;
}

/** A membership with what its permissions come from. */
export interface Sourced {
  isOwner: boolean;
  allPermissions: boolean;
  endsAt: Date | null;
  sources: readonly Source[] | null;
}

/** What someone may do, by all that they were given. */
export function effectiveAccess({ isOwner, allPermissions, endsAt, sources }: Sourced): EffectiveAccess {
  if (isOwner) return { allPermissions: true, endsAt: null, holdings: [] };
  if (allPermissions) return { allPermissions: true, endsAt, holdings: [] };
  return { allPermissions: false, endsAt, holdings: (sources ?? []).flatMap((it) => holdingsOf(it, endsAt)) };
}

/** What comes of one source: the permission, and each that is implied. */
export function holdingsOf(source: Source, membershipEndsAt: Date | null): Holding[] {
  const { covers, resourceType, resourceId, condition } = source;
  const resource = resourceType === null ? null : { type: resourceType, id: resourceId };
  const endsAt = earlier(source.endsAt === null ? null : new Date(source.endsAt), membershipEndsAt);
  return covers.map((permission) => ({ permission, resource, condition, endsAt }));
}

/** Why someone has a permission. */
export type Reason =
  | { by: 'owner' | 'all-permissions' }
  | { by: 'direct'; impliedBy?: string }
  | { by: 'role'; role: { id: RoleId; name: string }; impliedBy?: string }
  | { by: 'grant'; grantId: GrantId; impliedBy?: string };

/** Why a source gives a permission: by itself, or by implying it. */
export function reasonOf({ by, permission, id, name }: Source, given: string): Reason {
  const implied = permission === given ? {} : { impliedBy: permission };
  if (by === 'role') return { by, role: { id: idOf('rol', id as string), name: name as string }, ...implied };
  if (by === 'grant') return { by, grantId: idOf('grt', id as string), ...implied };
  return { by, ...implied };
}
