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

/** Roles: named sets of permissions. An account has its own roles and the presets. */
export const roleRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  const { db } = service;

  app.get('/v1/accounts/:accountId/roles', {
    schema: {
      tags,
      operationId: 'listRoles',
      summary: 'List roles',
      description: 'The account’s own roles and the presets, oldest first. Any member may list them.',
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
      summary: 'Create a role',
      description: 'Requires `roles:manage` and every permission of the role.',
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
      description: 'A role of the account or a preset. Any member may get it.',
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
        'Takes effect on the next request of the members who have the role. Requires `roles:manage` and every permission that the role has before and after the change. Refused if a member with the role has more permissions than you.',
      params: RoleParams,
      body: ref(RoleChanges),
      response: { 200: answer(Role, 'The changed role.'), ...problemResponses(...refusals, 'name-taken') },
    },
    handler: async ({ caller, params: { accountId, roleId }, body }) =>
      toRoleView(await changeRole(service, caller, accountId, roleId, body)),
  });

  app.delete('/v1/accounts/:accountId/roles/:roleId', {
    schema: {
      tags,
      operationId: 'deleteRole',
      summary: 'Delete a role',
      description:
        'Refused while a member or a pending invite has the role. Requires `roles:manage` and every permission of the role.',
      params: RoleParams,
      response: { 204: nothing('The role was deleted.'), ...problemResponses(...refusals, 'role-in-use') },
    },
    handler: async ({ caller, params: { accountId, roleId } }, reply) => {
      await deleteRole(service, caller, accountId, roleId);
      return reply.code(204).send(null);
    },
  });
};
