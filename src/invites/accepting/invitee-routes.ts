import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { optionalBearer, publicRoute } from '../../http/caller.ts';
import { page } from '../../http/paging.ts';
import { problemResponses } from '../../http/problem-schemas.ts';
import { answer, ref } from '../../http/schemas.ts';
import type { InviteId } from '../../ids/ids.ts';
import { Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { requireUser } from '../../users/require-user.ts';
import { listInvitesFor } from '../invitee-store.ts';
import {
  AcceptedInvite,
  DeclinedInvite,
  InviteAcceptance,
  InvitePreview,
  InviteToken,
  MyInvitePage,
  MyInviteParams,
  MyInvitesQuery,
} from '../schemas.ts';
import { toMyInviteView } from '../view.ts';
import { acceptInvite, acceptMyInvite } from './accept.ts';
import { declineInvite, declineMyInvite } from './decline.ts';
import { previewInvite } from './preview.ts';

const tags = ['Accepting an invite'];
const notPending = ['invite-accepted', 'invite-declined', 'invite-revoked', 'invite-expired'] as const;
const linkProblems = ['invite-token-invalid', 'invite-link-replaced', ...notPending] as const;
const acceptProblems = ['invite-for-another-address', 'already-member', 'inviter-cannot-grant'] as const;

/** Preview, accept and decline, by link or by id. */
export const inviteeRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  const { db } = service;

  app.post('/v1/invites/preview', {
    config: { networkLimit: 'preview.network' },
    schema: {
      tags,
      security: publicRoute,
      operationId: 'previewInvite',
      summary: 'Preview an invite',
      description: 'Returns what the invite offers, for the page behind the Accept Invite link. Changes nothing.',
      body: ref(InviteToken),
      response: { 200: answer(InvitePreview, 'What the invite offers.'), ...problemResponses(...linkProblems) },
    },
    handler: ({ body, requestContext }) => previewInvite(service, body, requestContext.now),
  });

  app.post('/v1/invites/accept', {
    config: { networkLimit: 'accept.network' },
    schema: {
      tags,
      security: optionalBearer,
      operationId: 'acceptInvite',
      summary: 'Accept an invite',
      description:
        'Send the token of the link and one of: `register` (creates a login for the invited address), `login`, or a bearer access token. The invite is consumed and the membership created, or neither. After a failed attempt, the invite can still be accepted.',
      body: ref(InviteAcceptance),
      response: {
        201: answer(AcceptedInvite, 'The new membership.'),
        ...problemResponses(
          'wrong-credentials',
          'login-exists',
          'user-disabled',
          'password-login-off',
          ...acceptProblems,
          ...linkProblems,
        ),
      },
    },
    handler: async ({ optionalCaller, body, requestContext }, reply) => {
      const credentials = [body.register, body.login, optionalCaller].filter((it) => it !== undefined);
      if (credentials.length !== 1) {
        throw new Problem('invalid-request', 'Send exactly one of `register`, `login` and a bearer access token.');
      }
      return reply.code(201).send(await acceptInvite(service, body, optionalCaller, requestContext));
    },
  });

  app.post('/v1/invites/decline', {
    config: { networkLimit: 'accept.network' },
    schema: {
      tags,
      security: publicRoute,
      operationId: 'declineInvite',
      summary: 'Decline an invite',
      description: 'The invite cannot be accepted or resent afterwards. Needs no login, only the token of the link.',
      body: ref(InviteToken),
      response: { 200: answer(DeclinedInvite, 'The declined invite.'), ...problemResponses(...linkProblems) },
    },
    handler: ({ body, requestContext }) => declineInvite(service, body, requestContext.now),
  });

  app.get('/v1/me/invites', {
    schema: {
      tags: ['Me'],
      operationId: 'listMyInvites',
      summary: 'List invites for me',
      description: 'Pending invites for your verified address, newest first.',
      querystring: MyInvitesQuery,
      response: { 200: answer(MyInvitePage, 'A page of invites.'), ...problemResponses() },
    },
    handler: async ({ caller, query: { limit = 50, cursor } }) => {
      const { email } = await requireUser(db, caller);
      const rows = await listInvitesFor(db, email, caller.now, {
        limit,
        ...(cursor && { cursor: cursor as InviteId }),
      });
      return page(rows, limit, (row) => row.invite.id, toMyInviteView);
    },
  });

  app.post('/v1/me/invites/:inviteId/accept', {
    schema: {
      tags: ['Me'],
      operationId: 'acceptMyInvite',
      summary: 'Accept an invite for me',
      description: 'Like `acceptInvite`, without a token: for a user who is logged in with the invited address.',
      params: MyInviteParams,
      response: {
        201: answer(AcceptedInvite, 'The new membership.'),
        ...problemResponses(...acceptProblems, ...notPending),
      },
    },
    handler: async ({ caller, params }, reply) =>
      reply.code(201).send(await acceptMyInvite(service, caller, params.inviteId)),
  });

  app.post('/v1/me/invites/:inviteId/decline', {
    schema: {
      tags: ['Me'],
      operationId: 'declineMyInvite',
      summary: 'Decline an invite for me',
      description: 'Like `declineInvite`, without a token: for a user who is logged in with the invited address.',
      params: MyInviteParams,
      response: { 200: answer(DeclinedInvite, 'The declined invite.'), ...problemResponses(...notPending) },
    },
    handler: ({ caller, params }) => declineMyInvite(service, caller, params.inviteId),
  });
};
