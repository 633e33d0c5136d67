import type { ProblemKind } from './kind.ts';

/** Problems of invites, their links and their mails. */
export const inviteProblems = {
  'invite-token-invalid': {
    status: 400,
    title: 'The invite link is not valid',
    about:
      'The token of the link could not be verified: it is incomplete, altered, of another kind, or signed with an unknown key. The invitee should open the link in the mail again, or ask the inviter to resend the invite.',
  },
  'opt-out-token-invalid': {
    status: 400,
    title: 'The opt-out link is not valid',
    about: 'The token of the link could not be verified. Open the link in the mail again.',
  },
  'report-token-invalid': {
    status: 400,
    title: 'The link to report an invite is not valid',
    about: 'The token of the link could not be verified. Open the link in the mail again.',
  },
  'webhook-signature-invalid': {
    status: 403,
    title: 'The webhook signature is not valid',
    about:
      'The body was not signed with a key of `SENDGRID_WEBHOOK_KEYS` within the last ten minutes, or no key is configured. The events were not read.',
  },
  'invite-for-another-address': {
    status: 403,
    title: 'The invite is for another address',
    about:
      'Only a user whose verified address is that of the invite can accept it. Log in as that user, or ask the inviter to invite your address. An account can allow any address in its settings.',
  },
  'invite-already-pending': {
    status: 409,
    title: 'An invite for this address is already pending',
    about:
      'An account has at most one pending invite for an address. `inviteId` is its id: change, resend or revoke that invite.',
  },
  'opted-out': {
    status: 409,
    title: 'The invitee has opted out of invites from this account',
    about:
      'The invitee used the opt-out link of an earlier invite, so this account cannot invite the address. Only the invitee can undo the opt-out. Contact them in another way.',
  },
  'address-undeliverable': {
    status: 409,
    title: 'Mail to this address is not delivered',
    about:
      'An earlier mail of this account to the address bounced, was dropped by the mail service or was reported as spam. The invite in `inviteId` shows what happened and why. If the address is right and its mailbox works again, confirm it (`POST …/invites/{inviteId}/confirm-address`). If it is wrong, revoke that invite and invite the right address.',
  },
  'account-has-owner': {
    status: 409,
    title: 'The account has an owner',
    about:
      'An invite can give ownership only until the account has its first owner. After that, the owner can offer ownership to a member (`POST …/ownership-transfer`).',
  },
  'too-many-pending-invites': {
    status: 409,
    title: 'Too many invites are pending',
    about:
      'The number of pending invites of an account is limited. Revoke some, wait until some are accepted or expire, or ask the operator to raise the limit (`PENDING_INVITES_MAX`).',
  },
  'already-member': {
    status: 409,
    title: 'The user is already a member',
    about: 'The address belongs to a member of the account. Change their membership instead of inviting them.',
  },
  'invite-accepted': {
    status: 409,
    title: 'The invite was already accepted',
    about: 'An invite can be accepted once. If you accepted it, log in: you are a member.',
  },
  'inviter-cannot-grant': {
    status: 409,
    title: 'The inviter can no longer grant this access',
    about:
      'An invite can be accepted only if its inviter has the access that it gives. The inviter was removed, suspended or disabled, or has less access than the invite gives. The invite stays pending: a member who has that access can resend or change it.',
  },
  'invite-declined': {
    status: 410,
    title: 'The invite was declined',
    about: 'The invitee declined the invite. If they have changed their mind, invite them again.',
  },
  'invite-revoked': {
    status: 410,
    title: 'The invite was revoked',
    about: 'A member who manages invites revoked it, or its inviter is no longer a member of the account.',
  },
  'invite-expired': {
    status: 410,
    title: 'The invite has expired',
    about: 'The inviter can resend it, which gives it a new link and a new lifetime.',
  },
  'invite-link-replaced': {
    status: 410,
    title: 'The invite link was replaced by a newer one',
    about: 'The invite was resent, which invalidated the older link. Use the link in the newest mail.',
  },
} as const satisfies Record<string, ProblemKind>;
