import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { problemResponses } from '../../http/problem-schemas.ts';
import { answer, nothing, ref } from '../../http/schemas.ts';
import type { Service } from '../../service.ts';
import { Identity, IdentityList, IdentityParams, NewIdentity } from '../schemas.ts';
import { requireUser } from '../sessions/session.ts';
import { identityOf, linkIdentity, unlinkIdentity } from './link.ts';
import { listIdentities } from './store.ts';

const tags = ['Me'];

/** One's logins at identity providers. */
export const identityRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  app.get('/v1/me/identities', {
    schema: {
      tags,
      operationId: 'listMyIdentities',
      summary: 'List my identities',
      description: 'Your logins at identity providers, oldest first.',
      response: { 200: answer(IdentityList, 'Your identities.'), ...problemResponses() },
    },
    handler: async ({ caller }) => {
      const user = await requireUser(service.db, caller);
      return { items: (await listIdentities(service.db, user.id)).map(identityOf) };
    },
  });

  app.post('/v1/me/identities', {
    schema: {
      tags,
      operationId: 'linkIdentity',
      summary: 'Link an identity',
      description:
        'Lets you log in at an identity provider too: send its access token, and your current password. From then on its tokens are yours.',
      body: ref(NewIdentity),
      response: {
        201: answer(Identity, 'The identity is yours.'),
        ...problemResponses(
          'password-wrong',
          'no-password',
          'password-login-off',
          'identity-linked-elsewhere',
          'too-many-requests',
        ),
      },
    },
    handler: async ({ caller, body }, reply) => reply.code(201).send(await linkIdentity(service, caller, body)),
  });

  app.delete('/v1/me/identities/:identityId', {
    schema: {
      tags,
      operationId: 'unlinkIdentity',
      summary: 'Remove an identity',
      description: 'Its tokens name you no more, from the next request on.',
      params: IdentityParams,
      response: { 204: nothing('The identity is removed.'), ...problemResponses('last-login-method') },
    },
    handler: async ({ caller, params }, reply) => {
      await unlinkIdentity(service, caller, params.identityId);
      return reply.code(204).send(null);
    },
  });
};
