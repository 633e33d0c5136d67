import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { requireActiveCaller } from '../../accounts/active-caller.ts';
import { requirePlatform } from '../../accounts/platform.ts';
import { problemResponses } from '../../http/problem-schemas.ts';
import { answer, ref } from '../../http/schemas.ts';
import { toPermissionView, translatePermission } from '../../permissions/view.ts';
import type { Service } from '../../service.ts';
import { declareCatalogue } from './declare.ts';
import {
  CatalogueChange,
  CatalogueDeclaration,
  DeclarationQuery,
  PermissionCatalogue,
  PermissionsQuery,
} from './schemas.ts';
import { listPermissions } from './store.ts';

const tags = ['Permissions'];

/** In bytes: enough for a thousand permissions with several translations. */
const bodyLimit = 2 * 1024 * 1024;

export const catalogueRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  const { db } = service;

  app.get('/v1/permissions', {
    schema: {
      tags,
      operationId: 'listPermissions',
      summary: 'List the permission catalogue',
      description: 'Every permission that can be granted, with title, description and group for a list of check-boxes.',
      querystring: PermissionsQuery,
      response: { 200: answer(PermissionCatalogue, 'The catalogue.'), ...problemResponses() },
    },
    handler: async ({ caller, query: { locale } }) => {
      await requireActiveCaller(db, caller);
      const rows = await listPermissions(db);
      return {
        items: rows.map((it) => (locale === undefined ? toPermissionView(it) : translatePermission(it, [locale]))),
      };
    },
  });

  app.put('/v1/permissions', {
    bodyLimit,
    // Checked before the body is read, which may be large.
    onRequest: async ({ caller }) => void (await requirePlatform(db, caller, 'catalogue:manage')),
    schema: {
      tags,
      operationId: 'declareCatalogue',
      summary: 'Declare the permission catalogue',
      description:
        'Replaces the whole catalogue: permissions that are not listed are removed. Usher’s own permissions cannot be removed, but their texts can be changed. A dry run reports what would be added, changed and removed, and where the removed permissions are used. Needs a platform key with `catalogue:manage`.',
      querystring: DeclarationQuery,
      body: ref(CatalogueDeclaration),
      response: {
        200: answer(CatalogueChange, 'The changes made or, for a dry run, the changes it would make.'),
        ...problemResponses('platform-key-required', 'permission-missing', 'permission-in-use', 'catalogue-in-file'),
      },
    },
    handler: ({ caller, body, query: { dryRun, removeInUse } }) => {
      const options = { dryRun: dryRun === 'true', removeInUse: removeInUse === 'true', now: caller.now };
      return declareCatalogue(service, caller, body.permissions, options);
    },
  });
};
