import { isSignedBySendgrid, type Signed } from '../../mail/transports/sendgrid-signature.ts';
import { Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { requireUtf8 } from '../../text/utf8.ts';
import { readSendgridEvents } from './sendgrid-events.ts';
import { recordReported } from './store.ts';

/**
 * Records a batch of events from SendGrid's Signed Event Webhook. Verifies signature and age before
 * it reads the body. Idempotent.
 * @throws webhook-signature-invalid; invalid-request if a signed body is not a JSON array in UTF-8.
 */
export async function receiveSendgridEvents(
  { config, db, metrics }: Service,
  signed: Signed,
  now: Date,
): Promise<void> {
  if (!isSignedBySendgrid(config.sendgridWebhookKeys, signed, now)) throw new Problem('webhook-signature-invalid');
  const events = readSendgridEvents(parseBatch(signed.body), now);
  await recordReported(db, events);
  for (const { event } of events) metrics.countDeliveryEvent(event);
}

function parseBatch(body: Buffer): unknown[] {
  const text = requireUtf8(body);
  try {
    const batch: unknown = JSON.parse(text);
    if (Array.isArray(batch)) return batch;
  } catch {
    // Same problem as for JSON that is not an array.
  }
  throw new Problem('invalid-request', 'The body must be a JSON array of events.');
}
