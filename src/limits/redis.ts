import type { FastifyBaseLogger } from 'fastify';
import { Redis, type RedisOptions } from 'ioredis';
import { type Count, type Counters, windowEnd } from './counters.ts';
import { memoryCounters } from './memory.ts';

const prefix = 'usher:limit:';

/** Milliseconds that Redis has to answer, before a request goes on without it. */
const timeout = 500;
/** Milliseconds between attempts to reconnect, at most. */
const maxReconnectPause = 2_000;

const options = {
  connectionName: 'usher',
  connectTimeout: 2_000,
  commandTimeout: timeout,
  // Closes a silent connection, so that the next request does not wait for it again.
  socketTimeout: timeout,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  retryStrategy: (tries) => Math.min(tries * 100, maxReconnectPause),
  // The primary has become a replica: the host name in the URL now resolves to the new primary.
  reconnectOnError: ({ message }) => message.includes('READONLY'),
} satisfies RedisOptions;

/**
 * Counts in a Redis that the replicas share. While Redis is unavailable, also at the start, this
 * process counts on its own, so that limits still apply per replica. Logs the start and the end of
 * an outage once.
 */
export function redisCounters(url: string, log: Pick<FastifyBaseLogger, 'info' | 'warn'>): Counters {
  const redis = new Redis(url, options);
  const fallback = memoryCounters();
  let isDown = false;

  function noteDown(err?: Error): void {
    if (!isDown) log.warn({ err }, 'Redis is unavailable: this process counts rate limits on its own');
    isDown = true;
  }
  function noteUp(): void {
    if (isDown) log.info('Redis is available again: replicas count rate limits together');
    isDown = false;
  }
  redis.on('error', noteDown).on('reconnecting', () => noteDown());

  return {
    async hit(hits, now) {
      if (hits.length === 0) return [];
      if (redis.status !== 'ready') return fallback.hit(hits, now);
      try {
        const keys = hits.map(({ key }) => prefix + key);
        const ends = hits.map((hit) => windowEnd(hit, now).getTime());
        const counts = (await redis.eval(countUp, keys.length, ...keys, now.getTime(), ...ends)) as number[];
        noteUp();
        return parseCounts(counts, hits);
      } catch (error) {
        noteDown(error as Error);
        return fallback.hit(hits, now);
      }
    },
    async undo(hits) {
      if (hits.length === 0) return;
      if (redis.status !== 'ready') return fallback.undo(hits);
      try {
        const keys = hits.map(({ key }) => prefix + key);
        await redis.eval(countDown, keys.length, ...keys, ...hits.map((it) => it.resetsAt.getTime()));
      } catch (error) {
        noteDown(error as Error);
      }
    },
    async clear(keys) {
      await fallback.clear(keys);
      if (keys.length === 0 || redis.status !== 'ready') return;
      await redis.del(keys.map((it) => prefix + it)).catch(noteDown);
    },
    close: async () => redis.disconnect(),
  };
}

/** Redis runs a script atomically. Its own clock is used only to delete expired keys. */
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

/** The count of each hit. Two hits of one key both get the key's last count. */
function parseCounts(answer: number[], hits: readonly { key: string }[]): Count[] {
  const counts = new Map<string, Count>();
  for (const [i, { key }] of hits.entries()) {
    counts.set(key, { count: answer[2 * i] as number, resetsAt: new Date(answer[2 * i + 1] as number) });
  }
  return hits.map(({ key }) => counts.get(key) as Count);
}
