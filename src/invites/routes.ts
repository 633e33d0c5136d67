import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { enterAccount } from '../accounts/enter.ts';
import { AccountParams } from '../accounts/schemas.ts';
import { page } from '../http/paging.ts';
import { problemResponses } from '../http/problem-schemas.ts';
import { answer, ref } from '../http/schemas.ts';
import type { InviteId } from '../ids/ids.ts';
import { requirePermission } from '../permissions/rules.ts';
import { Problem } from '../problems/problem.ts';
import type { Service } from '../service.ts';
import { requireEmailParameter } from '../text/email-address.ts';
import { changeInvite } from './change.ts';
import { createInvite } from './create.ts';
import { resendInvite } from './resend.ts';
import { revokeInvite } from './revoke.ts';
import { Invite, InviteChanges, InvitePage, InviteParams, InvitesQuery, NewInvite } from './schemas.ts';
import { findInvite, listInvites } from './store.ts';
import { toInviteView } from './view.ts';

const tags = ['Invites'];
const sendingProblems = [
  'opted-out',
  'address-undeliverable',
  'too-many-pending-invites',
  'too-many-requests',
] as const;
const decidedProblems = ['invite-accepted', 'invite-declined', 'invite-revoked'] as const;

/** Management of invites by the account that sends them. */
export const inviteRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  const { db } = service;

  app.post('/v1/accounts/:accountId/invites', {
    schema: {
      tags,
      operationId: 'createInvite',
      summary: 'Create an invite',
      description:
        'Invites an e-mail address, with all permissions or chosen permissions. The invitee gets a mail with an Accept Invite link. Requires `invites:manage`, and all access that the invite grants.',
      params: AccountParams,
      body: ref(NewInvite),
      response: {
        201: answer(Invite, 'The pending invite.'),
        ...problemResponses(
          'permission-missing',
          'user-disabled',
          'cannot-grant',
          'account-has-owner',
          'invite-already-pending',
          'already-member',
          ...sendingProblems,
        ),
      },
    },
    handler: async ({ caller, params, body }, reply) =>
      reply.code(201).send(await createInvite(service, caller, params.accountId, body)),
  });

  app.get('/v1/accounts/:accountId/invites', {
    schema: {
      tags,
      operationId: 'listInvites',
      summary: 'List invites',
      description:
        'Newest first. Filter with `status` (such as `pending`), with `delivery` (`failed`: the mail did not arrive) and with `email`. Requires `invites:read`.',
      params: AccountParams,
      querystring: InvitesQuery,
      response: { 200: answer(InvitePage, 'A page of invites.'), ...problemResponses('permission-missing') },
    },
    handler: async ({ caller, params: { accountId }, query: { status, delivery, email, limit = 50, cursor } }) => {
      requirePermission(await enterAccount(db, caller, accountId), 'invites:read');
      const filters = {
        ...(status && { status }),
        ...(delivery && { delivery }),
        ...(email !== undefined && { email: requireEmailParameter(email, 'email') }),
        limit,
        ...(cursor && { cursor: cursor as InviteId }),
      };
      const rows = await listInvites(db, accountId, caller.now, filters);
      return page(
        rows,
        limit,
        (row) => row.invite.id,
        (row) => toInviteView(row, caller.now),
      );
    },
  });

  app.get('/v1/accounts/:accountId/invites/:inviteId', {
    schema: {
      tags,
      operationId: 'getInvite',
      summary: 'Get an invite',
      description: 'Requires `invites:read`.',
      params: InviteParams,
      response: { 200: answer(Invite, 'The invite.'), ...problemResponses('permission-missing') },
    },
    handler: async ({ caller, params: { accountId, inviteId } }) => {
      requirePermission(await enterAccount(db, caller, accountId), 'invites:read');
      const found = await findInvite(db, accountId, inviteId);
      if (!found) throw new Problem('not-found');
      return toInviteView(found, caller.now);
    },
  });

  app.patch('/v1/accounts/:accountId/invites/:inviteId', {
    schema: {
      tags,
      operationId: 'changeInvite',
      summary: 'Change a pending invite',
      description:
        'Changes its access or message. Sends no mail. You become its inviter. Requires `invites:manage`, and all access that the invite granted before and grants now.',
      params: InviteParams,
      body: ref(InviteChanges),
      response: {
        200: answer(Invite, 'The changed invite.'),
        ...problemResponses(
          'permission-missing',
          'user-disabled',
          'cannot-grant',
          'account-has-owner',
          'invite-expired',
          ...decidedProblems,
        ),
      },
    },
    handler: ({ caller, params: { accountId, inviteId }, body }) =>
      changeInvite(service, caller, accountId, inviteId, body),
  });

  app.post('/v1/accounts/:accountId/invites/:inviteId/resend', {
    schema: {
      tags,
      operationId: 'resendInvite',
      summary: 'Resend an invite',
      description:
        'Sends a new mail with a new link, and restarts the lifetime. Older links stop working. An expired invite becomes pending again. You become its inviter. Requires `invites:manage`, and all access that the invite grants.',
      params: InviteParams,
      response: {
        200: answer(Invite, 'The pending invite.'),
        ...problemResponses(
          'permission-missing',
          'user-disabled',
          'cannot-grant',
          'account-has-owner',
          'already-member',
          'invite-already-pending',
          'invite-expired',
          ...sendingProblems,
          ...decidedProblems,
        ),
      },
    },
    handler: ({ caller, params: { accountId, inviteId } }) => resendInvite(service, caller, accountId, inviteId),
  });

  app.post('/v1/accounts/:accountId/invites/:inviteId/revoke', {
    schema: {
      tags,
      operationId: 'revokeInvite',
      summary: 'Revoke an invite',
      description: 'Its link stops working. Needs only `invites:manage`, whatever access the invite grants.',
      params: InviteParams,
      response: {
        200: answer(Invite, 'The revoked invite.'),
        ...problemResponses('permission-missing', ...decidedProblems),
      },
    },
    handler: ({ caller, params: { accountId, inviteId } }) => revokeInvite(service, caller, accountId, inviteId),
  });
};
