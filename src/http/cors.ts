import type { IncomingHttpHeaders } from 'node:http';
import cors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';

/**
 * Response headers that a page may read, in addition to those that every page may (Fetch Standard,
 * 3.3.5).
 */
const readableHeaders = [
  'Allow',
  'Retry-After',
  'RateLimit-Limit',
  'RateLimit-Remaining',
  'RateLimit-Reset',
  'X-Request-Id',
];

/** Seconds that a browser may cache the answer to a preflight. */
const maxAge = 600;

/**
 * Allows pages of these origins only to call the API from a browser (Fetch Standard, CORS). Pages
 * send their credential in `Authorization`. Cookies are not allowed for any origin.
 */
export async function allowOrigins(app: FastifyInstance, origins: readonly string[] | '*'): Promise<void> {
  if (origins.length === 0) return;
  const options = {
    origin: origins === '*' ? '*' : [...origins],
    credentials: false,
    methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
    allowedHeaders: ['Authorization', 'Content-Type', 'X-Request-Id'],
    exposedHeaders: readableHeaders,
    maxAge,
    strictPreflight: false,
  };
  // An OPTIONS request that is not a preflight is answered as without CORS: no route has that
  // method.
  await app.register(cors, {
    delegator: (request, done) => done(null, { ...options, preflight: isPreflight(request.headers) }),
  });
}

const isPreflight = (headers: IncomingHttpHeaders) =>
  headers.origin !== undefined && headers['access-control-request-method'] !== undefined;
