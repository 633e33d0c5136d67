import rateLimit, { type FastifyRateLimitStore, type FastifyRateLimitStoreCtor } from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Counters } from '../limits/counters.ts';
import { keyOf, type LimitName, type RateLimits, tooManyRequests } from '../limits/limits.ts';
import { networkOf } from './network.ts';

/** The limits that routes can name. All are counted by network alone. */
type NetworkLimit = Exclude<Extract<LimitName, `${string}.network`>, 'request.network'>;

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * The limit for requests from one network to this route. Routes with the same limit count
     * together.
     */
    networkLimit?: NetworkLimit;
  }
}

export interface NetworkLimitsOptions {
  counters: Counters;
  limits: RateLimits;
  clock: () => Date;
}

/**
 * Limits routes with a `networkLimit`, before the body is read. Their responses have `RateLimit-*`
 * headers (draft-ietf-httpapi-ratelimit-headers-06). Beyond the limit, the answer is
 * `too-many-requests` with `Retry-After`. A request that can't be counted is refused. Register it
 * before the routes.
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
    store: storeFor(counters, clock),
    errorResponseBuilder: ({ routeOptions }, { ttl }) => tooManyRequests(ttl, limitOf(routeOptions)),
  });
}

/**
 * Counts every request by its network, so that one network cannot use up a replica. Each replica
 * counts separately: a shared count would cost more than most requests.
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

/** The limit of a refused route. Only routes with a limit are refused. */
const limitOf = ({ config }: FastifyRequest['routeOptions']) => config.networkLimit as NetworkLimit;

/**
 * Adapts the counters to the plugin. Keys contain the name of their limit, so one store serves all
 * routes.
 */
function storeFor(counters: Counters, clock: () => Date): FastifyRateLimitStoreCtor {
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
  /** The plugin calls this with `new` and uses the returned store. */
  function Store() {
    return store;
  }
  return Store as unknown as FastifyRateLimitStoreCtor;
}
