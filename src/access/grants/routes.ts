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

/** Single permissions of a member beside their access. */
export const grantRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  const { db } = service;

  app.get('/v1/accounts/:accountId/members/:userId/grants', {
    schema: {
      tags,
      operationId: 'listGrants',
      summary: 'List the grants of a member',
      description:
        'Oldest first, with those that have ended. Needs `members:read`, except to read about yourself. A key always needs it.',
      params: MemberParams,
      querystring: GrantsQuery,
      response: { 200: answer(GrantPage, 'A page of grants.'), ...problemResponses('permission-missing') },
    },
    handler: async ({ caller, params: { accountId, userId }, query: { limit = 50, cursor } }) => {
      const named = memberIdToRead(userId, caller, await enterAccount(db, caller, accountId));
      const wanted = { limit, ...(cursor && { cursor: cursor as GrantId }) };
      const rows = await listGrants(db, accountId, named, wanted);
      if (rows.length === 0 && !(await findMember(db, accountId, named))) throw new Problem('not-found');
      return page(rows, limit, (it) => it.id, grantOf);
    },
  });

  app.post('/v1/accounts/:accountId/members/:userId/grants', {
    schema: {
      tags,
      operationId: 'giveGrants',
      summary: 'Give a member single permissions',
      description:
        'Beside their access: for a time, on one resource or one type of them, or on a condition. All of them, or none. Takes effect on their next request. Needs `members:manage`, and everything that is given, there and for as long.',
      params: MemberParams,
      body: ref(NewGrants),
      response: { 201: answer(Grants, 'The grants.'), ...problemResponses(...refusals, 'too-many-grants') },
    },
    handler: async ({ caller, params: { accountId, userId }, body }, reply) => {
      const given = await giveGrants(service, caller, accountId, memberIdToChange(userId, caller), body);
      return reply.code(201).send({ items: given.map(grantOf) });
    },
  });

  app.delete('/v1/accounts/:accountId/members/:userId/grants/:grantId', {
    schema: {
      tags,
      operationId: 'withdrawGrant',
      summary: 'Take a grant back',
      description: 'Takes effect on the member’s next request. Needs `members:manage`.',
      params: GrantParams,
      response: { 204: nothing('There is no such grant any more.'), ...problemResponses(...refusals) },
    },
    handler: async ({ caller, params: { accountId, userId, grantId } }, reply) => {
      await withdrawGrant(service, caller, accountId, memberIdToChange(userId, caller), grantId);
      return reply.code(204).send(null);
    },
  });
};

/** A grant as the API shows it. */
function grantOf({ id, permission, resourceType, resourceId, condition, endsAt, createdAt }: GrantRow) {
  const resource =
    resourceType === null ? null : { type: resourceType, ...(resourceId !== null && { id: resourceId }) };
  return { id, permission, resource, condition, endsAt, createdAt };
}
