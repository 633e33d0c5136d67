import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { enterAccount } from '../../accounts/enter.ts';
import { page } from '../../http/paging.ts';
import { problemResponses } from '../../http/problem-schemas.ts';
import { answer, nothing, ref } from '../../http/schemas.ts';
import type { GrantId } from '../../ids/ids.ts';
import { memberIdToChange, memberIdToRead } from '../../memberships/member-id.ts';
import { MemberParams } from '../../memberships/schemas.ts';
import { findMember } from '../../memberships/store.ts';
import { Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { giveGrants, withdrawGrant } from './give.ts';
import { GrantPage, GrantParams, Grants, GrantsQuery, NewGrants } from './schemas.ts';
import { type GrantRow, listGrants } from './store.ts';

const tags = ['Grants'];
const refusals = ['permission-missing', 'cannot-grant', 'owner-protected'] as const;

/** Grants: single permissions of a member, in addition to their access. */
export const grantRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  const { db } = service;

  app.get('/v1/accounts/:accountId/members/:userId/grants', {
    schema: {
      tags,
      operationId: 'listGrants',
      summary: 'List the grants of a member',
      description:
        'Oldest first, including ended ones. Requires `members:read`; without it, a user can list only their own grants. An API key always needs it.',
      params: MemberParams,
      querystring: GrantsQuery,
      response: { 200: answer(GrantPage, 'A page of grants.'), ...problemResponses('permission-missing') },
    },
    handler: async ({ caller, params: { accountId, userId }, query: { limit = 50, cursor } }) => {
      const memberId = memberIdToRead(userId, caller, await enterAccount(db, caller, accountId));
      const paging = { limit, ...(cursor && { cursor: cursor as GrantId }) };
      const rows = await listGrants(db, accountId, memberId, paging);
      if (rows.length === 0 && !(await findMember(db, accountId, memberId))) throw new Problem('not-found');
      return page(rows, limit, (it) => it.id, toGrantView);
    },
  });

  app.post('/v1/accounts/:accountId/members/:userId/grants', {
    schema: {
      tags,
      operationId: 'giveGrants',
      summary: 'Grant single permissions to a member',
      description:
        'Adds permissions to the member’s access. Each can be limited to a time, to one resource or a type of resource, and to a condition. Creates all of the grants, or none. Takes effect on the member’s next request. Requires `members:manage`, and the same permissions on the same resources for at least as long.',
      params: MemberParams,
      body: ref(NewGrants),
      response: { 201: answer(Grants, 'The grants.'), ...problemResponses(...refusals, 'too-many-grants') },
    },
    handler: async ({ caller, params: { accountId, userId }, body }, reply) => {
      const rows = await giveGrants(service, caller, accountId, memberIdToChange(userId, caller), body);
      return reply.code(201).send({ items: rows.map(toGrantView) });
    },
  });

  app.delete('/v1/accounts/:accountId/members/:userId/grants/:grantId', {
    schema: {
      tags,
      operationId: 'withdrawGrant',
      summary: 'Withdraw a grant',
      description: 'Takes effect on the member’s next request. Requires `members:manage`.',
      params: GrantParams,
      response: { 204: nothing('The grant was withdrawn.'), ...problemResponses(...refusals) },
    },
    handler: async ({ caller, params: { accountId, userId, grantId } }, reply) => {
      await withdrawGrant(service, caller, accountId, memberIdToChange(userId, caller), grantId);
      return reply.code(204).send(null);
    },
  });
};

/** A grant as the API shows it. */
function toGrantView({ id, permission, resourceType, resourceId, condition, endsAt, createdAt }: GrantRow) {
  const resource =
    resourceType === null ? null : { type: resourceType, ...(resourceId !== null && { id: resourceId }) };
  return { id, permission, resource, condition, endsAt, createdAt };
}
