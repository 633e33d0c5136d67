import { type DeliveryEventName, delayed, inWords, overtaken } from './events.ts';
import type { DeliveryEventRow } from './store.ts';

interface Delivered {
  status: string;
  createdAt: Date;
  deliveryEvent: DeliveryEventName;
  deliveryAt: Date | null;
  deliveryReason: string | null;
  deliveryAttempts: number;
  lastSentAt: Date | null;
}

/** What became of an invite's last mail, as its account sees it. */
export function toDeliveryView(invite: Delivered, sendingStopped: boolean) {
  const { status, createdAt, deliveryAt, deliveryReason, deliveryAttempts } = invite;
  const event = eventOf(invite);
  const isOvertaken = status !== 'pending' && (event === 'queued' || event === 'retrying');
  // A mail that waits for its first attempt has a reason only if it was delayed.
  const isDelayed = event === 'queued' && deliveryReason !== null;
  return {
    event,
    at: deliveryAt ?? createdAt,
    attempts: deliveryAttempts,
    reason: deliveryReason,
    message: isOvertaken ? overtaken : isDelayed ? delayed : inWords[event],
    sendingStopped,
  };
}

/** A replica of an older release, beside this one while it is deployed, sends mails and tells no events. */
function eventOf({ deliveryEvent, deliveryAt, lastSentAt }: Delivered): DeliveryEventName {
  const isSent = deliveryEvent === 'queued' && deliveryAt !== null && lastSentAt !== null && lastSentAt >= deliveryAt;
  return isSent ? 'sent' : deliveryEvent;
}

/** One thing in the timeline of an invite. */
export function toDeliveryEventView({ id, event, occurredAt: at, mail, sending, attempt, reason }: DeliveryEventRow) {
  return { id, event, at, mail, sending, attempt, reason, message: inWords[event] };
}
