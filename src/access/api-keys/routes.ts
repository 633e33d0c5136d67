import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { enterAccount } from '../../accounts/enter.ts';
import { AccountParams } from '../../accounts/schemas.ts';
import { page } from '../../http/paging.ts';
import { problemResponses } from '../../http/problem-schemas.ts';
import { answer, nothing, ref } from '../../http/schemas.ts';
import type { ApiKeyId } from '../../ids/ids.ts';
import { requirePermission } from '../../permissions/rules.ts';
import type { Service } from '../../service.ts';
import { createAccountKey, revokeAccountKey, rotateAccountKey } from './keys.ts';
import {
  AccountKeyPage,
  AccountKeyParams,
  KeyRevocation,
  KeyRotation,
  KeysQuery,
  MadeAccountKey,
  NewAccountKey,
} from './schemas.ts';
import { listAccountKeys } from './store.ts';
import { toAccountKeyView } from './view.ts';

const tags = ['Keys'];
const refusals = ['permission-missing', 'cannot-grant'] as const;

/** API keys that act in one account, as the member who created them. */
export const accountKeyRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  app.get('/v1/accounts/:accountId/keys', {
    schema: {
      tags,
      operationId: 'listAccountKeys',
      summary: 'List the API keys of an account',
      description: 'Newest first, including ended ones. Requires `keys:manage`.',
      params: AccountParams,
      querystring: KeysQuery,
      response: { 200: answer(AccountKeyPage, 'A page of keys.'), ...problemResponses('permission-missing') },
    },
    handler: async ({ caller, params: { accountId }, query: { limit = 50, cursor } }) => {
      requirePermission(await enterAccount(service.db, caller, accountId), 'keys:manage');
      const rows = await listAccountKeys(service.db, accountId, {
        limit,
        ...(cursor && { cursor: cursor as ApiKeyId }),
      });
      return page(
        rows,
        limit,
        (it) => it.key.id,
        (it) => toAccountKeyView(it, caller.now),
      );
    },
  });

  app.post('/v1/accounts/:accountId/keys', {
    schema: {
      tags,
      operationId: 'createAccountKey',
      summary: 'Create an API key',
      description:
        'The key acts as you, within its scopes and your current permissions, and ends with your membership. A key created with an API key expires no later than that key and is revoked with it. `secret` is shown only once. Requires `keys:manage` and the permission of every scope.',
      params: AccountParams,
      body: ref(NewAccountKey),
      response: {
        201: answer(MadeAccountKey, 'The key, with its secret.'),
        ...problemResponses(...refusals, 'user-required', 'user-disabled'),
      },
    },
    handler: async ({ caller, params, body }, reply) =>
      reply.code(201).send(await createAccountKey(service, caller, params.accountId, body)),
  });

  app.post('/v1/accounts/:accountId/keys/:keyId/rotate', {
    schema: {
      tags,
      operationId: 'rotateAccountKey',
      summary: 'Rotate an API key',
      description:
        'Replaces a key with a new one of the same name and scopes. The old key, and keys created with it, stay valid for `overlapSeconds`, so that clients can switch. If a key rotates itself, the new key has the same expiry. If a key rotates another one, the new key expires no later than the calling key and is revoked with it. Requires `keys:manage`, and the key must act as you.',
      params: AccountKeyParams,
      body: ref(KeyRotation),
      response: {
        201: answer(MadeAccountKey, 'The new key, with its secret.'),
        ...problemResponses(...refusals, 'user-disabled', 'key-ended'),
      },
    },
    handler: async ({ caller, params: { accountId, keyId }, body }, reply) =>
      reply.code(201).send(await rotateAccountKey(service, caller, accountId, keyId, body)),
  });

  app.post('/v1/accounts/:accountId/keys/:keyId/revoke', {
    config: { hasOptionalBody: true },
    schema: {
      tags,
      operationId: 'revokeAccountKey',
      summary: 'Revoke an API key',
      description:
        'Revokes the key and every key that was created with it, with effect on their next request. `revokeInvites` also revokes the pending invites that were created with any of them, for example after a theft; without a body, only the keys are revoked. Requires `keys:manage` and every permission that the key has.',
      params: AccountKeyParams,
      body: ref(KeyRevocation),
      response: { 204: nothing('The key is revoked.'), ...problemResponses(...refusals) },
    },
    handler: async ({ caller, params: { accountId, keyId }, body }, reply) => {
      await revokeAccountKey(service, caller, accountId, keyId, body);
      return reply.code(204).send(null);
    },
  });
};
