import type { FastifyBaseLogger } from 'fastify';
import { Redis, type RedisOptions } from 'ioredis';
import { type Count, type Counters, resetOf } from './counters.ts';
import { memoryCounters } from './memory.ts';

const prefix = 'usher:limit:';

/** Milliseconds that Redis may take to answer, before a request goes on without it. */
const patience = 500;
/** Milliseconds between tries to reach it again, at most. */
const longestPause = 2_000;

const options = {
  connectionName: 'usher',
  connectTimeout: 2_000,
  commandTimeout: patience,
  // A connection that fell silent is given up as well: the next request must not wait for it again.
  socketTimeout: patience,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  retryStrategy: (tries) => Math.min(tries * 100, longestPause),
  // What was the primary is a replica now: the name in the URL leads to the new one.
  reconnectOnError: ({ message }) => message.includes('READONLY'),
} satisfies RedisOptions;

/**
 * Counts in a Redis that the replicas share. It may come late, go away and come back: meanwhile this process counts by
 * itself, since a limit that is counted per replica is still a limit. An outage is logged once, and so is its end.
 */
export function redisCounters(url: string, log: Pick<FastifyBaseLogger, 'info' | 'warn'>): Counters {
  const redis = new Redis(url, options);
  const meanwhile = memoryCounters();
  let isAway = false;

  function noteAway(err?: Error): void {
    if (!isAway) log.warn({ err }, 'Redis is away: this process counts rate limits by itself');
    isAway = true;
  }
  function noteBack(): void {
    if (isAway) log.info('Redis is back: rate limits are counted together again');
    isAway = false;
  }
  redis.on('error', noteAway).on('reconnecting', () => noteAway());

  return {
    async hit(hits, now) {
      if (hits.length === 0) return [];
      if (redis.status !== 'ready') return meanwhile.hit(hits, now);
      try {
        const keys = hits.map(({ key }) => prefix + key);
        const ends = hits.map((hit) => resetOf(hit, now).getTime());
        const counts = (await redis.eval(countUp, keys.length, ...keys, now.getTime(), ...ends)) as number[];
        noteBack();
        return countsIn(counts, hits);
      } catch (error) {
        noteAway(error as Error);
        return meanwhile.hit(hits, now);
      }
    },
    async undo(hits) {
      if (hits.length === 0) return;
      if (redis.status !== 'ready') return meanwhile.undo(hits);
      try {
        const keys = hits.map(({ key }) => prefix + key);
        await redis.eval(countDown, keys.length, ...keys, ...hits.map((it) => it.resetsAt.getTime()));
      } catch (error) {
        noteAway(error as Error);
      }
    },
    async clear(keys) {
      await meanwhile.clear(keys);
      if (keys.length === 0 || redis.status !== 'ready') return;
      await redis.del(keys.map((it) => prefix + it)).catch(noteAway);
    },
    close: async () => redis.disconnect(),
  };
}

/** Redis runs a script as one, so that no other hit comes between. Its own clock only forgets keys that have run out. */
const countUp = `
  local now = tonumber(ARGV[1])
  local answer = {}
  for i, key in ipairs(KEYS) do
    local resetsAt = tonumber(redis.call('HGET', key, 'resetsAt'))
    if not resetsAt or resetsAt <= now then
      resetsAt = tonumber(ARGV[i + 1])
      redis.call('HSET', key, 'count', 0, 'resetsAt', ARGV[i + 1])
      redis.call('PEXPIRE', key, resetsAt - now)
    end
    answer[2 * i - 1] = redis.call('HINCRBY', key, 'count', 1)
    answer[2 * i] = resetsAt
  end
  return answer`;

const countDown = `
  for i, key in ipairs(KEYS) do
    local counted = redis.call('HMGET', key, 'count', 'resetsAt')
    if counted[2] and tonumber(counted[2]) == tonumber(ARGV[i]) and redis.call('HINCRBY', key, 'count', -1) <= 0 then
      redis.call('DEL', key)
    end
  end`;

/** Of a key that was hit twice, the last count holds for both. */
function countsIn(answer: number[], hits: readonly { key: string }[]): Count[] {
  const counts = new Map<string, Count>();
  for (const [i, { key }] of hits.entries()) {
    counts.set(key, { count: answer[2 * i] as number, resetsAt: new Date(answer[2 * i + 1] as number) });
  }
  return hits.map(({ key }) => counts.get(key) as Count);
}
