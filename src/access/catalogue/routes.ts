import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { requireActiveCaller } from '../../accounts/active-caller.ts';
import { requirePlatform } from '../../accounts/platform-entry.ts';
import { problemResponses } from '../../http/problem-schemas.ts';
import { answer, ref } from '../../http/schemas.ts';
import { toPermissionView, translatePermission } from '../../permissions/translations.ts';
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

/** Bytes. A thousand permissions with their words in some languages. */
const bodyLimit = 2 * 1024 * 1024;

export const catalogueRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  const { db } = service;

  app.get('/v1/permissions', {
    schema: {
      tags,
      operationId: 'listPermissions',
      summary: 'List the catalogue of permissions',
      description: 'Every permission that can be given, with words for a page that draws them as check-boxes.',
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
    // Before the body, which may be large, is read.
    onRequest: async ({ caller }) => void (await requirePlatform(db, caller, 'catalogue:manage')),
    schema: {
      tags,
      operationId: 'declareCatalogue',
      summary: 'Declare the catalogue of permissions',
      description:
        'As a whole: what is not in it any more is removed, but Usher’s own, which can be worded and not removed. A dry run says what would be added, changed and removed, and whom a removal touches. Needs a platform key with `catalogue:manage`.',
      querystring: DeclarationQuery,
      body: ref(CatalogueDeclaration),
      response: {
        200: answer(CatalogueChange, 'What was changed, or would be.'),
        ...problemResponses('platform-key-required', 'permission-missing', 'permission-in-use', 'catalogue-in-file'),
      },
    },
    handler: ({ caller, body, query: { dryRun, removeInUse } }) => {
      const declaring = { dryRun: dryRun === 'true', removeInUse: removeInUse === 'true', now: caller.now };
      return declareCatalogue(service, caller, body.permissions, declaring);
    },
  });
};
