import type { ProblemKind } from './kind.ts';

/** Invites, their links and their mails. */
export const invitesProblems = {
  'invite-token-invalid': {
    status: 400,
    title: 'The invite link is not valid',
    about:
      'The token of an Accept Invite link did not verify: it is cut short, altered, of another kind, or signed by a key this service does not know. Ask the person to open the link in the mail again, or the inviter to resend the invite.',
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
  'webhook-signature-invalid': {
    status: 403,
    title: 'The signature of the events is not valid',
    about:
      'The request was not signed with a key of `SENDGRID_WEBHOOK_KEYS`, over these bytes and within the last ten minutes, or no key is set. Nothing in it was read.',
  },
  'invite-for-another-address': {
    status: 403,
    title: 'The invite is for another address',
    about:
      'An invite can be accepted only by the person whose verified address it names. Log in as that person, or ask the inviter to invite the address that you use. An account may allow any address in its settings.',
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
  'account-has-owner': {
    status: 409,
    title: 'The account has an owner',
    about:
      'The ownership can be given by an invite only while the platform keeps the account for an owner to come. After that the owner offers it (`POST …/ownership-transfer`).',
  },
  'too-many-pending-invites': {
    status: 409,
    title: 'Too many invites are pending',
    about:
      'An account may have a limited number of pending invites at a time. Revoke some, wait until they are accepted or expire, or ask the operator to allow more (`PENDING_INVITES_MAX`).',
  },
  'already-member': {
    status: 409,
    title: 'This person is a member already',
    about: 'The address belongs to someone who is in the account. Change their membership instead of inviting them.',
  },
  'invite-accepted': {
    status: 409,
    title: 'The invite was accepted already',
    about: 'An invite makes one membership, once. If it was you who accepted, log in: you are a member.',
  },
  'inviter-cannot-grant': {
    status: 409,
    title: 'The inviter may no longer give this access',
    about:
      'An accept compares what the invite gives with what its inviter may do. The inviter has left, is suspended, was disabled by the operator, or has less access than the invite gives. The invite stays pending: a member who has that access can resend or change it.',
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
} as const satisfies Record<string, ProblemKind>;
