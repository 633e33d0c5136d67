import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Caller, RequestContext } from '../credentials/caller.ts';
import { Problem } from '../problems/problem.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who makes the request. Reading it on a public route is a mistake of ours and throws. */
    caller: Caller;
    /** The same on a route where a credential is optional. */
    optionalCaller: Caller | undefined;
  }
}

/** What a route's schema says about credentials, in OpenAPI's words. A route that says nothing asks for one. */
export const publicRoute: Record<string, string[]>[] = [];
export const optionalBearer: Record<string, string[]>[] = [{}, { bearerAuth: [] }];
const bearer: Record<string, string[]>[] = [{ bearerAuth: [] }];

/** The pages of Swagger UI, which a plugin makes and can't say so itself. They hold what `/openapi.json` shows everybody. */
const publicPages = /^\/docs(\/|$)/;

/** Whom an access token names; undefined where it does not verify. */
export type IdentifyCaller = (
  token: string,
  requestContext: RequestContext,
) => Promise<Caller | undefined> | Caller | undefined;

/** Finds out who is calling, on every route that does not say it is public. What they may do is decided later, inside. */
export function authenticateCallers(app: FastifyInstance, identify: IdentifyCaller): void {
  const callers = new WeakMap<FastifyRequest, Caller>();
  app.decorateRequest('optionalCaller', { getter: callerOf });
  app.decorateRequest('caller', {
    getter(this: FastifyRequest) {
      const caller = callers.get(this);
      if (!caller) throw new Error(`${this.routeOptions.url} reads the caller and does not ask for a credential`);
      return caller;
    },
  });
  function callerOf(this: FastifyRequest) {
    return callers.get(this);
  }

  app.addHook('onRoute', (route) => {
    route.schema ??= {};
    route.schema.security ??= publicPages.test(route.url) ? publicRoute : bearer;
    if (route.schema.security.length === 0) return;
    const isOptional = route.schema.security === optionalBearer;
    const authenticate = async (request: FastifyRequest) => {
      if (isOptional && request.headers.authorization === undefined) return;
      const caller = await identify(tokenOf(request.headers.authorization), request.requestContext);
      if (!caller) throw new Problem('unauthenticated');
      callers.set(request, caller);
    };
    route.onRequest = [authenticate, ...[route.onRequest ?? []].flat()];
  });
}

/** Reads `Authorization: Bearer` (RFC 6750). @throws unauthenticated for anything else. */
function tokenOf(header: string | undefined): string {
  const [, token] = /^Bearer +([\w.~+/=-]+) *$/i.exec(header ?? '') ?? [];
  if (token === undefined) throw new Problem('unauthenticated');
  return token;
}
