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

/** Keys for machines that act in one account, as the member who made them. */
export const accountKeyRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  app.get('/v1/accounts/:accountId/keys', {
    schema: {
      tags,
      operationId: 'listAccountKeys',
      summary: 'List the keys of an account',
      description: 'Newest first, those that have ended too. Needs `keys:manage`.',
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
      summary: 'Make a key for a machine',
      description:
        'It acts as you, within its scopes and never beyond what you may do at the time, and ends with your membership. Made with a key, it ends no later than that key and is revoked with it. `secret` is shown this once. Needs `keys:manage`, and every scope.',
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
      summary: 'Replace a key with a new one',
      description:
        'The new key has the same name and scopes. The old one stays valid for `overlapSeconds`, so that nothing stops meanwhile; keys that were made with it end with it. A key that rotates itself keeps its end. If a key rotates another one, the new key ends no later than the calling key and is revoked with it. Needs `keys:manage`, and the key must act as you.',
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
      summary: 'Revoke a key',
      description:
        'The key is refused from its next request on, and so is every key that was made with it. `revokeInvites` also revokes the pending invites that were made with any of them, for example after a theft; without a body, only the keys are revoked. Needs `keys:manage`, and the key may do no more than you.',
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
