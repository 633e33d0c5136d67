import type { Tx } from '../../database/database.ts';
import type { QueuedMessage, SendingResult } from '../../mail/outbox/message-writer.ts';
import { recordEvents } from './store.ts';

/** Records the result of an attempt to send a mail of an invite as a delivery event. */
export function recordSendingResult(
  tx: Tx,
  { accountId, id: deliveryId }: QueuedMessage,
  { event, attempt, reason }: SendingResult,
  now: Date,
): Promise<void> {
  const source = `usher ${event} ${attempt} ${now.toISOString()}`;
  return recordEvents(tx, accountId, [{ deliveryId, source, event, reason, attempt, occurredAt: now }]);
}
