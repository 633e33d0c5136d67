import type { FastifyInstance, FastifyRequest } from 'fastify';
import { networkOf } from '../limits/network.ts';
import type { Service, Visit } from '../service.ts';
import { auditTo } from './audit.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** When and from where it comes. The same for as long as the request lasts. */
    visit: Visit;
  }
}

/** UTF-16 units of a `User-Agent` that are looked at. */
const longestUserAgent = 256;

/** Reads the clock once for each request, and where it comes from. */
export function recordVisits(app: FastifyInstance, { clock, metrics }: Pick<Service, 'clock' | 'metrics'>): void {
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
