import type { FastifyInstance } from 'fastify';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the body may be missing. A missing body is the same as an empty object. */
    hasOptionalBody?: boolean;
  }
}

/** Marks the schemas of such routes for `withOptionalBodies`. */
const mark = 'x-optional-body';

/**
 * Allows requests without a body to routes with `hasOptionalBody`. Register it before
 * `checkRequests`.
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

/**
 * Corrects operations with an optional body in the OpenAPI document: the generator marks every body
 * as required.
 */
export function withOptionalBodies<Document>(document: Document): Document {
  const { paths = {} } = document as { paths?: Record<string, Record<string, Operation>> };
  for (const operation of Object.values(paths).flatMap((path) => Object.values(path))) {
    if (!operation[mark]) continue;
    delete operation[mark];
    if (operation.requestBody) operation.requestBody.required = false;
  }
  return document;
}
