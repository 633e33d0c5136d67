import { createSign, generateKeyPairSync, randomUUID } from 'node:crypto';
import type { TestService } from './service.ts';

/** A key pair like those of SendGrid's Signed Event Webhook: ECDSA on P-256. */
export function newWebhookKey() {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    /** In the format that SendGrid shows. */
    verificationKey: publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
    /**
     * The headers that SendGrid sends with these bytes, signed at that time (seconds since 1970).
     */
    sign(body: string | Buffer, timestamp: number | string): Record<string, string> {
      const signature = createSign('sha256').update(String(timestamp)).update(body).sign(privateKey, 'base64');
      return {
        'content-type': 'application/json',
        'x-twilio-email-event-webhook-signature': signature,
        'x-twilio-email-event-webhook-timestamp': String(timestamp),
      };
    },
  };
}

export type WebhookKey = ReturnType<typeof newWebhookKey>;

export const seconds = (time: Date) => Math.floor(time.getTime() / 1000);

/** An event in SendGrid's format, for a mail with custom arguments. */
export function eventOf(deliveryId: string, event: string, at: Date, more: object = {}) {
  return {
    email: 'someone@example.com',
    timestamp: seconds(at),
    'smtp-id': '<14c5d75ce93.dfd.64b469@ismtpd-555>',
    event,
    category: ['usher'],
    sg_event_id: randomUUID(),
    sg_message_id: '14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0',
    deliveryId,
    ...more,
  };
}

/** Posts bytes to the webhook. */
export async function postToWebhook({ app }: TestService, body: string | Buffer, headers: Record<string, string>) {
  const response = await app.inject({ method: 'POST', url: '/v1/webhooks/sendgrid', payload: body, headers });
  const isProblem = String(response.headers['content-type']).startsWith('application/problem+json');
  return { status: response.statusCode, code: isProblem ? (response.json().code as string) : undefined };
}
