import { cancelledMessage, type DeliveryEventName, delayedMessage, eventMessages } from './events.ts';
import type { DeliveryEventRow } from './store.ts';

interface InviteDelivery {
  status: string;
  createdAt: Date;
  deliveryEvent: DeliveryEventName;
  deliveryAt: Date | null;
  deliveryReason: string | null;
  deliveryAttempts: number;
  lastSentAt: Date | null;
}

/** The delivery status of an invite's last sending, as the API shows it. */
export function toDeliveryView(invite: InviteDelivery, sendingStopped: boolean) {
  const { status, createdAt, deliveryAt, deliveryReason, deliveryAttempts } = invite;
  const event = currentEvent(invite);
  const isCancelled = status !== 'pending' && (event === 'queued' || event === 'retrying');
  // A queued mail has a reason only if it was delayed.
  const isDelayed = event === 'queued' && deliveryReason !== null;
  return {
    event,
    at: deliveryAt ?? createdAt,
    attempts: deliveryAttempts,
    reason: deliveryReason,
    message: isCancelled ? cancelledMessage : isDelayed ? delayedMessage : eventMessages[event],
    sendingStopped,
  };
}

/** During an upgrade, replicas of older releases send mails without recording events. */
function currentEvent({ deliveryEvent, deliveryAt, lastSentAt }: InviteDelivery): DeliveryEventName {
  const isSent = deliveryEvent === 'queued' && deliveryAt !== null && lastSentAt !== null && lastSentAt >= deliveryAt;
  return isSent ? 'sent' : deliveryEvent;
}

/** A delivery event, as the API shows it. */
export function toDeliveryEventView({ id, event, occurredAt: at, mail, sending, attempt, reason }: DeliveryEventRow) {
  return { id, event, at, mail, sending, attempt, reason, message: eventMessages[event] };
}
