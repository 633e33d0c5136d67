import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { enterAccount } from '../../accounts/enter.ts';
import { AccountParams } from '../../accounts/schemas.ts';
import { page } from '../../http/paging.ts';
import { problemResponses } from '../../http/problem-schemas.ts';
import { answer, nothing, ref } from '../../http/schemas.ts';
import type { RoleId } from '../../ids/ids.ts';
import { Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { changeRole, deleteRole } from './change.ts';
import { createRole } from './create.ts';
import { NewRole, Role, RoleChanges, RolePage, RoleParams, RolesQuery } from './schemas.ts';
import { findRole, listRoles } from './store.ts';
import { toRoleView } from './view.ts';

const tags = ['Roles'];
const refusals = ['permission-missing', 'cannot-grant'] as const;

/** Names of the presets and of the account's own roles, with what each holds. */
export const roleRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  const { db } = service;

  app.get('/v1/accounts/:accountId/roles', {
    schema: {
      tags,
      operationId: 'listRoles',
      summary: 'List roles',
      description: 'What can be given in the account as a role: its own roles, and the presets. Any member may.',
      params: AccountParams,
      querystring: RolesQuery,
      response: { 200: answer(RolePage, 'A page of roles.'), ...problemResponses() },
    },
    handler: async ({ caller, params: { accountId }, query: { limit = 50, cursor } }) => {
      await enterAccount(db, caller, accountId);
      const rows = await listRoles(db, accountId, { limit, ...(cursor && { cursor: cursor as RoleId }) });
      return page(rows, limit, (it) => it.id, toRoleView);
    },
  });

  app.post('/v1/accounts/:accountId/roles', {
    schema: {
      tags,
      operationId: 'createRole',
      summary: 'Make a role',
      description: 'Needs `roles:manage`, and every permission that it holds.',
      params: AccountParams,
      body: ref(NewRole),
      response: { 201: answer(Role, 'The role.'), ...problemResponses(...refusals, 'name-taken') },
    },
    handler: async ({ caller, params, body }, reply) =>
      reply.code(201).send(toRoleView(await createRole(service, caller, params.accountId, body))),
  });

  app.get('/v1/accounts/:accountId/roles/:roleId', {
    schema: {
      tags,
      operationId: 'getRole',
      summary: 'Get a role',
      description: 'One of the account’s own, or a preset. Any member may.',
      params: RoleParams,
      response: { 200: answer(Role, 'The role.'), ...problemResponses() },
    },
    handler: async ({ caller, params: { accountId, roleId } }) => {
      await enterAccount(db, caller, accountId);
      const role = await findRole(db, accountId, roleId);
      if (!role) throw new Problem('not-found');
      return toRoleView(role);
    },
  });

  app.patch('/v1/accounts/:accountId/roles/:roleId', {
    schema: {
      tags,
      operationId: 'changeRole',
      summary: 'Change a role',
      description:
        'What its holders may do changes with it, from their next request on. Needs `roles:manage`, and every permission that it held and will hold; nobody may hold it who holds more than you.',
      params: RoleParams,
      body: ref(RoleChanges),
      response: { 200: answer(Role, 'The role as it is now.'), ...problemResponses(...refusals, 'name-taken') },
    },
    handler: async ({ caller, params: { accountId, roleId }, body }) =>
      toRoleView(await changeRole(service, caller, accountId, roleId, body)),
  });

  app.delete('/v1/accounts/:accountId/roles/:roleId', {
    schema: {
      tags,
      operationId: 'deleteRole',
      summary: 'Delete a role',
      description: 'One that nobody holds, and no pending invite gives. Needs what changing it needs.',
      params: RoleParams,
      response: { 204: nothing('There is no such role any more.'), ...problemResponses(...refusals, 'role-in-use') },
    },
    handler: async ({ caller, params: { accountId, roleId } }, reply) => {
      await deleteRole(service, caller, accountId, roleId);
      return reply.code(204).send(null);
    },
  });
};
