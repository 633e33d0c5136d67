import type { ProblemKind } from './kind.ts';

/** Problems of credentials and logins. */
export const loginProblems = {
  'password-reset-token-invalid': {
    status: 400,
    title: 'The password reset link is not valid',
    about:
      'The token of the link could not be verified, has expired or was already used, or the password was changed after it was sent. Request a new mail.',
  },
  'email-change-token-invalid': {
    status: 400,
    title: 'The link to confirm an e-mail address is not valid',
    about:
      'The token of the link could not be verified, has expired or was already used, or the address now belongs to another login. Request the change again.',
  },
  'verification-token-invalid': {
    status: 400,
    title: 'The verification link is not valid',
    about:
      'The token of the link could not be verified, is more than a day old or was already used, or the address now has a login. If the address has a login, log in. If not, register again to get a new mail.',
  },
  unauthenticated: {
    status: 401,
    title: 'Authentication is required',
    about:
      'The request has no credential, or its credential is malformed, expired or revoked. Send `Authorization: Bearer` with an access token from login or refresh. If a refresh gets this answer, the session has ended: log in again.',
  },
  'wrong-credentials': {
    status: 401,
    title: 'The e-mail address or the password is wrong',
    about:
      'No login has this address and password. The answer is the same if the address is unknown or not verified yet, or if the password is wrong.',
  },
  'password-wrong': {
    status: 403,
    title: 'The current password is wrong',
    about:
      'The current password is required to change the password, the address or the identities of a login. The session stays active.',
  },
  'password-login-off': {
    status: 403,
    title: 'Password login is off',
    about:
      'This service accepts only access tokens of an identity provider. It has no registration, no passwords and no sessions of its own. Log in at the identity provider and send its access token as `Authorization: Bearer`.',
  },
  'identity-not-linked': {
    status: 403,
    title: 'The identity is not linked to a user',
    about:
      'The access token is valid, but no user has its issuer and subject. No user could be created, because the token has no verified address, or because a login with that address exists. An identity is never linked by its address alone: log in with the password and link the identity (`POST /v1/me/identities`), or ask the operator to link it.',
  },
  'user-disabled': {
    status: 403,
    title: 'The operator has disabled this login',
    about: 'This login cannot be used until the operator enables it again. Ask the operator.',
  },
  'external-id-taken': {
    status: 409,
    title: 'Another user has this external id',
    about: 'An external id belongs to one user. Remove it from the other user first.',
  },
  'identity-linked-elsewhere': {
    status: 409,
    title: 'This identity is linked to another user',
    about: 'An identity belongs to one user. To link it here, log in as the other user and remove it there first.',
  },
  'last-login-method': {
    status: 409,
    title: 'This is the only way to log in',
    about: 'This login has no password, so its last identity cannot be removed: the user could not log in any more.',
  },
  'no-password': {
    status: 409,
    title: 'This login has no password',
    about:
      'The user logs in at an identity provider, or has not set a password yet. To set one, use the link that `POST /v1/auth/password-reset` mails.',
  },
  'login-exists': {
    status: 409,
    title: 'A login exists for this address',
    about:
      'The invite cannot be accepted with `register`, because its address already has a login. Nothing was changed. Accept it with `login`, or with the bearer token of that user.',
  },
} as const satisfies Record<string, ProblemKind>;
