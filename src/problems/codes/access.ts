import type { ProblemKind } from './kind.ts';

/** What someone may do, and what they may give. */
export const accessProblems = {
  'permission-missing': {
    status: 403,
    title: 'A permission is missing',
    about:
      'You are a member of the account, but may not do this. `permission` names the key that you would need. Someone who manages members can give it to you.',
  },
  'user-required': {
    status: 403,
    title: 'This is for people, and a key was sent',
    about:
      'A key acts in an account, for whoever made it. What concerns a person alone (their login, their sessions, their own invites, the ownership) needs the person: send the access token of a session.',
  },
  'platform-key-required': {
    status: 403,
    title: 'This is for the platform',
    about: 'Only the operator’s own backend does this, with a platform key. `npm run key` makes the first one.',
  },
  'audience-not-allowed': {
    status: 403,
    title: 'No token is given for this audience',
    about: 'Tokens are given for the audiences that the operator lists in `TOKEN_AUDIENCES`, and for no other.',
  },
  'cannot-grant': {
    status: 403,
    title: 'Nobody hands out, changes or takes what they do not hold',
    about:
      'The access that you tried to give, or the access of the person you tried to change or remove, exceeds your own. All permissions can be given by the owner and by members with all permissions only; ownership by the owner only. `missing` lists the permissions that you lack.',
  },
  'permission-in-use': {
    status: 409,
    title: 'A permission that would be removed is in use',
    about:
      'Someone was given it, or a role or a key holds it: a dry run says whom it touches. With `removeInUse=true` it is taken from all of them.',
  },
  'catalogue-in-file': {
    status: 409,
    title: 'The catalogue is kept in a file',
    about: 'The operator set `CATALOGUE_FILE`: the catalogue is what that file says at each start. Change it there.',
  },
  'role-in-use': {
    status: 409,
    title: 'The role is in use',
    about: 'Members hold it, or pending invites give it. Take it from them first.',
  },
  'name-taken': {
    status: 409,
    title: 'Another one has this name',
    about: 'Names of roles are unique in an account, and among the presets.',
  },
  'too-many-grants': {
    status: 409,
    title: 'The member has too many grants',
    about:
      'A member may have 10,000 grants; of these, 100 on a condition, and 500 in the whole account without one. Grant a permission on a type of resource, or give it by the membership or a role.',
  },
  'key-ended': {
    status: 409,
    title: 'The key has ended',
    about: 'It was revoked, has expired, or was replaced by another one already. Make a new key.',
  },
  'owner-protected': {
    status: 409,
    title: 'The owner cannot be changed, suspended or removed',
    about: 'An account always has exactly one owner. To step down, offer the ownership to another member first.',
  },
  'member-suspended': {
    status: 409,
    title: 'The member is not active',
    about:
      'Ownership can be offered to an active member only. This one is suspended, their membership has ended, or the operator has disabled their login.',
  },
} as const satisfies Record<string, ProblemKind>;
