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

/** Routes for the operator's own backend, other than those of accounts. */
export const platformRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  app.post('/v1/platform/accounts', {
    schema: {
      tags,
      operationId: 'createAccountFor',
      summary: 'Create an account and invite its owner',
      description:
        'Creates an account and invites its future owner by mail. Until the invite is accepted, the platform owns the account and can already invite others to it. Needs a platform key with `accounts:create`.',
      body: ref(NewPlatformAccount),
      response: {
        201: answer(MadePlatformAccount, 'The account and the invite for its owner.'),
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
      description: 'Finds a user by verified address or by external id. Needs a platform key with `users:manage`.',
      querystring: UsersQuery,
      response: {
        200: answer(PlatformUsers, 'A list with the user, or an empty list.'),
        ...problemResponses(...refusals),
      },
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
      summary: 'Set the external id of a user',
      description:
        'The external id is the user’s id in your own systems, and AuthZEN requests can use it. Null removes it. Needs a platform key with `users:manage`.',
      params: UserParams,
      body: ref(PlatformUserChanges),
      response: { 200: answer(PlatformUser, 'The user.'), ...problemResponses(...refusals, 'external-id-taken') },
    },
    handler: async ({ caller, params, body }) =>
      toPlatformUserView(await setExternalId(service, caller, params.userId, body)),
  });
};
