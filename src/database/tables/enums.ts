// Lists of values that tables, schemas and code share. This file imports nothing, so that all of
// them can import it.

/** The delivery events by outcome, from least to most final. */
export const deliveryEventsOf = {
  waiting: ['queued', 'retrying', 'sent', 'processed', 'deferred'],
  delivered: ['delivered'],
  failed: ['blocked', 'failed', 'bounced', 'dropped', 'spam-reported'],
} as const;

/** All delivery events. A later one is more final. */
export const deliveryEventNames = [
  ...deliveryEventsOf.waiting,
  ...deliveryEventsOf.delivered,
  ...deliveryEventsOf.failed,
] as const;

/**
 * The kinds of messages in the outbox. A kind may have several mails (`mail/kinds.ts`): for a
 * registration, `verify-email`, or `login-exists` if the address has a user.
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
