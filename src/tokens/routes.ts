import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { publicRoute } from '../http/caller.ts';
import { problemResponses } from '../http/problem-schemas.ts';
import { answer } from '../http/schemas.ts';
import { publicKeySet, type SigningKeys } from './keys.ts';
import { JwkSet } from './schemas.ts';

export const tokenRoutes: FastifyPluginAsyncTypebox<{ signingKeys: SigningKeys }> = async (app, { signingKeys }) => {
  const keySet = publicKeySet(signingKeys);

  app.get('/.well-known/jwks.json', {
    schema: {
      tags: ['Operation'],
      security: publicRoute,
      operationId: 'getJwks',
      summary: 'Get the public keys',
      description:
        'The JWK set (RFC 7517) that verifies the tokens of this service. It can be cached for five minutes.',
      response: { 200: answer(JwkSet, 'The keys.'), ...problemResponses() },
    },
    handler: async (_, reply) => {
      reply.header('cache-control', 'public, max-age=300');
      return keySet;
    },
  });
};
