import { type DeliveryEventName, inWords, overtaken } from './events.ts';
import type { DeliveryEventRow } from './store.ts';

interface Delivered {
  status: string;
  createdAt: Date;
  deliveryEvent: DeliveryEventName;
  deliveryAt: Date | null;
  deliveryReason: string | null;
  deliveryAttempts: number;
}

/** What became of an invite's last mail, as its account sees it. */
export function deliveryOf(invite: Delivered, sendingStopped: boolean) {
  const { status, createdAt, deliveryEvent: event, deliveryAt, deliveryReason, deliveryAttempts } = invite;
  const isOvertaken = status !== 'pending' && (event === 'queued' || event === 'retrying');
  return {
    event,
    at: deliveryAt ?? createdAt,
    attempts: deliveryAttempts,
    reason: deliveryReason,
    message: isOvertaken ? overtaken : inWords[event],
    sendingStopped,
  };
}

/** One thing in the timeline of an invite. */
export function deliveryEventOf({ id, event, occurredAt: at, mail, sending, attempt, reason }: DeliveryEventRow) {
  return { id, event, at, mail, sending, attempt, reason, message: inWords[event] };
}
