import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { AccountParams } from '../../accounts/schemas.ts';
import { problemResponses } from '../../http/problem-schemas.ts';
import { answer, ref } from '../../http/schemas.ts';
import { memberIdFrom } from '../../memberships/member-id.ts';
import { MemberParams } from '../../memberships/schemas.ts';
import { invalidParameter } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { type CheckAll, check } from './check.ts';
import { explainPermissions } from './explain.ts';
import { issueAccountToken } from './issue-token.ts';
import { readEpoch } from './read-epoch.ts';
import { AccountToken, Check, CheckQuery, Epoch, Explanation, NewAccountToken } from './schemas.ts';

const tags = ['Checks'];

/** May this person do this here, and why? */
export const checkRoutes: FastifyPluginAsyncTypebox<{ service: Service; checkAll: CheckAll }> = async (
  app,
  { service, checkAll },
) => {
  app.get('/v1/accounts/:accountId/check', {
    schema: {
      tags,
      operationId: 'check',
      summary: 'May this person do this here?',
      description:
        'In the whole account, or on one resource. Read now, in one statement. Someone who is not in the account may do nothing there. Asking about others needs `members:read`, with a platform key `access:check`.',
      params: AccountParams,
      querystring: CheckQuery,
      response: { 200: answer(Check, 'Whether they may.'), ...problemResponses('permission-missing') },
    },
    handler: async ({ caller, params: { accountId }, query }) => {
      const { userId = 'me', permission, resourceType: type, resourceId: id } = query;
      if ((type === undefined) !== (id === undefined)) {
        throw invalidParameter(
          type === undefined ? 'resourceType' : 'resourceId',
          'is required: a resource has a type and an id',
        );
      }
      const resource = type === undefined || id === undefined ? null : { type, id };
      const question = {
        accountId,
        permission,
        resource,
        properties: {},
        subject: { id: memberIdFrom(userId, caller) },
      };
      return { allowed: await check(checkAll, caller, question) };
    },
  });

  app.get('/v1/accounts/:accountId/members/:userId/permissions', {
    schema: {
      tags,
      operationId: 'explainPermissions',
      summary: 'What a member may do, and why',
      description:
        'Each permission that they have now, with every way in which they have it. Needs `members:read`, but for yourself.',
      params: MemberParams,
      response: {
        200: answer(Explanation, 'Each permission with its reasons.'),
        ...problemResponses('permission-missing'),
      },
    },
    handler: async ({ caller, params: { accountId, userId } }) => ({
      items: await explainPermissions(service, caller, accountId, userId),
    }),
  });

  app.post('/v1/accounts/:accountId/token', {
    schema: {
      tags,
      operationId: 'issueAccountToken',
      summary: 'Get a token that other services can verify',
      description:
        'A short-lived JWT (RFC 9068) that says what you may do in the account as a whole, for one of the audiences that the operator allows. A service verifies it by itself with `/.well-known/jwks.json`; the epoch tells it when that is out of date.',
      params: AccountParams,
      body: ref(NewAccountToken),
      response: {
        200: answer(AccountToken, 'The token.'),
        ...problemResponses('audience-not-allowed', 'user-required'),
      },
    },
    handler: ({ caller, params: { accountId }, body }) => issueAccountToken(service, caller, accountId, body),
  });

  app.get('/v1/accounts/:accountId/epoch', {
    schema: {
      tags,
      operationId: 'readEpoch',
      summary: 'Read the epoch of an account',
      description:
        'It moves with every change of who may do what there: a service that verifies account tokens by itself asks for it every few seconds, and takes no token with an older one. Any member may, and a platform key with `access:check`.',
      params: AccountParams,
      response: { 200: answer(Epoch, 'The epoch.'), ...problemResponses('permission-missing') },
    },
    handler: ({ caller, params: { accountId } }) => readEpoch(service, caller, accountId),
  });
};
