import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { publicRoute } from '../../http/caller.ts';
import { page } from '../../http/paging.ts';
import { problemResponses } from '../../http/problem-schemas.ts';
import { answer, nothing, ref } from '../../http/schemas.ts';
import type { AccountId } from '../../ids/ids.ts';
import type { Service } from '../../service.ts';
import { requireUser } from '../../users/sessions/session.ts';
import { listOptOuts } from '../opt-out-store.ts';
import { InviteToken } from '../schemas.ts';
import { optIn, optOut } from './opt-out.ts';
import { reportInvite } from './report.ts';
import { MyOptOutPage, MyOptOutParams, MyOptOutsQuery, OptedOut, ReportedInvite } from './schemas.ts';

/** Asking not to be invited again, and taking that back; and reporting an invite. */
export const optOutRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  app.post('/v1/invites/opt-out', {
    config: { networkLimit: 'accept.network' },
    schema: {
      tags: ['Accepting an invite'],
      security: publicRoute,
      operationId: 'optOut',
      summary: 'Ask not to be invited again',
      description:
        'With the token of the link at the end of an invite’s mail: the account can’t invite this address again, and the invite is declined if it is still pending. Needs no login.',
      body: ref(InviteToken),
      response: { 200: answer(OptedOut, 'No more invites.'), ...problemResponses('opt-out-token-invalid') },
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
        'For someone who does not know who invites them, with the token of that link in the invite’s mail: the operator is told, and it does what `optOut` does. The account learns of the second alone. Needs no login.',
      body: ref(InviteToken),
      response: { 200: answer(ReportedInvite, 'It is reported.'), ...problemResponses('report-token-invalid') },
    },
    handler: ({ body, requestContext }) => reportInvite(service, body, requestContext),
  });

  app.get('/v1/me/opt-outs', {
    schema: {
      tags: ['Me'],
      operationId: 'listMyOptOuts',
      summary: 'List accounts that may not invite me',
      description: 'Those that you asked, for your verified address.',
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
      description: 'Takes back what you asked.',
      params: MyOptOutParams,
      response: { 204: nothing('It may invite you again.'), ...problemResponses() },
    },
    handler: async ({ caller, params }, reply) => {
      await optIn(service, caller, params.accountId);
      return reply.code(204).send(null);
    },
  });
};
