import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { takeBytes } from '../../http/bodies.ts';
import { publicRoute } from '../../http/caller.ts';
import { problemResponses } from '../../http/problem-schemas.ts';
import { nothing, ref } from '../../http/schemas.ts';
import type { Service } from '../../service.ts';
import { receiveSendgridEvents } from './receive-events.ts';
import { SendgridEvents, WebhookHeaders } from './schemas.ts';

/** Bytes. SendGrid's batches have a few hundred kilobytes. */
const bodyLimit = 4 * 1024 * 1024;

/** Webhooks of mail services. */
export const deliveryRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  takeBytes(app);

  app.post('/v1/webhooks/sendgrid', {
    bodyLimit,
    // The body is raw bytes, parsed only after its signature is verified.
    validatorCompiler: () => () => true,
    config: { networkLimit: 'webhook.network' },
    schema: {
      tags: ['Webhooks'],
      security: publicRoute,
      operationId: 'takeSendgridEvents',
      summary: 'Receive events from SendGrid',
      description:
        'For SendGrid’s Signed Event Webhook. The body is a JSON array of events, at most 4 MiB. Before it is parsed, its signature is verified with the keys in `SENDGRID_WEBHOOK_KEYS`, and its timestamp must be within ten minutes of the current time. Repeated events and events of unknown mails are ignored. Events may arrive in any order.',
      headers: WebhookHeaders,
      body: ref(SendgridEvents),
      response: { 204: nothing('The events are recorded.'), ...problemResponses('webhook-signature-invalid') },
    },
    handler: async ({ headers, body, requestContext }, reply) => {
      const signed = {
        signature: headers['x-twilio-email-event-webhook-signature'],
        timestamp: headers['x-twilio-email-event-webhook-timestamp'],
        body: Buffer.isBuffer(body) ? body : Buffer.alloc(0),
      };
      await receiveSendgridEvents(service, signed, requestContext.now);
      return reply.code(204).send(null);
    },
  });
};
