import { type DeliveryId, idPattern } from '../../ids/ids.ts';
import { type DeliveryEventName, finalityOf } from './events.ts';
import type { ReportedEvent } from './store.ts';

/** Characters. Longer reasons are truncated. */
const maxReasonLength = 500;
const deliveryIds = new RegExp(idPattern('dlv'));

/** Our names for SendGrid's events. Others, such as opens and clicks, are ignored. */
const eventNames: Record<string, DeliveryEventName> = {
  processed: 'processed',
  deferred: 'deferred',
  delivered: 'delivered',
  bounce: 'bounced',
  dropped: 'dropped',
  spamreport: 'spam-reported',
};

/** Reads the delivery events with a valid delivery id from a batch. Ignores everything else. */
export function readSendgridEvents(batch: readonly unknown[], now: Date): ReportedEvent[] {
  return batch.map((it) => readEvent(it, now)).filter((it) => it !== undefined);
}

function readEvent(value: unknown, now: Date): ReportedEvent | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const {
    event: name,
    deliveryId,
    sg_event_id: eventId,
    timestamp,
    type,
    reason,
    response,
    attempt,
  } = value as Record<string, unknown>;
  const eventName = typeof name === 'string' && Object.hasOwn(eventNames, name) ? eventNames[name] : undefined;
  if (!eventName || typeof deliveryId !== 'string' || !deliveryIds.test(deliveryId)) return undefined;
  // A `blocked` bounce says nothing about the address. SendGrid does not suppress such addresses.
  const event = eventName === 'bounced' && type === 'blocked' ? 'blocked' : eventName;
  return {
    deliveryId: deliveryId as DeliveryId,
    source: `sendgrid ${toLine(eventId) ?? `${event} ${Number(timestamp)}`}`,
    event,
    reason: toLine(event === 'delivered' ? null : (reason ?? response)),
    attempt: typeof attempt === 'string' || typeof attempt === 'number' ? toCount(attempt) : null,
    occurredAt: toTime(timestamp, event, now),
  };
}

/** One line of text, without control characters, bidirectional controls and unpaired surrogates. */
function toLine(text: unknown): string | null {
  if (typeof text !== 'string') return null;
  const line = text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]+/gu, ' ').trim();
  return line === '' ? null : line.slice(0, maxReasonLength).toWellFormed();
}

/** SendGrid sends `attempt` as a string. */
function toCount(attempt: string | number): number | null {
  const count = Number(attempt);
  return Number.isInteger(count) && count >= 0 && count <= 1_000_000 ? count : null;
}

/**
 * SendGrid's timestamps are whole seconds. Its events get a time in the first milliseconds of the
 * next second, by finality: after the events that Usher recorded in that second, and in the order
 * in which they happen. A missing, invalid or future timestamp counts as the current second.
 */
function toTime(timestamp: unknown, event: DeliveryEventName, now: Date): Date {
  const latest = Math.floor(now.getTime() / 1000);
  const isTime = Number.isInteger(timestamp) && (timestamp as number) > 0;
  return new Date(Math.min(isTime ? (timestamp as number) : latest, latest) * 1000 + 1000 + finalityOf(event));
}
