import type { IncomingHttpHeaders } from 'node:http';
import cors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';

/** Headers of an answer that a page may read, beside the few that every page may (Fetch Standard, 3.3.5). */
const readable = ['Allow', 'Retry-After', 'RateLimit-Limit', 'RateLimit-Remaining', 'RateLimit-Reset', 'X-Request-Id'];

/** Seconds for which a browser may remember what it may call. */
const maxAge = 600;

/**
 * Lets pages of these origins, and of no others, call from a browser (Fetch Standard, CORS). A credential is what a page
 * itself puts into `Authorization`: cookies and the like are never allowed, whatever the origin.
 */
export async function allowOrigins(app: FastifyInstance, origins: readonly string[] | '*'): Promise<void> {
  if (origins.length === 0) return;
  const options = {
    origin: origins === '*' ? '*' : [...origins],
    credentials: false,
    methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
    allowedHeaders: ['Authorization', 'Content-Type', 'X-Request-Id'],
    exposedHeaders: readable,
    maxAge,
    strictPreflight: false,
  };
  // OPTIONS that is no preflight is answered as without CORS: no route has that method.
  await app.register(cors, {
    delegator: (request, done) => done(null, { ...options, preflight: isPreflight(request.headers) }),
  });
}

const isPreflight = (headers: IncomingHttpHeaders) =>
  headers.origin !== undefined && headers['access-control-request-method'] !== undefined;
