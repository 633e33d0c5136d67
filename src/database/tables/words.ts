// Lists of words that tables, schemas and code share. This file imports nothing, so that each of
// these can import it.

/** What can happen to a mail, by the outcome that it means, from least to most final. */
export const deliveryEventsOf = {
  waiting: ['queued', 'retrying', 'sent', 'processed', 'deferred'],
  delivered: ['delivered'],
  failed: ['blocked', 'failed', 'bounced', 'dropped', 'spam-reported'],
} as const;

/** The same, without the outcomes. A later event is more final. */
export const deliveryEventNames = [
  ...deliveryEventsOf.waiting,
  ...deliveryEventsOf.delivered,
  ...deliveryEventsOf.failed,
] as const;

/**
 * What the outbox can contain. A message of one kind can be one of several mails, whose words are
 * in `mail/kinds.ts`: a registration is `verify-email`, or `login-exists` if the address has a
 * user.
 */
export const outboxKinds = [
  'invite',
  'registration',
  'password-reset',
  'password-changed',
  'email-change',
  'email-changed',
  'identity-linked',
  'invite-reminder',
  'ownership-offered',
  'membership-removed',
] as const;

export const outboxStatuses = ['queued', 'sent', 'failed', 'dropped'] as const;
