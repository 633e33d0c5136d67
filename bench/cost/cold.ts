import { setTimeout } from 'node:timers/promises';
import pg from 'pg';
import { inTurn, medianOf, type Request, type Requests } from './load.ts';

/** Milliseconds that one request takes alone. */
export interface FirstRequests {
  /** The median with connections to Postgres that have run the same request before. */
  warm: number;
  /** The same for the first request on a new connection. */
  cold: number;
  worst: number;
}

/** How many requests are measured of each. */
const count = 11;

/** Measures what a new connection to Postgres costs the first request that uses it. */
export async function measureFirstRequests(
  { databaseUrl, url }: { databaseUrl: string; url: string },
  requests: Requests,
): Promise<FirstRequests> {
  const next = inTurn(requests);
  const admin = new pg.Client({ connectionString: databaseUrl });
  await admin.connect();
  const cold: number[] = [];
  for (let i = 0; i < count; i++) {
    // The service's pool drops the connections, and opens one for the next request.
    await admin.query(`
      select pg_terminate_backend(pid, 1000) from pg_stat_activity
      where application_name = 'usher' and datname = current_database()`);
    await setTimeout(50);
    cold.push(await timeOf(url, next()));
  }
  await admin.end();
  const warm: number[] = [];
  for (let i = 0; i < count; i++) warm.push(await timeOf(url, next()));
  return { warm: medianOf(warm), cold: medianOf(cold), worst: Math.max(...cold) };
}

async function timeOf(url: string, { path, body, ...request }: Request): Promise<number> {
  const begin = performance.now();
  const answer = await fetch(url + path, { ...request, ...(body !== undefined && { body }) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${request.method} ${path}: ${answer.status} ${text}`);
  return performance.now() - begin;
}
