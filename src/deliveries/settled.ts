import type { Tx } from '../database/database.ts';
import type { DeliveryId } from '../ids.ts';
import type { Settlement } from '../outbox/letter.ts';
import { recordEvents } from './store.ts';

/** Keeps in the timeline of an invite what came of a try to hand one of its mails to the mail service. */
export function recordSettlement(
  tx: Tx,
  deliveryId: DeliveryId,
  { event, attempt, reason }: Settlement,
  now: Date,
): Promise<void> {
  const source = `usher ${event} ${attempt} ${now.toISOString()}`;
  return recordEvents(tx, [{ deliveryId, source, event, reason, attempt, occurredAt: now }]);
}
