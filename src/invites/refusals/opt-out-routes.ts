import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { publicRoute } from '../../http/caller.ts';
import { page } from '../../http/paging.ts';
import { problemResponses } from '../../http/problem-schemas.ts';
import { answer, nothing, ref } from '../../http/schemas.ts';
import type { AccountId } from '../../ids/ids.ts';
import type { Service } from '../../service.ts';
import { requireUser } from '../../users/require-user.ts';
import { listOptOuts } from '../opt-out-store.ts';
import { InviteToken } from '../schemas.ts';
import { optIn, optOut } from './opt-out.ts';
import { reportInvite } from './report.ts';
import { MyOptOutPage, MyOptOutParams, MyOptOutsQuery, OptedOut, ReportedInvite } from './schemas.ts';

/** Opting out, opting in again, and reporting an invite. */
export const optOutRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  app.post('/v1/invites/opt-out', {
    config: { networkLimit: 'accept.network' },
    schema: {
      tags: ['Accepting an invite'],
      security: publicRoute,
      operationId: 'optOut',
      summary: 'Opt out of invites from an account',
      description:
        'Send the token of the opt-out link in the mail of an invite. The account can’t invite the address again, and the invite is declined if it is pending. Needs no login.',
      body: ref(InviteToken),
      response: { 200: answer(OptedOut, 'The address is opted out.'), ...problemResponses('opt-out-token-invalid') },
    },
    handler: ({ body, requestContext }) => optOut(service, body, requestContext.now),
  });

  app.post('/v1/invites/report', {
    config: { networkLimit: 'accept.network' },
    schema: {
      tags: ['Accepting an invite'],
      security: publicRoute,
      operationId: 'reportInvite',
      summary: 'Report an invite',
      description:
        'For invitees who do not know the inviter. Send the token of the report link in the mail of an invite. The report is recorded for the operator, and the address is opted out as by `optOut`. The account sees the opt-out, but not the report. Needs no login.',
      body: ref(InviteToken),
      response: { 200: answer(ReportedInvite, 'The invite is reported.'), ...problemResponses('report-token-invalid') },
    },
    handler: ({ body, requestContext }) => reportInvite(service, body, requestContext),
  });

  app.get('/v1/me/opt-outs', {
    schema: {
      tags: ['Me'],
      operationId: 'listMyOptOuts',
      summary: 'List accounts that may not invite me',
      description: 'The accounts that your verified address opted out of.',
      querystring: MyOptOutsQuery,
      response: { 200: answer(MyOptOutPage, 'A page of accounts.'), ...problemResponses() },
    },
    handler: async ({ caller, query: { limit = 50, cursor } }) => {
      const { email } = await requireUser(service.db, caller);
      const rows = await listOptOuts(service.db, email, { limit, ...(cursor && { cursor: cursor as AccountId }) });
      return page(
        rows,
        limit,
        (row) => row.account.id,
        (row) => row,
      );
    },
  });

  app.delete('/v1/me/opt-outs/:accountId', {
    schema: {
      tags: ['Me'],
      operationId: 'optIn',
      summary: 'Let an account invite me again',
      description: 'Removes your opt-out for this account.',
      params: MyOptOutParams,
      response: { 204: nothing('The account can invite you again.'), ...problemResponses() },
    },
    handler: async ({ caller, params }, reply) => {
      await optIn(service, caller, params.accountId);
      return reply.code(204).send(null);
    },
  });
};
