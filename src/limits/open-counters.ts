import type { FastifyBaseLogger } from 'fastify';
import type { DatabaseChoice, Db } from '../database/database.ts';
import type { Counters } from './counters.ts';
import { memoryCounters } from './memory.ts';
import { postgresCounters } from './postgres.ts';

/** Counts where all replicas see it: in Redis where there is one, else in Postgres. The embedded database has one process. */
export async function openCounters(
  { redisUrl, database }: { redisUrl: string | undefined; database: DatabaseChoice },
  db: Db,
  log: FastifyBaseLogger,
): Promise<Counters> {
  if (redisUrl !== undefined) return (await import('./redis.ts')).redisCounters(redisUrl, log);
  return database.kind === 'postgres' ? postgresCounters(db) : memoryCounters();
}
