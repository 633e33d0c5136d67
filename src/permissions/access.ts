/** What a membership or an invite gives: every permission, those added to the catalogue later too, or the ones listed. */
export interface Access {
  allPermissions: boolean;
  permissions: string[];
}

/** Access as it is asked for: exactly one of the two. */
export type AccessRequest = { allPermissions: true } | { permissions: string[] };

/** Access in the one form in which it is kept and answered: permissions sorted, and none beside the flag. */
export function accessOf(asked: AccessRequest): Access {
  if ('permissions' in asked) return { allPermissions: false, permissions: [...asked.permissions].sort() };
  return { allPermissions: true, permissions: [] };
}

export function hasPermission(holder: Access, permission: string): boolean {
  return holder.allPermissions || holder.permissions.includes(permission);
}

/** The permissions that `other` has and `holder` has not; `*` where it is all of them. Empty: `holder` has everything `other` has. */
export function missingPermissions(holder: Access, other: Access): string[] {
  if (holder.allPermissions) return [];
  if (other.allPermissions) return ['*'];
  return other.permissions.filter((it) => !holder.permissions.includes(it));
}
