/**
 * The permissions that Usher itself requires. A migration adds them to the catalogue, and they
 * can't be removed.
 */
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
