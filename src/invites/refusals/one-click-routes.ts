import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { formTypes, takeForms } from '../../http/bodies.ts';
import { publicRoute } from '../../http/caller.ts';
import { problemResponses } from '../../http/problem-schemas.ts';
import { answer, ref } from '../../http/schemas.ts';
import type { Service } from '../../service.ts';
import { oneClickPath, optOutLink } from '../one-click.ts';
import { optOut } from './opt-out.ts';
import { OneClick, OneClickQuery, OptedOut } from './schemas.ts';

/** Bytes. What a mail client sends is a few words, and a boundary of its own making around them. */
const bodyLimit = 2 * 1024;

/**
 * For mail clients, which know RFC 8058 and nothing of this service: the body is a form. A plugin of its own, so that no
 * other route takes forms.
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
      summary: 'Ask not to be invited again, from a mail client',
      description:
        'What the `List-Unsubscribe` header of an invite’s mail names: the button of a mail client posts to it (RFC 8058). Does the same as `optOut`.',
      querystring: OneClickQuery,
      consumes: formTypes,
      body: ref(OneClick),
      response: { 200: answer(OptedOut, 'No more invites.'), ...problemResponses('opt-out-token-invalid') },
    },
    handler: ({ query, requestContext }) => optOut(service, query, requestContext.now),
  });

  // A mail client without that button opens the address in a browser, and so do scanners. It leads on to the page that asks
  // first: as good as the link in the mail, and nothing is read or changed here. It is for no client of the API, so it is not in
  // the document.
  app.get(
    oneClickPath,
    {
      config: { networkLimit: 'accept.network' },
      schema: { hide: true, security: publicRoute, querystring: OneClickQuery },
    },
    async ({ query }, reply) => reply.redirect(optOutLink(service.config, query.token), 303),
  );
};
