import type { FastifyInstance } from 'fastify';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the route may be called without a body, which is then an empty object. */
    hasOptionalBody?: boolean;
  }
}

/** Marks the schema of such a route for the OpenAPI document. */
const mark = 'x-optional-body';

/**
 * Lets routes with `hasOptionalBody` be called without a body. Register it before `checkRequests`.
 */
export function allowNoBody(app: FastifyInstance): void {
  app.addHook('onRoute', ({ config, schema }) => {
    if (config?.hasOptionalBody && schema) Object.assign(schema, { [mark]: true });
  });
  app.addHook('preValidation', async (request) => {
    if (request.routeOptions.config.hasOptionalBody && request.body === undefined) request.body = {};
  });
}

interface Operation {
  [mark]?: true;
  requestBody?: { required?: boolean };
}

/** Corrects the operations whose body is optional: the generator marks every body as required. */
export function withOptionalBodies<Document>(document: Document): Document {
  const { paths = {} } = document as { paths?: Record<string, Record<string, Operation>> };
  for (const operation of Object.values(paths).flatMap((path) => Object.values(path))) {
    if (!operation[mark]) continue;
    delete operation[mark];
    if (operation.requestBody) operation.requestBody.required = false;
  }
  return document;
}
