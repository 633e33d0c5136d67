import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { publicRoute } from '../http/caller.ts';
import { problems } from '../http/problem-schemas.ts';
import { answer } from '../http/schemas.ts';
import { publicKeySet, type SigningKeys } from './keys.ts';
import { JwkSet } from './schemas.ts';

export const tokenRoutes: FastifyPluginAsyncTypebox<{ keys: SigningKeys }> = async (app, { keys }) => {
  const keySet = publicKeySet(keys);

  app.get('/.well-known/jwks.json', {
    schema: {
      tags: ['Operation'],
      security: publicRoute,
      operationId: 'getJwks',
      summary: 'Get the public keys',
      description: 'The JWK set (RFC 7517) that verifies the tokens of this service. May be kept for five minutes.',
      response: { 200: answer(JwkSet, 'The keys.'), ...problems() },
    },
    handler: async (_, reply) => {
      reply.header('cache-control', 'public, max-age=300');
      return keySet;
    },
  });
};
