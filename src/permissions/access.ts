import type { RoleId } from '../ids/ids.ts';
import { accountWide, type GrantedPermission, isAccountWide } from './granted-permission.ts';

/**
 * What a membership or an invite gives, as it is stored: either the flag, or permissions and roles.
 */
export interface Access {
  /** Every permission, including those added to the catalogue later. */
  allPermissions: boolean;
  /** Sorted; empty with `allPermissions`. */
  permissions: string[];
  /** Sorted; empty with `allPermissions`. */
  roles: RoleId[];
  /** When the access ends; null for never. */
  endsAt: Date | null;
}

/** Access as a client requests it. */
export type AccessRequest =
  | { allPermissions: true; endsAt?: Date }
  | { permissions?: string[]; roles?: RoleId[]; endsAt?: Date };

/** Converts requested access to its stored form. It does not check whether anything exists. */
export function toAccess(request: AccessRequest): Access {
  const endsAt = request.endsAt === undefined ? null : new Date(request.endsAt);
  if ('allPermissions' in request) return { allPermissions: true, permissions: [], roles: [], endsAt };
  const { permissions = [], roles = [] } = request;
  return { allPermissions: false, permissions: [...permissions].sort(), roles: [...roles].sort(), endsAt };
}

/** The access alone, of a row with more fields. */
export function pickAccess({ allPermissions, permissions, roles, endsAt }: Access): Access {
  return { allPermissions, permissions, roles, endsAt };
}

/**
 * What a member or a caller may do, with roles, grants and implied permissions resolved; or what an
 * access would give, with roles resolved.
 */
export interface EffectiveAccess {
  allPermissions: boolean;
  /** When `allPermissions` ends; null for never. Each granted permission has its own end. */
  endsAt: Date | null;
  /** Empty with `allPermissions`. */
  grantedPermissions: GrantedPermission[];
}

/** Access to some permissions in the whole account, until `endsAt`; null for no end. */
export const accountWideAccess = (permissions: readonly string[], endsAt: Date | null): EffectiveAccess => ({
  allPermissions: false,
  endsAt,
  grantedPermissions: permissions.map((it) => accountWide(it, endsAt)),
});

/**
 * Whether an access includes a permission in the whole account, on no condition. Ends are ignored.
 */
export function hasPermission(access: EffectiveAccess, permission: string): boolean {
  return (
    access.allPermissions || access.grantedPermissions.some((it) => it.permission === permission && isAccountWide(it))
  );
}

/**
 * Limits an access to the scopes of an account key.
 * @param scopes the permissions that the scopes cover; null for a key without limits.
 */
export function withinScopes(access: EffectiveAccess, scopes: readonly string[] | null): EffectiveAccess {
  if (scopes === null) return access;
  if (access.allPermissions) return accountWideAccess(scopes, access.endsAt);
  return { ...access, grantedPermissions: access.grantedPermissions.filter((it) => scopes.includes(it.permission)) };
}
