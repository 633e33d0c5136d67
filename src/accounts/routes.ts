import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { page } from '../http/paging.ts';
import { problemResponses } from '../http/problem-schemas.ts';
import { answer, ref } from '../http/schemas.ts';
import type { MembershipId } from '../ids/ids.ts';
import type { Service } from '../service.ts';
import { requireUser } from '../users/require-user.ts';
import { createAccount } from './create.ts';
import { enterAccount } from './enter.ts';
import { Account, AccountChanges, AccountParams, MyAccountPage, MyAccountsQuery, NewAccount } from './schemas.ts';
import { listAccountsOfUser } from './store.ts';
import { changeAccountSettings } from './update.ts';
import { showAccount, toAccountView, toMyAccountView } from './view.ts';

const tags = ['Accounts'];

export const accountRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  const { db } = service;

  app.get('/v1/me/accounts', {
    schema: {
      tags: ['Me'],
      operationId: 'listMyAccounts',
      summary: 'List my accounts',
      description: 'The accounts you are an active member of, and what you may do in each.',
      querystring: MyAccountsQuery,
      response: { 200: answer(MyAccountPage, 'A page of your accounts.'), ...problemResponses() },
    },
    handler: async ({ caller, query: { limit = 50, cursor } }) => {
      const user = await requireUser(db, caller);
      const options = { limit, ...(cursor && { cursor: cursor as MembershipId }), when: caller.now };
      const rows = await listAccountsOfUser(db, user.id, options);
      return page(rows, limit, (row) => row.membership.id, toMyAccountView);
    },
  });

  app.post('/v1/accounts', {
    schema: {
      tags,
      operationId: 'createAccount',
      summary: 'Create an account',
      description: 'Creates an account with you as its owner.',
      body: ref(NewAccount),
      response: { 201: answer(Account, 'The new account.'), ...problemResponses() },
    },
    handler: async ({ caller, body }, reply) =>
      reply.code(201).send(toAccountView(await createAccount(service, caller, body), undefined)),
  });

  app.get('/v1/accounts/:accountId', {
    schema: {
      tags,
      operationId: 'getAccount',
      summary: 'Get an account',
      description: 'Every member can read the account.',
      params: AccountParams,
      response: { 200: answer(Account, 'The account.'), ...problemResponses() },
    },
    handler: async ({ caller, params }) => showAccount(db, await enterAccount(db, caller, params.accountId)),
  });

  app.patch('/v1/accounts/:accountId', {
    schema: {
      tags,
      operationId: 'updateAccount',
      summary: 'Change an account',
      description: 'Changes the fields in the request; the others keep their values. Requires `account:manage`.',
      params: AccountParams,
      body: ref(AccountChanges),
      response: { 200: answer(Account, 'The changed account.'), ...problemResponses('permission-missing') },
    },
    handler: async ({ caller, params, body }) =>
      showAccount(db, await changeAccountSettings(service, caller, params.accountId, body)),
  });
};
