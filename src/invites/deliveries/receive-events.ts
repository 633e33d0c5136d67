import { isSignedBySendgrid, type Signed } from '../../mail/transports/sendgrid-signature.ts';
import { Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { requireUtf8 } from '../../text/utf8.ts';
import { readSendgridEvents } from './sendgrid-events.ts';
import { recordReported } from './store.ts';

/**
 * Takes a batch of events from SendGrid's Signed Event Webhook. Nothing in it is looked at before its signature and its age
 * are verified. A batch that comes twice changes nothing.
 * @throws webhook-signature-invalid; invalid-request for a signed body that is no JSON array.
 */
export async function receiveSendgridEvents(
  { config, db, metrics }: Service,
  signed: Signed,
  now: Date,
): Promise<void> {
  if (!isSignedBySendgrid(config.sendgridWebhookKeys, signed, now)) throw new Problem('webhook-signature-invalid');
  const events = readSendgridEvents(batchIn(signed.body), now);
  await recordReported(db, events);
  for (const { event } of events) metrics.countDeliveryEvent(event);
}

function batchIn(body: Buffer): unknown[] {
  const text = requireUtf8(body);
  try {
    const batch: unknown = JSON.parse(text);
    if (Array.isArray(batch)) return batch;
  } catch {
    // The same answer as for other JSON.
  }
  throw new Problem('invalid-request', 'The body is no JSON array of events.');
}
