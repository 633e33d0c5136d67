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

/** Presets: roles that every account has. Only the platform can create and change them. */
export const presetRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  app.get('/v1/role-presets', {
    schema: {
      tags,
      operationId: 'listRolePresets',
      summary: 'List presets',
      description: 'Presets are roles that every account has, besides its own. Oldest first.',
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
      summary: 'Create a preset',
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
        'Takes effect on the next request of the members who have the preset, in every account. Needs a platform key with `role-presets:manage`.',
      params: PresetParams,
      body: ref(RoleChanges),
      response: { 200: answer(Role, 'The changed preset.'), ...problemResponses(...refusals, 'name-taken') },
    },
    handler: async ({ caller, params, body }) => toRoleView(await changePreset(service, caller, params.roleId, body)),
  });

  app.delete('/v1/role-presets/:roleId', {
    schema: {
      tags,
      operationId: 'deleteRolePreset',
      summary: 'Delete a preset',
      description:
        'Refused while a member or a pending invite has the preset, in any account. Needs a platform key with `role-presets:manage`.',
      params: PresetParams,
      response: { 204: nothing('The preset was deleted.'), ...problemResponses(...refusals, 'role-in-use') },
    },
    handler: async ({ caller, params }, reply) => {
      await deletePreset(service, caller, params.roleId);
      return reply.code(204).send(null);
    },
  });
};
