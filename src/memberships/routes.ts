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
import { memberIdToChange, memberIdToRead } from './path-member.ts';
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
      description: 'Who is in the account, longest in first. Needs `members:read`.',
      params: AccountParams,
      querystring: MembersQuery,
      response: { 200: answer(MemberPage, 'A page of members.'), ...problemResponses('permission-missing') },
    },
    handler: async ({ caller, params: { accountId }, query: { q, limit = 50, cursor } }) => {
      requirePermission(await enterAccount(db, caller, accountId), 'members:read');
      const wanted = { ...(q && { q }), limit, ...(cursor && { cursor: cursor as MembershipId }) };
      return page(
        await listMembers(db, accountId, wanted),
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
      description: 'Needs `members:read`, except to read about yourself. A key always needs it.',
      params: MemberParams,
      response: { 200: answer(Member, 'The member.'), ...problemResponses('permission-missing') },
    },
    handler: async ({ caller, params: { accountId, userId } }) => {
      const wanted = memberIdToRead(userId, caller, await enterAccount(db, caller, accountId));
      const member = await findMember(db, accountId, wanted);
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
        'Takes effect on the member’s next request. Needs `members:manage`, and everything that is given or taken.',
      params: MemberParams,
      body: ref(MemberChanges),
      response: {
        200: answer(Member, 'The member as they are now.'),
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
        'Takes effect on the member’s next request, and revokes the invites they had pending. Needs `members:manage`; with `me` you leave, which needs no permission. A key can’t leave for its maker. The owner can’t be removed.',
      params: MemberParams,
      response: {
        204: nothing('They are no member any more.'),
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
        'To a suspended member the account does not exist; their access is kept for later. Needs `members:manage`.',
      params: MemberParams,
      response: {
        200: answer(Member, 'The member, suspended.'),
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
      description: 'Gives a suspended member their access back. Needs `members:manage`.',
      params: MemberParams,
      response: {
        200: answer(Member, 'The member, active.'),
        ...problemResponses('permission-missing', 'cannot-grant', 'owner-protected'),
      },
    },
    handler: ({ caller, params: { accountId, userId } }) =>
      reactivateMember(service, caller, accountId, memberIdToChange(userId, caller)),
  });
};
