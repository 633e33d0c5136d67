import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { RequestContext } from '../credentials/caller.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { networkOf } from './network.ts';
import { securityEventLogger } from './security-log.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** When and from where it comes. The same for as long as the request lasts. */
    requestContext: RequestContext;
  }
}

/** UTF-16 units of a `User-Agent` that are looked at. */
const longestUserAgent = 256;

/** Reads the clock once for each request, and where it comes from. */
export function provideRequestContext(
  app: FastifyInstance,
  { clock, metrics }: { clock: () => Date; metrics: Pick<Metrics, 'countSecurityEvent'> },
): void {
  const visits = new WeakMap<FastifyRequest, RequestContext>();
  app.decorateRequest('requestContext', {
    getter(this: FastifyRequest) {
      const known = visits.get(this);
      if (known) return known;
      const requestContext = {
        now: clock(),
        client: clientOf(this),
        logSecurityEvent: securityEventLogger(this, metrics),
      };
      visits.set(this, requestContext);
      return requestContext;
    },
  });
}

function clientOf({ ip, headers }: FastifyRequest) {
  const userAgent = (headers['user-agent'] ?? '').slice(0, longestUserAgent).toWellFormed();
  return { network: networkOf(ip), userAgent };
}
