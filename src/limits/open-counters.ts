import type { FastifyBaseLogger } from 'fastify';
import type { DatabaseChoice, Db } from '../database/database.ts';
import type { Counters } from './counters.ts';
import { memoryCounters } from './memory.ts';
import { postgresCounters } from './postgres.ts';

/**
 * Opens the counters that all replicas share: in Redis if it is configured, otherwise in Postgres.
 * With the embedded database there is only one process, which counts in memory.
 */
export async function openCounters(
  { redisUrl, database }: { redisUrl: string | undefined; database: DatabaseChoice },
  db: Db,
  log: FastifyBaseLogger,
): Promise<Counters> {
  if (redisUrl !== undefined) return (await import('./redis.ts')).redisCounters(redisUrl, log);
  return database.kind === 'postgres' ? postgresCounters(db) : memoryCounters();
}
