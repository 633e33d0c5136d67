import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Caller, RequestContext } from '../credentials/caller.ts';
import { Problem } from '../problems/problem.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The caller. Throws on public routes (programming error). */
    caller: Caller;
    /** The caller, or undefined if the request has no credential. */
    optionalCaller: Caller | undefined;
  }
}

/**
 * Values for `security` in a route's schema, as in OpenAPI. Routes without it require a credential.
 */
export const publicRoute: Record<string, string[]>[] = [];
export const optionalBearer: Record<string, string[]>[] = [{}, { bearerAuth: [] }];
const bearer: Record<string, string[]>[] = [{ bearerAuth: [] }];

/**
 * The pages of Swagger UI: its plugin can't set `security`. They show only what `/openapi.json`
 * does.
 */
const publicPages = /^\/docs(\/|$)/;

/** Finds the caller of an access token or API key; undefined if it is not valid. */
export type IdentifyCaller = (
  token: string,
  requestContext: RequestContext,
) => Promise<Caller | undefined> | Caller | undefined;

/**
 * Authenticates the caller on every route that is not public. Routes check permissions themselves.
 */
export function authenticateCallers(app: FastifyInstance, identify: IdentifyCaller): void {
  const callers = new WeakMap<FastifyRequest, Caller>();
  app.decorateRequest('optionalCaller', { getter: findCaller });
  app.decorateRequest('caller', {
    getter(this: FastifyRequest) {
      const caller = callers.get(this);
      if (!caller) throw new Error(`${this.routeOptions.url} reads the caller but does not require a credential`);
      return caller;
    },
  });
  function findCaller(this: FastifyRequest) {
    return callers.get(this);
  }

  app.addHook('onRoute', (route) => {
    route.schema ??= {};
    route.schema.security ??= publicPages.test(route.url) ? publicRoute : bearer;
    if (route.schema.security.length === 0) return;
    const isOptional = route.schema.security === optionalBearer;
    const authenticate = async (request: FastifyRequest) => {
      if (isOptional && request.headers.authorization === undefined) return;
      const caller = await identify(readBearerToken(request.headers.authorization), request.requestContext);
      if (!caller) throw new Problem('unauthenticated');
      callers.set(request, caller);
    };
    route.onRequest = [authenticate, ...[route.onRequest ?? []].flat()];
  });
}

/** Reads `Authorization: Bearer` (RFC 6750). @throws unauthenticated for anything else. */
function readBearerToken(header: string | undefined): string {
  const [, token] = /^Bearer +([\w.~+/=-]+) *$/i.exec(header ?? '') ?? [];
  if (token === undefined) throw new Problem('unauthenticated');
  return token;
}
