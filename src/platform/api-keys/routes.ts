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
import { requirePlatform } from '../../accounts/platform-entry.ts';
import { page } from '../../http/paging.ts';
import { problemResponses } from '../../http/problem-schemas.ts';
import { answer, nothing, ref } from '../../http/schemas.ts';
import type { ApiKeyId } from '../../ids/ids.ts';
import type { Service } from '../../service.ts';
import { createPlatformKey, revokePlatformKey, rotatePlatformKey } from './keys.ts';

const tags = ['Platform'];
const refusals = ['platform-key-required', 'permission-missing', 'cannot-grant'] as const;

/** Keys of the operator's own backend, made with one of them. `npm run key` makes the first. */
export const platformKeyRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  app.get('/v1/platform-keys', {
    schema: {
      tags,
      operationId: 'listPlatformKeys',
      summary: 'List the platform’s keys',
      description: 'Newest first, those that have ended too. Needs a platform key with `platform-keys:manage`.',
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
      summary: 'Make a platform key',
      description:
        'It may do no more than the key that makes it, and ends with it. `secret` is shown this once. Needs a platform key with `platform-keys:manage`.',
      body: ref(NewPlatformKey),
      response: { 201: answer(MadePlatformKey, 'The key, with its secret.'), ...problemResponses(...refusals) },
    },
    handler: async ({ caller, body }, reply) => reply.code(201).send(await createPlatformKey(service, caller, body)),
  });

  app.post('/v1/platform-keys/:keyId/rotate', {
    schema: {
      tags,
      operationId: 'rotatePlatformKey',
      summary: 'Replace a platform key with a new one',
      description:
        'The new key has the same name and scopes. The old one stays valid for `overlapSeconds`; keys that were made with it, account keys too, end with it. A key that rotates itself keeps its end. If a key rotates another one, the new key ends no later than the calling key and is revoked with it. Needs a platform key with `platform-keys:manage`.',
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
        'The key is refused from its next request on, and so is every platform or account key that was made with it. `revokeInvites` also revokes the pending invites that were made with any of them, in every account; without a body, only the keys are revoked. Needs a platform key with `platform-keys:manage`.',
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
