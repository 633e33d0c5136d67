import rateLimit, { type FastifyRateLimitStore, type FastifyRateLimitStoreCtor } from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Counters } from '../limits/counters.ts';
import { keyOf, type LimitName, type RateLimits, tooManyRequests } from '../limits/limits.ts';
import { networkOf } from './network.ts';

/** The limits that are counted by network alone. */
type NetworkLimit = Exclude<Extract<LimitName, `${string}.network`>, 'request.network'>;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What requests to this route count as, by the network that they come from. Routes that name the same count together. */
    networkLimit?: NetworkLimit;
  }
}

export interface NetworkLimitsOptions {
  counters: Counters;
  limits: RateLimits;
  clock: () => Date;
}

/**
 * Limits the routes that name a `networkLimit`, by network and before a body is read: `RateLimit-*` headers on every answer
 * (draft-ietf-httpapi-ratelimit-headers-06), and `too-many-requests` with `Retry-After` beyond the limit. A request that can't
 * be counted is refused. Comes before the routes.
 */
export async function limitNetworks(app: FastifyInstance, { counters, limits, clock }: NetworkLimitsOptions) {
  if (limits === 'off') return;
  app.addHook('onRequest', countRequests(limits['request.network']));
  app.addHook('onRoute', ({ config }) => {
    const name = config?.networkLimit;
    if (!config || !name) return;
    const { max, window } = limits[name];
    config.rateLimit = { max, timeWindow: window * 1000, keyGenerator: ({ ip }) => keyOf(name, networkOf(ip)) };
  });
  await app.register(rateLimit, {
    global: false,
    hook: 'onRequest',
    enableDraftSpec: true,
    skipOnError: false,
    store: storeOf(counters, clock),
    errorResponseBuilder: ({ routeOptions }, { ttl }) => tooManyRequests(ttl, limitOf(routeOptions)),
  });
}

/**
 * Counts every request by its network, in this replica alone: to ask others would cost more than most requests do. It keeps one network from
 * taking all that a replica has.
 */
function countRequests({ max, window }: { max: number; window: number }) {
  let counts = new Map<string, number>();
  let resetsAt = 0;
  return async ({ requestContext, routeOptions }: FastifyRequest) => {
    if (routeOptions.config.isAlwaysAnswered) return;
    const now = requestContext.now.getTime();
    if (now >= resetsAt) {
      counts = new Map();
      resetsAt = now + window * 1000;
    }
    const { network } = requestContext.client;
    const count = (counts.get(network) ?? 0) + 1;
    counts.set(network, count);
    if (count > max) throw tooManyRequests(resetsAt - now, 'request.network');
  };
}

/** What a refused route is limited by: it was refused because it names one. */
const limitOf = ({ config }: FastifyRequest['routeOptions']) => config.networkLimit as NetworkLimit;

/** The counters as the plugin asks them. Keys name their limit already, so that one store serves all routes. */
function storeOf(counters: Counters, clock: () => Date): FastifyRateLimitStoreCtor {
  const store: FastifyRateLimitStore = {
    incr(key, callback, timeWindow) {
      count(key, timeWindow).then(
        (result) => callback(null, result),
        (error: Error) => callback(error),
      );
    },
    child: () => store,
  };
  async function count(key: string, timeWindow: number) {
    const now = clock();
    const [counted] = await counters.hit([{ key, window: timeWindow / 1000 }], now);
    if (!counted) throw new Error('the counters did not answer');
    return { current: counted.count, ttl: counted.resetsAt.getTime() - now.getTime() };
  }
  /** The plugin calls it with `new`, and takes what it returns. */
  function Store() {
    return store;
  }
  return Store as unknown as FastifyRateLimitStoreCtor;
}
