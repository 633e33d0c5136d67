import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { NewRole, PresetParams, Role, RoleChanges, RolePage, RolesQuery } from '../../access/roles/schemas.ts';
import { listPresets } from '../../access/roles/store.ts';
import { toRoleView } from '../../access/roles/view.ts';
import { requireActiveCaller } from '../../accounts/active-caller.ts';
import { page } from '../../http/paging.ts';
import { problemResponses } from '../../http/problem-schemas.ts';
import { answer, nothing, ref } from '../../http/schemas.ts';
import type { RoleId } from '../../ids/ids.ts';
import type { Service } from '../../service.ts';
import { changePreset, createPreset, deletePreset } from './presets.ts';

const tags = ['Roles'];
const refusals = ['platform-key-required', 'permission-missing'] as const;

/** Roles that are offered to every account: the platform's to make and change. */
export const presetRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  app.get('/v1/role-presets', {
    schema: {
      tags,
      operationId: 'listRolePresets',
      summary: 'List the presets',
      description: 'Roles that are offered to every account.',
      querystring: RolesQuery,
      response: { 200: answer(RolePage, 'A page of presets.'), ...problemResponses() },
    },
    handler: async ({ caller, query: { limit = 50, cursor } }) => {
      await requireActiveCaller(service.db, caller);
      const rows = await listPresets(service.db, { limit, ...(cursor && { cursor: cursor as RoleId }) });
      return page(rows, limit, (it) => it.id, toRoleView);
    },
  });

  app.post('/v1/role-presets', {
    schema: {
      tags,
      operationId: 'createRolePreset',
      summary: 'Make a preset',
      description: 'Needs a platform key with `role-presets:manage`.',
      body: ref(NewRole),
      response: { 201: answer(Role, 'The preset.'), ...problemResponses(...refusals, 'name-taken') },
    },
    handler: async ({ caller, body }, reply) =>
      reply.code(201).send(toRoleView(await createPreset(service, caller, body))),
  });

  app.patch('/v1/role-presets/:roleId', {
    schema: {
      tags,
      operationId: 'changeRolePreset',
      summary: 'Change a preset',
      description:
        'What its holders may do changes with it in every account, from their next request on. Needs a platform key with `role-presets:manage`.',
      params: PresetParams,
      body: ref(RoleChanges),
      response: { 200: answer(Role, 'The preset as it is now.'), ...problemResponses(...refusals, 'name-taken') },
    },
    handler: async ({ caller, params, body }) => toRoleView(await changePreset(service, caller, params.roleId, body)),
  });

  app.delete('/v1/role-presets/:roleId', {
    schema: {
      tags,
      operationId: 'deleteRolePreset',
      summary: 'Delete a preset',
      description:
        'One that nobody holds in any account, and no pending invite gives. Needs a platform key with `role-presets:manage`.',
      params: PresetParams,
      response: { 204: nothing('There is no such preset any more.'), ...problemResponses(...refusals, 'role-in-use') },
    },
    handler: async ({ caller, params }, reply) => {
      await deletePreset(service, caller, params.roleId);
      return reply.code(204).send(null);
    },
  });
};
