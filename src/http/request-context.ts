import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Visit } from '../credentials/caller.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { networkOf } from './network.ts';
import { auditTo } from './security-log.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** When and from where it comes. The same for as long as the request lasts. */
    visit: Visit;
  }
}

/** UTF-16 units of a `User-Agent` that are looked at. */
const longestUserAgent = 256;

/** Reads the clock once for each request, and where it comes from. */
export function recordVisits(
  app: FastifyInstance,
  { clock, metrics }: { clock: () => Date; metrics: Pick<Metrics, 'countSecurityEvent'> },
): void {
  const visits = new WeakMap<FastifyRequest, Visit>();
  app.decorateRequest('visit', {
    getter(this: FastifyRequest) {
      const known = visits.get(this);
      if (known) return known;
      const visit = { now: clock(), client: clientOf(this), audit: auditTo(this, metrics) };
      visits.set(this, visit);
      return visit;
    },
  });
}

function clientOf({ ip, headers }: FastifyRequest) {
  const userAgent = (headers['user-agent'] ?? '').slice(0, longestUserAgent).toWellFormed();
  return { network: networkOf(ip), userAgent };
}
