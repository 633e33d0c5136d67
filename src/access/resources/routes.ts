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

/** Things inside an account, by the product's own names. Access can be given and asked about ones that are not registered, too. */
export const resourceRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  const { db } = service;

  app.get('/v1/accounts/:accountId/resources/:type', {
    schema: {
      tags,
      operationId: 'listResources',
      summary: 'List the registered resources of a type',
      description: 'By their ids. Needs `resources:manage`; a search finds those that someone may act on.',
      params: ResourceTypeParams,
      querystring: ResourcesQuery,
      response: { 200: answer(ResourcePage, 'A page of resources.'), ...problemResponses('permission-missing') },
    },
    handler: async ({ caller, params: { accountId, type }, query: { limit = 50, cursor } }) => {
      requirePermission(await enterAccount(db, caller, accountId), 'resources:manage');
      const rows = await listResources(db, accountId, type, { limit, ...(cursor !== undefined && { cursor }) });
      return page(rows, limit, (it) => it.id, resourceOf);
    },
  });

  app.put('/v1/accounts/:accountId/resources/:type/:id', {
    schema: {
      tags,
      operationId: 'registerResource',
      summary: 'Register a resource',
      description:
        'Makes a thing of the product’s own known, so that searches find it for those who may act on all of its type. Needs `resources:manage`.',
      params: ResourceParams,
      response: { 200: answer(Resource, 'The resource.'), ...problemResponses('permission-missing') },
    },
    handler: async ({ caller, params }) => resourceOf(await registerResource(service, caller, params)),
  });

  app.delete('/v1/accounts/:accountId/resources/:type/:id', {
    schema: {
      tags,
      operationId: 'forgetResource',
      summary: 'Forget a resource',
      description: 'Grants that name it stay as they are. Needs `resources:manage`.',
      params: ResourceParams,
      response: { 204: nothing('It is not registered any more.'), ...problemResponses('permission-missing') },
    },
    handler: async ({ caller, params }, reply) => {
      await forgetResource(service, caller, params);
      return reply.code(204).send(null);
    },
  });
};

const resourceOf = ({ type, id, createdAt }: ResourceRow) => ({ type, id, createdAt });
