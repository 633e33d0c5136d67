import type { Condition } from '../json-columns.ts';
import type { EffectiveAccess } from './access.ts';
import { earlier, type Holding, held } from './holding.ts';

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
  if (isOwner) return { allPermissions: true, endsAt: null, holdings: [] };
  if (allPermissions) return { allPermissions: true, endsAt, holdings: [] };
  const { permissions = [], grants = [] } = sources ?? {};
  const whole = [...new Set(permissions)].map((it) => held(it, endsAt));
  return { allPermissions: false, endsAt, holdings: [...whole, ...grants.flatMap((it) => holdingsOf(it, endsAt))] };
}

/** What a grant gives: its permission, and each that it implies. */
function holdingsOf(source: GrantSource, membershipEndsAt: Date | null): Holding[] {
  const { covers, resourceType, resourceId, condition } = source;
  const resource = resourceType === null ? null : { type: resourceType, id: resourceId };
  const endsAt = earlier(source.endsAt === null ? null : new Date(source.endsAt), membershipEndsAt);
  return covers.map((permission) => ({ permission, resource, condition, endsAt }));
}
