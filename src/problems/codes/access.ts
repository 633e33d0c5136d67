import type { ProblemKind } from './kind.ts';

/** Problems of permissions, grants, roles, keys and members. */
export const accessProblems = {
  'permission-missing': {
    status: 403,
    title: 'A permission is missing',
    about:
      'You are a member of the account, but you do not have the permission that this call requires. `permission` is its key. A member who manages members can grant it to you.',
  },
  'user-required': {
    status: 403,
    title: 'This call requires a user, not an API key',
    about:
      'An API key acts in an account for the user who created it. Calls about a user (their login, sessions, invites or ownership offers) require the access token of a session.',
  },
  'platform-key-required': {
    status: 403,
    title: 'A platform key is required',
    about:
      'Only the operator’s own backend may make this call, with a platform key. `npm run key` creates the first one.',
  },
  'audience-not-allowed': {
    status: 403,
    title: 'This audience is not allowed',
    about: 'Account tokens are issued only for the audiences that the operator lists in `TOKEN_AUDIENCES`.',
  },
  'cannot-grant': {
    status: 403,
    title: 'You cannot grant, change or remove access that exceeds your own',
    about:
      'The access that you tried to grant, or the access of the member you tried to change or remove, exceeds your own. Only the owner and members with all permissions can grant all permissions, and only the owner can offer ownership. `missing` lists the permissions that you lack.',
  },
  'permission-in-use': {
    status: 409,
    title: 'A permission to be removed is in use',
    about:
      'Members, pending invites, roles or API keys have the permission. A dry run lists those affected. With `removeInUse=true` it is removed from all of them.',
  },
  'catalogue-in-file': {
    status: 409,
    title: 'The catalogue is read from a file',
    about: 'The operator set `CATALOGUE_FILE`, which is read at each start. Change the catalogue in that file.',
  },
  'role-in-use': {
    status: 409,
    title: 'The role is in use',
    about: 'Members or pending invites have this role. Remove it from them first.',
  },
  'name-taken': {
    status: 409,
    title: 'The name is taken',
    about: 'Role names are unique within an account, and so are the names of presets.',
  },
  'too-many-grants': {
    status: 409,
    title: 'The member has too many grants',
    about:
      'A member may have at most 10,000 grants. Of these, at most 100 may have a condition, and at most 500 may apply to the whole account without a condition. Grant the permission on a type of resource, or give it by the membership or a role.',
  },
  'key-ended': {
    status: 409,
    title: 'The key is no longer active',
    about: 'The key was revoked, has expired or was already replaced. Create a new key.',
  },
  'owner-protected': {
    status: 409,
    title: 'The owner cannot be changed, suspended or removed',
    about: 'An account always has exactly one owner. To step down, offer ownership to another member first.',
  },
  'member-suspended': {
    status: 409,
    title: 'The member is not active',
    about:
      'Ownership can be offered only to an active member. This member is suspended or removed, or the operator has disabled their login.',
  },
} as const satisfies Record<string, ProblemKind>;
