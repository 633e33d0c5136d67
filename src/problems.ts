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
    about: 'A body may have 64 KiB at most.',
  },
  'unsupported-media-type': {
    status: 415,
    title: 'The content type is not supported',
    about: 'Bodies are JSON: send `Content-Type: application/json`.',
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

/** Members that a problem document may carry beside the standard ones. */
export interface ProblemExtensions {
  /** Where the request is wrong: a JSON Pointer (RFC 6901) into the body, or the name of a parameter. */
  errors?: ({ pointer: string; detail: string } | { parameter: string; detail: string })[];
  /** The permission that the caller lacks. */
  permission?: string;
  /** Which permissions the caller lacks to give or take an access. */
  missing?: string[];
  /** The invite that is in the way. */
  inviteId?: string;
}

/** A refusal. `detail` is a sentence for a person and holds nothing secret. */
export class Problem extends Error {
  readonly code: ProblemCode;
  readonly detail: string | undefined;
  readonly extensions: ProblemExtensions;

  constructor(code: ProblemCode, detail?: string, extensions: ProblemExtensions = {}) {
    super(detail ?? problems[code].title);
    this.name = 'Problem';
    this.code = code;
    this.detail = detail;
    this.extensions = extensions;
  }
}

/** The refusal of one field of the body, for what a JSON Schema can't say. */
export function invalidField(pointer: string, detail: string): Problem {
  return new Problem('invalid-request', undefined, { errors: [{ pointer, detail }] });
}
