/**
 * Every way the API says no. The only place that knows a status for a refusal (RFC 9457: the code names the problem's
 * type, the title is its short text). A code is never renamed or reused.
 */
export const problems = {
  'invalid-request': {
    status: 400,
    title: 'The request is not valid',
    about:
      'Something in the address, the query or the body does not have the form this call asks for. `errors` names each place (a JSON Pointer into the body, or a parameter) and what is wrong there. Nothing was changed. Mend the request and send it again.',
  },
  'invite-token-invalid': {
    status: 400,
    title: 'The invite link is not valid',
    about:
      'The token of an Accept Invite link did not verify: it is cut short, altered, of another kind, or signed by a key this service does not know. Ask the person to open the link in the mail again, or the inviter to resend the invite.',
  },
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
  'opt-out-token-invalid': {
    status: 400,
    title: 'The link against further invites is not valid',
    about: 'The token of the link did not verify. Open the link in the mail again.',
  },
  'report-token-invalid': {
    status: 400,
    title: 'The link to report an invite is not valid',
    about: 'The token of the link did not verify. Open the link in the mail again.',
  },
  'verification-token-invalid': {
    status: 400,
    title: 'The verification link is not valid',
    about:
      'The token of a verification link did not verify, is too old, or was used already. If the address is verified by now, log in; otherwise register again to get a new mail.',
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
  'webhook-signature-invalid': {
    status: 403,
    title: 'The signature of the events is not valid',
    about:
      'The request was not signed with a key of `SENDGRID_WEBHOOK_KEYS`, over these bytes and within the last ten minutes, or no key is set. Nothing in it was read.',
  },
  'permission-missing': {
    status: 403,
    title: 'A permission is missing',
    about:
      'You are a member of the account, but may not do this. `permission` names the key that you would need. Someone who manages members can give it to you.',
  },
  'cannot-grant': {
    status: 403,
    title: 'Nobody hands out, changes or takes what they do not hold',
    about:
      'The access that you tried to give, or the access of the person you tried to change or remove, exceeds your own. All permissions can be given by the owner and by members with all permissions only; ownership by the owner only. `missing` lists the permissions that you lack.',
  },
  'invite-for-another-address': {
    status: 403,
    title: 'The invite is for another address',
    about:
      'An invite can be accepted only by the person whose verified address it names. Log in as that person, or ask the inviter to invite the address that you use. An account may allow any address in its settings.',
  },
  'not-found': {
    status: 404,
    title: 'Not found',
    about:
      'There is no such thing, or it is not yours to see: to someone who is not in an account, the account does not exist.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'The method is not allowed here',
    about: 'The address exists, but not with this method. The `Allow` header lists the methods that it has.',
  },
  'invite-already-pending': {
    status: 409,
    title: 'An invite for this address is pending already',
    about:
      'An account has at most one pending invite for an address. `inviteId` names it: change, resend or revoke that one.',
  },
  'opted-out': {
    status: 409,
    title: 'The person asked not to be invited again',
    about:
      'Whoever reads this address told this account, by the link in an invite, to send no more. Only they can take that back. Ask them some other way.',
  },
  'address-undeliverable': {
    status: 409,
    title: 'Mail to this address does not arrive, or is not welcome',
    about:
      'A mail of this account to it came back, was dropped by the mail service or was reported as spam: the invite that `inviteId` names tells which, and why. If the address is right, and its mailbox works again, confirm it (`POST …/invites/{inviteId}/confirm-address`). If it is wrong, revoke the invite and invite the right one.',
  },
  'too-many-pending-invites': {
    status: 409,
    title: 'Too many invites are pending',
    about:
      'An account may have a limited number of pending invites at a time. Revoke some, wait until they are accepted or expire, or ask the operator to allow more (`PENDING_INVITES_MAX`).',
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
  'already-member': {
    status: 409,
    title: 'This person is a member already',
    about: 'The address belongs to someone who is in the account. Change their membership instead of inviting them.',
  },
  'login-exists': {
    status: 409,
    title: 'A login exists for this address',
    about:
      'The invite was accepted by registering, but its address has a login already. Nothing was changed: accept with `login`, or logged in with a bearer token.',
  },
  'invite-accepted': {
    status: 409,
    title: 'The invite was accepted already',
    about: 'An invite makes one membership, once. If it was you who accepted, log in: you are a member.',
  },
  'owner-protected': {
    status: 409,
    title: 'The owner cannot be changed, suspended or removed',
    about: 'An account always has exactly one owner. To step down, offer the ownership to another member first.',
  },
  'inviter-cannot-grant': {
    status: 409,
    title: 'The inviter may no longer give this access',
    about:
      'When an invite is accepted, what it gives is compared once more with what its inviter holds, and the inviter has left, is suspended, or holds less than the invite gives. The invite stays pending: someone who holds that access can resend or change it.',
  },
  'member-suspended': {
    status: 409,
    title: 'The member is suspended',
    about: 'Ownership can be offered to an active member only. Reactivate them first.',
  },
  'invite-declined': {
    status: 410,
    title: 'The invite was declined',
    about: 'The person who was invited said no. Invite the address again if they changed their mind.',
  },
  'invite-revoked': {
    status: 410,
    title: 'The invite was revoked',
    about: 'Someone who manages invites took this one back, or its inviter left the account.',
  },
  'invite-expired': {
    status: 410,
    title: 'The invite has expired',
    about: 'Its lifetime is over. Resending it gives it a new link and a new lifetime.',
  },
  'invite-link-replaced': {
    status: 410,
    title: 'This link was replaced by a newer one',
    about: 'The invite was sent again, which made the older link dead. Use the link in the newest mail.',
  },
  'too-large': {
    status: 413,
    title: 'The request is too large',
    about: 'A body may have 64 KiB at most, that of a webhook 4 MiB.',
  },
  'unsupported-media-type': {
    status: 415,
    title: 'The content type is not supported',
    about:
      'Bodies are JSON: send `Content-Type: application/json`. What mail clients call by itself takes a form, as its description says.',
  },
  'too-many-requests': {
    status: 429,
    title: 'Too many requests',
    about:
      'A limit was reached: on tries from one network, for one address, or on invites by one person, account or to one recipient. Nothing was done. Try again after the seconds in `Retry-After`, which `retryAfter` repeats. Someone who cannot log in because others try their password can still log in from where they did before, or with the link that `POST /v1/auth/password-reset` mails.',
  },
  'internal-error': {
    status: 500,
    title: 'Something went wrong on our side',
    about: 'An error that nobody foresaw. Quote the `requestId` to the operator, who finds it in the log.',
  },
  unavailable: {
    status: 503,
    title: 'The service cannot answer right now',
    about:
      'Something that the service needs did not answer in time, as a rule the database. Whether a change was made is not known. Try again after the seconds in `Retry-After`.',
  },
} as const satisfies Record<string, { status: number; title: string; about: string }>;

export type ProblemCode = keyof typeof problems;
