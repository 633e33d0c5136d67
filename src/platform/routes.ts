import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { problemResponses } from '../http/problem-schemas.ts';
import { answer, ref } from '../http/schemas.ts';
import type { Service } from '../service.ts';
import { createAccountFor } from './create-account.ts';
import {
  MadePlatformAccount,
  NewPlatformAccount,
  PlatformUser,
  PlatformUserChanges,
  PlatformUsers,
  UserParams,
  UsersQuery,
} from './schemas.ts';
import { findUsers, getUser, setExternalId, toPlatformUserView } from './users.ts';

const tags = ['Platform'];
const refusals = ['platform-key-required', 'permission-missing'] as const;

/** What the operator's own backend does beside acting on accounts. */
export const platformRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  app.post('/v1/platform/accounts', {
    schema: {
      tags,
      operationId: 'createAccountFor',
      summary: 'Make an account for someone',
      description:
        'They are invited by mail to own it. Until they accept, the platform keeps it, and may invite others to it. Needs a platform key with `accounts:create`.',
      body: ref(NewPlatformAccount),
      response: {
        201: answer(MadePlatformAccount, 'The account, and the invite of its owner.'),
        ...problemResponses(...refusals, 'too-many-requests'),
      },
    },
    handler: async ({ caller, body }, reply) => reply.code(201).send(await createAccountFor(service, caller, body)),
  });

  app.get('/v1/platform/users', {
    schema: {
      tags,
      operationId: 'findUsers',
      summary: 'Find a user',
      description: 'By verified address, or by external id. Needs a platform key with `users:manage`.',
      querystring: UsersQuery,
      response: { 200: answer(PlatformUsers, 'The user, or none.'), ...problemResponses(...refusals) },
    },
    handler: async ({ caller, query }) => ({
      items: (await findUsers(service, caller, query)).map(toPlatformUserView),
    }),
  });

  app.get('/v1/platform/users/:userId', {
    schema: {
      tags,
      operationId: 'getUser',
      summary: 'Get a user',
      description: 'Needs a platform key with `users:manage`.',
      params: UserParams,
      response: { 200: answer(PlatformUser, 'The user.'), ...problemResponses(...refusals) },
    },
    handler: async ({ caller, params }) => toPlatformUserView(await getUser(service, caller, params.userId)),
  });

  app.patch('/v1/platform/users/:userId', {
    schema: {
      tags,
      operationId: 'nameUser',
      summary: 'Give a user an external id',
      description:
        'What your own systems call them: questions can name them by it. Null takes it away. Needs a platform key with `users:manage`.',
      params: UserParams,
      body: ref(PlatformUserChanges),
      response: { 200: answer(PlatformUser, 'The user.'), ...problemResponses(...refusals, 'external-id-taken') },
    },
    handler: async ({ caller, params, body }) =>
      toPlatformUserView(await setExternalId(service, caller, params.userId, body)),
  });
};
