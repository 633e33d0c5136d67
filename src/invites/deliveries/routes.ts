import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { takeBytes } from '../../http/bodies.ts';
import { publicRoute } from '../../http/caller.ts';
import { problemResponses } from '../../http/problem-schemas.ts';
import { nothing, ref } from '../../http/schemas.ts';
import type { Service } from '../../service.ts';
import { receiveSendgridEvents } from './receive-events.ts';
import { SendgridEvents, WebhookHeaders } from './schemas.ts';

/** Bytes. SendGrid sends batches of some hundred kilobytes. */
const bodyLimit = 4 * 1024 * 1024;

/** Where mail services tell what became of mails. */
export const deliveryRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  takeBytes(app);

  app.post('/v1/webhooks/sendgrid', {
    bodyLimit,
    // The body is bytes until its signature is verified, and read after that.
    validatorCompiler: () => () => true,
    config: { networkLimit: 'webhook.network' },
    schema: {
      tags: ['Webhooks'],
      security: publicRoute,
      operationId: 'takeSendgridEvents',
      summary: 'Take events from SendGrid',
      description:
        'For SendGrid’s Signed Event Webhook: a JSON array of events, 4 MiB at most. Its signature and its age, ten minutes at most, are verified with the keys of `SENDGRID_WEBHOOK_KEYS` before anything in it is read. Events that are told twice, in another order, or about mails that are not ours change nothing.',
      headers: WebhookHeaders,
      body: ref(SendgridEvents),
      response: { 204: nothing('Taken.'), ...problemResponses('webhook-signature-invalid') },
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
