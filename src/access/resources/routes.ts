import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { enterAccount } from '../../accounts/enter.ts';
import { page } from '../../http/paging.ts';
import { problemResponses } from '../../http/problem-schemas.ts';
import { answer, nothing } from '../../http/schemas.ts';
import { requirePermission } from '../../permissions/rules.ts';
import type { Service } from '../../service.ts';
import { forgetResource, registerResource } from './register.ts';
import { Resource, ResourcePage, ResourceParams, ResourcesQuery, ResourceTypeParams } from './schemas.ts';
import { listResources, type ResourceRow } from './store.ts';

const tags = ['Resources'];

/**
 * Resources inside an account, named by the product. Only searches need a resource to be
 * registered: permissions can be granted and checked on unregistered ones.
 */
export const resourceRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  const { db } = service;

  app.get('/v1/accounts/:accountId/resources/:type', {
    schema: {
      tags,
      operationId: 'listResources',
      summary: 'List the registered resources of a type',
      description:
        'Ordered by id. Requires `resources:manage`. To find the resources that a user may act on, use the resource search.',
      params: ResourceTypeParams,
      querystring: ResourcesQuery,
      response: { 200: answer(ResourcePage, 'A page of resources.'), ...problemResponses('permission-missing') },
    },
    handler: async ({ caller, params: { accountId, type }, query: { limit = 50, cursor } }) => {
      requirePermission(await enterAccount(db, caller, accountId), 'resources:manage');
      const rows = await listResources(db, accountId, type, { limit, ...(cursor !== undefined && { cursor }) });
      return page(rows, limit, (it) => it.id, toResourceView);
    },
  });

  app.put('/v1/accounts/:accountId/resources/:type/:id', {
    schema: {
      tags,
      operationId: 'registerResource',
      summary: 'Register a resource',
      description:
        'Lets searches find the resource for members who have a permission on its whole type. Repeating the call changes nothing. Requires `resources:manage`.',
      params: ResourceParams,
      response: { 200: answer(Resource, 'The resource.'), ...problemResponses('permission-missing') },
    },
    handler: async ({ caller, params }) => toResourceView(await registerResource(service, caller, params)),
  });

  app.delete('/v1/accounts/:accountId/resources/:type/:id', {
    schema: {
      tags,
      operationId: 'forgetResource',
      summary: 'Unregister a resource',
      description: 'Grants on it remain. Requires `resources:manage`.',
      params: ResourceParams,
      response: { 204: nothing('The resource was unregistered.'), ...problemResponses('permission-missing') },
    },
    handler: async ({ caller, params }, reply) => {
      await forgetResource(service, caller, params);
      return reply.code(204).send(null);
    },
  });
};

const toResourceView = ({ type, id, createdAt }: ResourceRow) => ({ type, id, createdAt });
