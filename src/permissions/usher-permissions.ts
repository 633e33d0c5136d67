/** The permissions that Usher itself asks for. The first migration of the catalogue puts them there, and none is without them. */
export const usherPermissions = [
  'account:manage',
  'members:read',
  'members:manage',
  'invites:read',
  'invites:manage',
  'roles:manage',
  'keys:manage',
  'resources:manage',
] as const;

export type UsherPermission = (typeof usherPermissions)[number];
