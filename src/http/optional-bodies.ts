import type { FastifyInstance } from 'fastify';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the route may be called without a body, which is then an empty object. */
    hasOptionalBody?: boolean;
  }
}

/** How the schema of such a route says so to the document. */
const mark = 'x-optional-body';

/** Lets routes that say so be called without a body. Comes before the checks of requests. */
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

/** Says of every operation of the document whether its body is required: the generator takes each for required. */
export function withOptionalBodies<Document>(document: Document): Document {
  const { paths = {} } = document as { paths?: Record<string, Record<string, Operation>> };
  for (const operation of Object.values(paths).flatMap((path) => Object.values(path))) {
    if (!operation[mark]) continue;
    delete operation[mark];
    if (operation.requestBody) operation.requestBody.required = false;
  }
  return document;
}
