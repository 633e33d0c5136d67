import { type DeliveryId, idPattern } from '../../ids/ids.ts';
import { type DeliveryEventName, finalityOf } from './events.ts';
import type { ReportedEvent } from './store.ts';

/** Characters of a reason that are kept. */
const longestReason = 500;
const deliveryIds = new RegExp(idPattern('dlv'));

/** What SendGrid calls the events that are kept; what it says of opening and clicking is none of ours. */
const names: Record<string, DeliveryEventName> = {
  processed: 'processed',
  deferred: 'deferred',
  delivered: 'delivered',
  bounce: 'bounced',
  dropped: 'dropped',
  spamreport: 'spam-reported',
};

/** Reads the events of a batch that are about mails of ours. Whatever else there is in it is passed over. */
export function readSendgridEvents(batch: readonly unknown[], now: Date): ReportedEvent[] {
  return batch.map((it) => readEvent(it, now)).filter((it) => it !== undefined);
}

function readEvent(given: unknown, now: Date): ReportedEvent | undefined {
  if (typeof given !== 'object' || given === null) return undefined;
  const {
    event: name,
    deliveryId,
    sg_event_id: eventId,
    timestamp,
    type,
    reason,
    response,
    attempt,
  } = given as Record<string, unknown>;
  const known = typeof name === 'string' && Object.hasOwn(names, name) ? names[name] : undefined;
  if (!known || typeof deliveryId !== 'string' || !deliveryIds.test(deliveryId)) return undefined;
  // SendGrid's word for a refusal that says nothing about the address: it keeps no such address from later mails.
  const event = known === 'bounced' && type === 'blocked' ? 'blocked' : known;
  return {
    deliveryId: deliveryId as DeliveryId,
    source: `sendgrid ${clean(eventId) ?? `${event} ${Number(timestamp)}`}`,
    event,
    reason: clean(event === 'delivered' ? null : (reason ?? response)),
    attempt: typeof attempt === 'string' || typeof attempt === 'number' ? countOf(attempt) : null,
    occurredAt: timeOf(timestamp, event, now),
  };
}

/** A line of text from a mail server: nothing in it can't be stored, or turns the text around it. */
function clean(text: unknown): string | null {
  if (typeof text !== 'string') return null;
  const line = text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]+/gu, ' ').trim();
  return line === '' ? null : line.slice(0, longestReason).toWellFormed();
}

/** SendGrid writes it as text. */
function countOf(attempt: string | number): number | null {
  const count = Number(attempt);
  return Number.isInteger(count) && count >= 0 && count <= 1_000_000 ? count : null;
}

/**
 * SendGrid tells whole seconds. Within one, events stand in the order in which they happen to a mail, after whatever
 * was written down here in that second: in the first milliseconds of the next. A time that has not come yet is taken as this second.
 */
function timeOf(timestamp: unknown, event: DeliveryEventName, now: Date): Date {
  const latest = Math.floor(now.getTime() / 1000);
  const isTime = Number.isInteger(timestamp) && (timestamp as number) > 0;
  return new Date(Math.min(isTime ? (timestamp as number) : latest, latest) * 1000 + 1000 + finalityOf(event));
}
