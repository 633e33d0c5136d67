import { setTimeout } from 'node:timers/promises';
import pg from 'pg';
import { median, type Request, type Requests, roundRobin } from './load.ts';

/** The duration of a single request in milliseconds. */
export interface FirstRequests {
  /** The median on connections that have run the same request before. */
  warm: number;
  /** The median of the first request on a new connection. */
  cold: number;
  worst: number;
}

/** How many requests of each are measured. */
const count = 11;

/** Measures how much a new connection to Postgres slows down the first request on it. */
export async function measureFirstRequests(
  { databaseUrl, url }: { databaseUrl: string; url: string },
  requests: Requests,
): Promise<FirstRequests> {
  const next = roundRobin(requests);
  const admin = new pg.Client({ connectionString: databaseUrl });
  await admin.connect();
  const cold: number[] = [];
  for (let i = 0; i < count; i++) {
    // The service's pool drops the connections, and opens a new one for the next request.
    await admin.query(`
      select pg_terminate_backend(pid, 1000) from pg_stat_activity
      where application_name = 'usher' and datname = current_database()`);
    await setTimeout(50);
    cold.push(await measure(url, next()));
  }
  await admin.end();
  const warm: number[] = [];
  for (let i = 0; i < count; i++) warm.push(await measure(url, next()));
  return { warm: median(warm), cold: median(cold), worst: Math.max(...cold) };
}

async function measure(url: string, { path, body, ...request }: Request): Promise<number> {
  const start = performance.now();
  const answer = await fetch(url + path, { ...request, ...(body !== undefined && { body }) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${request.method} ${path}: ${answer.status} ${text}`);
  return performance.now() - start;
}
