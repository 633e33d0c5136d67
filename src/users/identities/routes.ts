import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { problemResponses } from '../../http/problem-schemas.ts';
import { answer, nothing, ref } from '../../http/schemas.ts';
import type { Service } from '../../service.ts';
import { requireUser } from '../require-user.ts';
import { Identity, IdentityList, IdentityParams, NewIdentity } from '../schemas.ts';
import { linkIdentity, toIdentityView, unlinkIdentity } from './link.ts';
import { listIdentities } from './store.ts';

const tags = ['Me'];

/** The caller's logins at identity providers. */
export const identityRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  app.get('/v1/me/identities', {
    schema: {
      tags,
      operationId: 'listMyIdentities',
      summary: 'List my identities',
      description: 'Lists your logins at identity providers, oldest first.',
      response: { 200: answer(IdentityList, 'Your identities.'), ...problemResponses() },
    },
    handler: async ({ caller }) => {
      const user = await requireUser(service.db, caller);
      return { items: (await listIdentities(service.db, user.id)).map(toIdentityView) };
    },
  });

  app.post('/v1/me/identities', {
    schema: {
      tags,
      operationId: 'linkIdentity',
      summary: 'Link an identity',
      description:
        'Links a login at an identity provider to your user. Send an access token of the provider and your current password. From then on, access tokens of this identity authenticate you.',
      body: ref(NewIdentity),
      response: {
        201: answer(Identity, 'The identity is linked.'),
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
      description: 'Access tokens of this identity are refused from the next request on.',
      params: IdentityParams,
      response: { 204: nothing('The identity is removed.'), ...problemResponses('last-login-method') },
    },
    handler: async ({ caller, params }, reply) => {
      await unlinkIdentity(service, caller, params.identityId);
      return reply.code(204).send(null);
    },
  });
};
