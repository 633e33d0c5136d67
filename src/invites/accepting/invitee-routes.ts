import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { optionalBearer, publicRoute } from '../../http/caller.ts';
import { page } from '../../http/paging.ts';
import { problemResponses } from '../../http/problem-schemas.ts';
import { answer, ref } from '../../http/schemas.ts';
import type { InviteId } from '../../ids/ids.ts';
import { Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { requireUser } from '../../users/sessions/session.ts';
import { listInvitesFor } from '../invitee-store.ts';
import {
  Accepted,
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
const closed = ['invite-accepted', 'invite-declined', 'invite-revoked', 'invite-expired'] as const;
const deadLink = ['invite-token-invalid', 'invite-link-replaced', ...closed] as const;
const refusals = ['invite-for-another-address', 'already-member', 'inviter-cannot-grant'] as const;

/** What someone does with an invite that they got. */
export const inviteeRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  const { db } = service;

  app.post('/v1/invites/preview', {
    config: { networkLimit: 'preview.network' },
    schema: {
      tags,
      security: publicRoute,
      operationId: 'previewInvite',
      summary: 'See what a link offers',
      description: 'For the page behind the Accept Invite link. Changes nothing.',
      body: ref(InviteToken),
      response: { 200: answer(InvitePreview, 'The offer.'), ...problemResponses(...deadLink) },
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
        'With the token of the link and one of: `register` (makes a login for the invited address), `login`, or a bearer access token. Consumes the invite and makes the membership, or neither. A failed try uses nothing up.',
      body: ref(InviteAcceptance),
      response: {
        201: answer(Accepted, 'You are a member.'),
        ...problemResponses(
          'wrong-credentials',
          'login-exists',
          'user-disabled',
          'password-login-off',
          ...refusals,
          ...deadLink,
        ),
      },
    },
    handler: async ({ optionalCaller, body, requestContext }, reply) => {
      const ways = [body.register, body.login, optionalCaller].filter((it) => it !== undefined);
      if (ways.length !== 1) {
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
      description: 'Says no for good. Needs no login: the link is enough.',
      body: ref(InviteToken),
      response: { 200: answer(DeclinedInvite, 'The invite is declined.'), ...problemResponses(...deadLink) },
    },
    handler: ({ body, requestContext }) => declineInvite(service, body, requestContext.now),
  });

  app.get('/v1/me/invites', {
    schema: {
      tags: ['Me'],
      operationId: 'listMyInvites',
      summary: 'List invites for me',
      description: 'Invites that are pending for your verified address, newest first.',
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
      description: 'As with the link, for someone who is logged in with the invited address.',
      params: MyInviteParams,
      response: { 201: answer(Accepted, 'You are a member.'), ...problemResponses(...refusals, ...closed) },
    },
    handler: async ({ caller, params }, reply) =>
      reply.code(201).send(await acceptMyInvite(service, caller, params.inviteId)),
  });

  app.post('/v1/me/invites/:inviteId/decline', {
    schema: {
      tags: ['Me'],
      operationId: 'declineMyInvite',
      summary: 'Decline an invite for me',
      description: 'As with the link, for someone who is logged in with the invited address.',
      params: MyInviteParams,
      response: { 200: answer(DeclinedInvite, 'The invite is declined.'), ...problemResponses(...closed) },
    },
    handler: ({ caller, params }) => declineMyInvite(service, caller, params.inviteId),
  });
};
