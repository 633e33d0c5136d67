import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { enterAccount } from '../accounts/enter.ts';
import { page } from '../http/paging.ts';
import { problemResponses } from '../http/problem-schemas.ts';
import { answer } from '../http/schemas.ts';
import type { DeliveryEventId } from '../ids/ids.ts';
import { requirePermission } from '../permissions/rules.ts';
import { Problem } from '../problems/problem.ts';
import type { Service } from '../service.ts';
import { confirmInviteAddress } from './confirm-address.ts';
import { DeliveryEventPage, DeliveryEventsQuery } from './deliveries/schemas.ts';
import { listEvents } from './deliveries/store.ts';
import { toDeliveryEventView } from './deliveries/view.ts';
import { Invite, InviteParams } from './schemas.ts';
import { findInvite } from './store.ts';

const tags = ['Invites'];

/** Delivery events and address confirmation, for the account that sent an invite. */
export const inviteDeliveryRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  const { db } = service;

  app.get('/v1/accounts/:accountId/invites/:inviteId/delivery-events', {
    schema: {
      tags,
      operationId: 'listDeliveryEvents',
      summary: 'List the delivery events of an invite',
      description:
        'Events of all mails of the invite, oldest first: when each was queued and sent, and what the mail service reported. Requires `invites:read`.',
      params: InviteParams,
      querystring: DeliveryEventsQuery,
      response: { 200: answer(DeliveryEventPage, 'A page of events.'), ...problemResponses('permission-missing') },
    },
    handler: async ({ caller, params: { accountId, inviteId }, query: { limit = 50, cursor } }) => {
      requirePermission(await enterAccount(db, caller, accountId), 'invites:read');
      const paging = { limit, ...(cursor && { cursor: cursor as DeliveryEventId }) };
      const rows = await listEvents(db, accountId, inviteId, paging);
      // Only invites from before delivery events were recorded have none.
      if (rows.length === 0 && !(await findInvite(db, accountId, inviteId))) throw new Problem('not-found');
      return page(rows, limit, (row) => row.id, toDeliveryEventView);
    },
  });

  app.post('/v1/accounts/:accountId/invites/:inviteId/confirm-address', {
    schema: {
      tags,
      operationId: 'confirmInviteAddress',
      summary: 'Confirm the address of an invite',
      description:
        'Allows mail to this address again after a mail bounced, was dropped or was reported as spam. Call it once you know that the address is correct. It sends nothing: resend the invite afterwards. Requires `invites:manage`.',
      params: InviteParams,
      response: {
        200: answer(Invite, 'The invite. Mail can be sent to its address again.'),
        ...problemResponses('permission-missing'),
      },
    },
    handler: ({ caller, params: { accountId, inviteId } }) =>
      confirmInviteAddress(service, caller, accountId, inviteId),
  });
};
