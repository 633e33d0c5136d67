import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import {
  KeyRevocation,
  KeyRotation,
  KeysQuery,
  MadePlatformKey,
  NewPlatformKey,
  PlatformKeyPage,
  PlatformKeyParams,
} from '../../access/api-keys/schemas.ts';
import { listPlatformKeys } from '../../access/api-keys/store.ts';
import { toPlatformKeyView } from '../../access/api-keys/view.ts';
import { requirePlatform } from '../../accounts/platform.ts';
import { page } from '../../http/paging.ts';
import { problemResponses } from '../../http/problem-schemas.ts';
import { answer, nothing, ref } from '../../http/schemas.ts';
import type { ApiKeyId } from '../../ids/ids.ts';
import type { Service } from '../../service.ts';
import { createPlatformKey, revokePlatformKey, rotatePlatformKey } from './keys.ts';

const tags = ['Platform'];
const refusals = ['platform-key-required', 'permission-missing', 'cannot-grant'] as const;

/** Platform keys, for the operator's own backend. `npm run key` creates the first one. */
export const platformKeyRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  app.get('/v1/platform-keys', {
    schema: {
      tags,
      operationId: 'listPlatformKeys',
      summary: 'List platform keys',
      description: 'Newest first, including ended ones. Needs a platform key with `platform-keys:manage`.',
      querystring: KeysQuery,
      response: {
        200: answer(PlatformKeyPage, 'A page of keys.'),
        ...problemResponses('platform-key-required', 'permission-missing'),
      },
    },
    handler: async ({ caller, query: { limit = 50, cursor } }) => {
      await requirePlatform(service.db, caller, 'platform-keys:manage');
      const rows = await listPlatformKeys(service.db, { limit, ...(cursor && { cursor: cursor as ApiKeyId }) });
      return page(
        rows,
        limit,
        (it) => it.id,
        (it) => toPlatformKeyView(it, caller.now),
      );
    },
  });

  app.post('/v1/platform-keys', {
    schema: {
      tags,
      operationId: 'createPlatformKey',
      summary: 'Create a platform key',
      description:
        'The new key may do no more than the calling key, and ends with it. `secret` is shown only once. Needs a platform key with `platform-keys:manage`.',
      body: ref(NewPlatformKey),
      response: { 201: answer(MadePlatformKey, 'The key, with its secret.'), ...problemResponses(...refusals) },
    },
    handler: async ({ caller, body }, reply) => reply.code(201).send(await createPlatformKey(service, caller, body)),
  });

  app.post('/v1/platform-keys/:keyId/rotate', {
    schema: {
      tags,
      operationId: 'rotatePlatformKey',
      summary: 'Rotate a platform key',
      description:
        'Replaces a key with a new one of the same name and scopes. The old key, and platform and account keys created with it, stay valid for `overlapSeconds`. If a key rotates itself, the new key has the same expiry. If a key rotates another one, the new key expires no later than the calling key and is revoked with it. Needs a platform key with `platform-keys:manage`.',
      params: PlatformKeyParams,
      body: ref(KeyRotation),
      response: {
        201: answer(MadePlatformKey, 'The new key, with its secret.'),
        ...problemResponses(...refusals, 'key-ended'),
      },
    },
    handler: async ({ caller, params, body }, reply) =>
      reply.code(201).send(await rotatePlatformKey(service, caller, params.keyId, body)),
  });

  app.post('/v1/platform-keys/:keyId/revoke', {
    config: { hasOptionalBody: true },
    schema: {
      tags,
      operationId: 'revokePlatformKey',
      summary: 'Revoke a platform key',
      description:
        'Revokes the key and every platform or account key that was created with it, with effect on their next request. `revokeInvites` also revokes the pending invites that were created with any of them, in every account; without a body, only the keys are revoked. Needs a platform key with `platform-keys:manage`.',
      params: PlatformKeyParams,
      body: ref(KeyRevocation),
      response: { 204: nothing('The key is revoked.'), ...problemResponses(...refusals) },
    },
    handler: async ({ caller, params, body }, reply) => {
      await revokePlatformKey(service, caller, params.keyId, body);
      return reply.code(204).send(null);
    },
  });
};
