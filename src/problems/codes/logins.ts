import type { ProblemKind } from './kind.ts';

/** Who someone is, and how they prove it. */
export const loginsProblems = {
  'password-reset-token-invalid': {
    status: 400,
    title: 'The link to choose a new password is not valid',
    about:
      'The token of the link did not verify, is too old, or was used already, or the password was changed since. Ask for a new mail.',
  },
  'email-change-token-invalid': {
    status: 400,
    title: 'The link to confirm a new address is not valid',
    about:
      'The token of the link did not verify, is too old, or was used already, or the address belongs to another login by now. Ask for the change again.',
  },
  'verification-token-invalid': {
    status: 400,
    title: 'The verification link is not valid',
    about:
      'The token of a verification link did not verify, is more than a day old, or was already used, or the address got a login by another link. If the address has a login, log in; if not, register again to get a new mail.',
  },
  unauthenticated: {
    status: 401,
    title: 'Authentication is required',
    about:
      'The request carries no credential, or one that is malformed, expired or ended. Send `Authorization: Bearer` with an access token from login or refresh. If a refresh answers this, the session is over: log in again.',
  },
  'wrong-credentials': {
    status: 401,
    title: 'The e-mail address or the password is wrong',
    about:
      'No login with this address and password exists. The answer is the same whether the address is unknown, not verified yet, or the password is wrong.',
  },
  'password-wrong': {
    status: 403,
    title: 'The current password is wrong',
    about:
      'Changing the password, the address or the identities of a login needs its current password, and this is not it. The session goes on.',
  },
  'password-login-off': {
    status: 403,
    title: 'Logging in with a password is switched off here',
    about:
      'This service takes the access tokens of an identity provider and no others: there is no registering, no password and no session of its own. Log in there, and send its access token as `Authorization: Bearer`.',
  },
  'identity-not-linked': {
    status: 403,
    title: 'This login at the identity provider belongs to no user here',
    about:
      'The access token is good, but no user is known by its issuer and subject, and none could be made: it carries no verified address, or a login with that address exists. An address alone never adopts a login: log in with the password and link the identity (`POST /v1/me/identities`), or ask the operator to.',
  },
  'user-disabled': {
    status: 403,
    title: 'The operator has disabled this login',
    about: 'Nothing can be done with it until the operator enables it again. Ask them.',
  },
  'external-id-taken': {
    status: 409,
    title: 'Another user has this external id',
    about: 'An external id names one user. Take it from the other one first.',
  },
  'identity-linked-elsewhere': {
    status: 409,
    title: 'This identity belongs to another login',
    about: 'A login at an identity provider names one user, for good. Remove it there first, logged in as that user.',
  },
  'last-login-method': {
    status: 409,
    title: 'This is the only way to log in',
    about: 'Without a password, the last identity can’t be removed: nobody could log in any more.',
  },
  'no-password': {
    status: 409,
    title: 'This login has no password',
    about:
      'It belongs to someone who logs in at an identity provider, or who has not chosen a password yet. A password is chosen with the link that `POST /v1/auth/password-reset` mails.',
  },
  'login-exists': {
    status: 409,
    title: 'A login exists for this address',
    about:
      'The invite was accepted by registering, but its address has a login already. Nothing was changed: accept with `login`, or logged in with a bearer token.',
  },
} as const satisfies Record<string, ProblemKind>;
