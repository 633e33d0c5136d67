import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { problems } from '../http/problem-schemas.ts';
import { answer } from '../http/schemas.ts';
import type { Service } from '../service.ts';
import { requireUser } from '../users/sessions/session.ts';
import { PermissionCatalogue } from './schemas.ts';

export const permissionRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  app.get('/v1/permissions', {
    schema: {
      tags: ['Permissions'],
      operationId: 'listPermissions',
      summary: 'List the catalogue of permissions',
      description: 'Every permission that can be given, with words for a page that draws them as check-boxes.',
      response: { 200: answer(PermissionCatalogue, 'The catalogue.'), ...problems() },
    },
    handler: async ({ caller }) => {
      await requireUser(service.db, caller);
      return { items: [...service.catalogue.permissions] };
    },
  });
};
