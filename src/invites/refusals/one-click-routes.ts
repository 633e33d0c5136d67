import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { formTypes, takeForms } from '../../http/bodies.ts';
import { publicRoute } from '../../http/caller.ts';
import { problemResponses } from '../../http/problem-schemas.ts';
import { answer, ref } from '../../http/schemas.ts';
import type { Service } from '../../service.ts';
import { oneClickPath, optOutLink } from '../opt-out-links.ts';
import { optOut } from './opt-out.ts';
import { OneClick, OneClickQuery, OptedOut } from './schemas.ts';

/** Bytes. Mail clients send one short field, perhaps as multipart with a long boundary. */
const bodyLimit = 2 * 1024;

/**
 * One-click unsubscribe for mail clients (RFC 8058), which send a form. A separate plugin, so that
 * no other route accepts forms.
 */
export const oneClickRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  takeForms(app);

  app.post(oneClickPath, {
    bodyLimit,
    config: { networkLimit: 'accept.network' },
    schema: {
      tags: ['Accepting an invite'],
      security: publicRoute,
      operationId: 'optOutByOneClick',
      summary: 'Opt out from a mail client',
      description:
        'The target of the `List-Unsubscribe` header of an invite’s mail. Mail clients post to it from their unsubscribe button (RFC 8058). Has the same effect as `optOut`.',
      querystring: OneClickQuery,
      consumes: formTypes,
      body: ref(OneClick),
      response: { 200: answer(OptedOut, 'The address is opted out.'), ...problemResponses('opt-out-token-invalid') },
    },
    handler: ({ query, requestContext }) => optOut(service, query, requestContext.now),
  });

  // Mail clients without one-click support and scanners open the URI with GET. Redirects to the
  // opt-out page, without reading or changing anything. Not in the OpenAPI document, because API
  // clients don't need it.
  app.get(
    oneClickPath,
    {
      config: { networkLimit: 'accept.network' },
      schema: { hide: true, security: publicRoute, querystring: OneClickQuery },
    },
    async ({ query }, reply) => reply.redirect(optOutLink(service.config, query.token), 303),
  );
};
