import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { RequestContext } from '../credentials/caller.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { networkOf } from './network.ts';
import { securityEventLogger } from './security-log.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /**
     * The time, client and security event log of the request. The same during the whole request.
     */
    requestContext: RequestContext;
  }
}

/** UTF-16 units. A longer `User-Agent` is cut. */
const maxUserAgentLength = 256;

/** Gives each request its context. The clock is read once per request. */
export function provideRequestContext(
  app: FastifyInstance,
  { clock, metrics }: { clock: () => Date; metrics: Pick<Metrics, 'countSecurityEvent'> },
): void {
  const contexts = new WeakMap<FastifyRequest, RequestContext>();
  app.decorateRequest('requestContext', {
    getter(this: FastifyRequest) {
      const existing = contexts.get(this);
      if (existing) return existing;
      const requestContext = {
        now: clock(),
        client: clientOf(this),
        logSecurityEvent: securityEventLogger(this, metrics),
      };
      contexts.set(this, requestContext);
      return requestContext;
    },
  });
}

function clientOf({ ip, headers }: FastifyRequest) {
  const userAgent = (headers['user-agent'] ?? '').slice(0, maxUserAgentLength).toWellFormed();
  return { network: networkOf(ip), userAgent };
}
