import type { RoleId } from '../ids/ids.ts';
import { accountWide, type GrantedPermission, isAccountWide } from './granted-permission.ts';

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
export function toAccess(asked: AccessRequest): Access {
  const endsAt = asked.endsAt === undefined ? null : new Date(asked.endsAt);
  if ('allPermissions' in asked) return { allPermissions: true, permissions: [], roles: [], endsAt };
  const { permissions = [], roles = [] } = asked;
  return { allPermissions: false, permissions: [...permissions].sort(), roles: [...roles].sort(), endsAt };
}

/** The access of something that has more beside it. */
export function pickAccess({ allPermissions, permissions, roles, endsAt }: Access): Access {
  return { allPermissions, permissions, roles, endsAt };
}

/** What someone may do, with all that their roles, grants and implied permissions come to; or what an access would give them. */
export interface EffectiveAccess {
  allPermissions: boolean;
  /** Until when, of all permissions; each holding has its own. */
  endsAt: Date | null;
  grantedPermissions: GrantedPermission[];
}

/** What comes of some permissions in the whole account. */
export const accountWideAccess = (permissions: readonly string[], endsAt: Date | null): EffectiveAccess => ({
  allPermissions: false,
  endsAt,
  grantedPermissions: permissions.map((it) => accountWide(it, endsAt)),
});

/** Whether someone has a permission in the whole account, now. */
export function hasPermission(holder: EffectiveAccess, permission: string): boolean {
  return (
    holder.allPermissions || holder.grantedPermissions.some((it) => it.permission === permission && isAccountWide(it))
  );
}

/** What of an access a key may use: all of it, or what its scopes cover. */
export function withinScopes(access: EffectiveAccess, scopes: readonly string[] | null): EffectiveAccess {
  if (scopes === null) return access;
  if (access.allPermissions) return accountWideAccess(scopes, access.endsAt);
  return { ...access, grantedPermissions: access.grantedPermissions.filter((it) => scopes.includes(it.permission)) };
}
