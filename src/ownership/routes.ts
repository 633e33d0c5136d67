import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Account, AccountParams, OwnershipTransfer } from '../accounts/schemas.ts';
import { showAccount } from '../accounts/view.ts';
import { problemResponses } from '../http/problem-schemas.ts';
import { answer, nothing, ref } from '../http/schemas.ts';
import type { Service } from '../service.ts';
import { acceptOwnership } from './accept.ts';
import { offerOwnership } from './offer.ts';
import { OwnershipOffer } from './schemas.ts';
import { withdrawOwnership } from './withdraw.ts';

const tags = ['Ownership'];

export const ownershipRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  app.post('/v1/accounts/:accountId/ownership-transfer', {
    schema: {
      tags,
      operationId: 'offerOwnership',
      summary: 'Offer ownership',
      description:
        'Offers ownership to an active member, who accepts or declines it. Replaces an earlier offer. Only the owner can do this.',
      params: AccountParams,
      body: ref(OwnershipOffer),
      response: {
        201: answer(OwnershipTransfer, 'The offer.'),
        ...problemResponses('cannot-grant', 'member-suspended'),
      },
    },
    handler: async ({ caller, params, body }, reply) =>
      reply.code(201).send(await offerOwnership(service, caller, params.accountId, body)),
  });

  app.delete('/v1/accounts/:accountId/ownership-transfer', {
    schema: {
      tags,
      operationId: 'withdrawOwnership',
      summary: 'Withdraw or decline the ownership offer',
      description: 'The owner withdraws the offer, or the member declines it.',
      params: AccountParams,
      response: { 204: nothing('The offer was withdrawn or declined.'), ...problemResponses('cannot-grant') },
    },
    handler: async ({ caller, params }, reply) => {
      await withdrawOwnership(service, caller, params.accountId);
      return reply.code(204).send(null);
    },
  });

  app.post('/v1/accounts/:accountId/ownership-transfer/accept', {
    schema: {
      tags,
      operationId: 'acceptOwnership',
      summary: 'Accept ownership',
      description: 'You become the owner. The former owner keeps all permissions.',
      params: AccountParams,
      response: { 200: answer(Account, 'The account, with you as its owner.'), ...problemResponses() },
    },
    handler: async ({ caller, params }) =>
      showAccount(service.db, await acceptOwnership(service, caller, params.accountId)),
  });
};
