import { deliveryEventNames, type deliveryEventsOf } from '../../database/tables/enums.ts';

export type DeliveryEventName = (typeof deliveryEventNames)[number];

/** The outcome of a mail: not known yet, delivered, or failed. */
export type DeliveryOutcome = keyof typeof deliveryEventsOf;

/** Events that make an address undeliverable for the account, until the address is confirmed. */
export const stoppingEvents: readonly DeliveryEventName[] = ['bounced', 'dropped', 'spam-reported'];

/**
 * How final an event is. Mail services report events late, more than once and in any order. The
 * most final event of a mail is its delivery status.
 */
export const finalityOf = (event: DeliveryEventName): number => deliveryEventNames.indexOf(event);

/** What an event means, for the inviter. */
export const eventMessages: Record<DeliveryEventName, string> = {
  queued: 'The mail is about to be sent.',
  retrying: 'The mail service could not be reached or did not accept the mail. Sending will be retried automatically.',
  sent: 'The mail service has accepted the mail.',
  processed: 'The mail service is delivering the mail.',
  deferred: 'The receiving mail server asked to try again later. The mail service will retry automatically.',
  delivered: 'The receiving mail server has accepted the mail. If it is not in the inbox, check the spam folder.',
  blocked: 'The receiving mail server temporarily refused the mail. Resend the invite later.',
  failed: 'The mail could not be sent and will not be retried automatically. Try resending the invite.',
  bounced: 'The mail bounced: the address does not exist or does not accept mail.',
  dropped:
    'The mail service did not send the mail, usually because earlier mails to this address bounced or were reported as spam.',
  'spam-reported': 'The recipient reported the mail as spam.',
};

/** For a queued mail that was delayed because its recipient got too many mails. */
export const delayedMessage = 'The mail is delayed. It will be sent automatically.';

/** For a mail that will not be sent, because its invite is not pending any more. */
export const cancelledMessage = 'The mail was not sent, because the invite is no longer pending.';
