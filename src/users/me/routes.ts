import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { problemResponses } from '../../http/problem-schemas.ts';
import { answer } from '../../http/schemas.ts';
import type { Service } from '../../service.ts';
import { requireUser } from '../require-user.ts';
import { User } from '../schemas.ts';
import { toUserView } from '../view.ts';

/** The current user. */
export const meRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  app.get('/v1/me', {
    schema: {
      tags: ['Me'],
      operationId: 'getMe',
      summary: 'Get the current user',
      description: 'Returns the user that the access token identifies.',
      response: { 200: answer(User, 'The current user.'), ...problemResponses() },
    },
    handler: async ({ caller }) => toUserView(await requireUser(service.db, caller)),
  });
};
