import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { enterAccount } from '../accounts/enter.ts';
import { AccountParams } from '../accounts/schemas.ts';
import { page } from '../http/paging.ts';
import { problemResponses } from '../http/problem-schemas.ts';
import { answer, nothing, ref } from '../http/schemas.ts';
import type { MembershipId } from '../ids/ids.ts';
import { requirePermission } from '../permissions/rules.ts';
import { Problem } from '../problems/problem.ts';
import type { Service } from '../service.ts';
import { changeMember } from './change.ts';
import { memberIdToChange, memberIdToRead } from './member-id.ts';
import { removeMember } from './remove.ts';
import { Member, MemberChanges, MemberPage, MemberParams, MembersQuery } from './schemas.ts';
import { findMember, listMembers } from './store.ts';
import { reactivateMember, suspendMember } from './suspend.ts';
import { toMemberView } from './view.ts';

const tags = ['Members'];

export const membershipRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  const { db } = service;

  app.get('/v1/accounts/:accountId/members', {
    schema: {
      tags,
      operationId: 'listMembers',
      summary: 'List members',
      description: 'Lists the members of the account, oldest membership first. Requires `members:read`.',
      params: AccountParams,
      querystring: MembersQuery,
      response: { 200: answer(MemberPage, 'A page of members.'), ...problemResponses('permission-missing') },
    },
    handler: async ({ caller, params: { accountId }, query: { q, limit = 50, cursor } }) => {
      requirePermission(await enterAccount(db, caller, accountId), 'members:read');
      const options = { ...(q && { q }), limit, ...(cursor && { cursor: cursor as MembershipId }) };
      return page(
        await listMembers(db, accountId, options),
        limit,
        (row) => row.membership.id,
        (row) => toMemberView(row, caller.now),
      );
    },
  });

  app.get('/v1/accounts/:accountId/members/:userId', {
    schema: {
      tags,
      operationId: 'getMember',
      summary: 'Get a member',
      description: 'Requires `members:read`, except to read your own membership. An API key always needs it.',
      params: MemberParams,
      response: { 200: answer(Member, 'The member.'), ...problemResponses('permission-missing') },
    },
    handler: async ({ caller, params: { accountId, userId } }) => {
      const memberId = memberIdToRead(userId, caller, await enterAccount(db, caller, accountId));
      const member = await findMember(db, accountId, memberId);
      if (!member) throw new Problem('not-found');
      return toMemberView(member, caller.now);
    },
  });

  app.patch('/v1/accounts/:accountId/members/:userId', {
    schema: {
      tags,
      operationId: 'changeMember',
      summary: 'Change what a member may do',
      description:
        'Takes effect on the member’s next request. Requires `members:manage` and every permission that the member has before or after the change.',
      params: MemberParams,
      body: ref(MemberChanges),
      response: {
        200: answer(Member, 'The changed member.'),
        ...problemResponses('permission-missing', 'cannot-grant', 'owner-protected'),
      },
    },
    handler: ({ caller, params: { accountId, userId }, body }) =>
      changeMember(service, caller, accountId, memberIdToChange(userId, caller), body),
  });

  app.delete('/v1/accounts/:accountId/members/:userId', {
    schema: {
      tags,
      operationId: 'removeMember',
      summary: 'Remove a member, or leave',
      description:
        'Takes effect on the member’s next request and revokes their pending invites. Requires `members:manage`. With `me` you leave the account, which needs no permission. An API key can’t remove the member who created it. The owner can’t be removed.',
      params: MemberParams,
      response: {
        204: nothing('The member was removed.'),
        ...problemResponses('permission-missing', 'cannot-grant', 'owner-protected'),
      },
    },
    handler: async ({ caller, params: { accountId, userId } }, reply) => {
      await removeMember(service, caller, accountId, memberIdToChange(userId, caller));
      return reply.code(204).send(null);
    },
  });

  app.post('/v1/accounts/:accountId/members/:userId/suspend', {
    schema: {
      tags,
      operationId: 'suspendMember',
      summary: 'Suspend a member',
      description:
        'A suspended member can do nothing in the account and gets 404 for it. Reactivating them restores their access. Requires `members:manage`.',
      params: MemberParams,
      response: {
        200: answer(Member, 'The suspended member.'),
        ...problemResponses('permission-missing', 'cannot-grant', 'owner-protected'),
      },
    },
    handler: ({ caller, params: { accountId, userId } }) =>
      suspendMember(service, caller, accountId, memberIdToChange(userId, caller)),
  });

  app.post('/v1/accounts/:accountId/members/:userId/reactivate', {
    schema: {
      tags,
      operationId: 'reactivateMember',
      summary: 'Reactivate a member',
      description:
        'Restores a suspended member’s access. Requires `members:manage` and every permission that is restored.',
      params: MemberParams,
      response: {
        200: answer(Member, 'The reactivated member.'),
        ...problemResponses('permission-missing', 'cannot-grant', 'owner-protected'),
      },
    },
    handler: ({ caller, params: { accountId, userId } }) =>
      reactivateMember(service, caller, accountId, memberIdToChange(userId, caller)),
  });
};
