import type { Tx } from '../../database/database.ts';
import type { QueuedMessage, SendingResult } from '../../mail/outbox/message-writer.ts';
import { recordEvents } from './store.ts';

/** Keeps in the timeline of an invite what came of a try to hand one of its mails to the mail service. */
export function recordSendingResult(
  tx: Tx,
  { accountId, id: deliveryId }: QueuedMessage,
  { event, attempt, reason }: SendingResult,
  now: Date,
): Promise<void> {
  const source = `usher ${event} ${attempt} ${now.toISOString()}`;
  return recordEvents(tx, accountId, [{ deliveryId, source, event, reason, attempt, occurredAt: now }]);
}
