import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { AccountParams } from '../../accounts/schemas.ts';
import { problemResponses } from '../../http/problem-schemas.ts';
import { answer, ref } from '../../http/schemas.ts';
import { memberIdFrom } from '../../memberships/member-id.ts';
import { MemberParams } from '../../memberships/schemas.ts';
import { invalidParameter } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { check, type QuestionChecker } from './check.ts';
import { explainPermissions } from './explain.ts';
import { issueAccountToken } from './issue-token.ts';
import { readEpoch } from './read-epoch.ts';
import { AccountToken, Check, CheckQuery, Epoch, Explanation, NewAccountToken } from './schemas.ts';

const tags = ['Checks'];

/** Permission checks, their explanation, and account tokens. */
export const checkRoutes: FastifyPluginAsyncTypebox<{ service: Service; checkAll: QuestionChecker }> = async (
  app,
  { service, checkAll },
) => {
  app.get('/v1/accounts/:accountId/check', {
    schema: {
      tags,
      operationId: 'check',
      summary: 'Check a permission',
      description:
        'Checks whether a user has a permission now, in the whole account or on one resource. A user who is not in the account has no permissions there. To check other users, a member or an account key needs `members:read`, and a platform key needs `access:check`.',
      params: AccountParams,
      querystring: CheckQuery,
      response: {
        200: answer(Check, 'Whether the user has the permission.'),
        ...problemResponses('permission-missing'),
      },
    },
    handler: async ({ caller, params: { accountId }, query }) => {
      const { userId = 'me', permission, resourceType: type, resourceId: id } = query;
      if ((type === undefined) !== (id === undefined)) {
        throw invalidParameter(
          type === undefined ? 'resourceType' : 'resourceId',
          'is required: give both resourceType and resourceId, or neither',
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
      summary: 'Explain the permissions of a member',
      description:
        'Lists each permission that the member has now, with every reason why. Requires `members:read`; without it, a user can list only their own permissions.',
      params: MemberParams,
      response: {
        200: answer(Explanation, 'The permissions, with their reasons.'),
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
      summary: 'Issue an account token',
      description:
        'Issues a short-lived JWT (RFC 9068) with your account-wide permissions, for one of the audiences that the operator allows. Other services verify it with `/.well-known/jwks.json`, and use its epoch to detect that it is out of date.',
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
        'The epoch increases with every change to the permissions in the account. A service that verifies account tokens polls it every few seconds, and rejects tokens with an older epoch. Any member may read it, and a platform key needs `access:check`.',
      params: AccountParams,
      response: { 200: answer(Epoch, 'The epoch.'), ...problemResponses('permission-missing') },
    },
    handler: ({ caller, params: { accountId } }) => readEpoch(service, caller, accountId),
  });
};
