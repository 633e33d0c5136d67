import { deliveryEventNames, type deliveryEventsOf } from '../../database/tables/words.ts';

export type DeliveryEventName = (typeof deliveryEventNames)[number];

/** What became of a mail, in the end: nobody knows yet, it arrived, or it did not. */
export type DeliveryOutcome = keyof typeof deliveryEventsOf;

/** After one of these, nothing more is sent to the address for that account, until an inviter says that it is right. */
export const stopping: readonly DeliveryEventName[] = ['bounced', 'dropped', 'spam-reported'];

/**
 * How final an event is. A mail service tells them late, twice and in any order: of those of one mail, the most final one
 * stands.
 */
export const finalityOf = (event: DeliveryEventName): number => deliveryEventNames.indexOf(event);

/** What an event means to whoever sent the invite. */
export const inWords: Record<DeliveryEventName, string> = {
  queued: 'The mail is about to be sent.',
  retrying: 'The mail could not be handed to the mail service yet. It is tried again by itself.',
  sent: 'The mail service has taken the mail.',
  processed: 'The mail service is about to deliver the mail.',
  deferred: 'The receiving mail server asked to try again later. The mail service does so by itself.',
  delivered: 'The receiving mail server has taken the mail. If it is not in the inbox, it may be among the spam.',
  blocked: 'The receiving mail server refused the mail, for now. Sending it again later may help.',
  failed: 'The mail could not be sent, and is not tried again by itself. Sending it again may help.',
  bounced: 'The mail came back: the address does not exist, or takes no mail.',
  dropped:
    'The mail service did not send the mail. Most often, mails to this address came back or were reported as spam before.',
  'spam-reported': 'The recipient reported the mail as spam.',
};

/** Of a mail that was delayed because its recipient had been sent many. */
export const delayed = 'The mail is delayed. It will be sent automatically.';

/** Of a mail that was not sent before its invite was accepted, declined, revoked or expired, and never will be. */
export const overtaken = 'The mail was not sent before the invite came to its end.';
