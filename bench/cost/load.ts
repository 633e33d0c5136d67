import { readFile } from 'node:fs/promises';
import autocannon from 'autocannon';

export type Requests = NonNullable<autocannon.Options['requests']>;

/** A server, and the process that it is. */
export interface Target {
  url: string;
  pid: number;
}

export interface Measured {
  perSecond: number;
  /** Milliseconds. */
  p50: number;
  p99: number;
  /** Milliseconds of processor that its process took for each request. */
  cpu: number;
}

/** Loads a server for some seconds. @throws where it answers anything but 2xx. */
export async function load(
  { url, pid }: Target,
  { requests, connections, seconds }: { requests: Requests; connections: number; seconds: number },
): Promise<Measured> {
  const before = await processorOf(pid);
  const result = await autocannon({ url, connections, duration: seconds, requests });
  const cpu = ((await processorOf(pid)) - before) / result.requests.total;
  const { non2xx, errors, statusCodeStats } = result;
  if (non2xx > 0 || errors > 0) throw new Error(`${errors} errors, and ${JSON.stringify(statusCodeStats)}`);
  return { perSecond: result.requests.total / result.duration, p50: result.latency.p50, p99: result.latency.p99, cpu };
}

/** The round in the middle, by its requests per second. */
export function middleOf(rounds: Measured[]): Measured {
  const sorted = rounds.toSorted((one, other) => one.perSecond - other.perSecond);
  return sorted[Math.floor(sorted.length / 2)] as Measured;
}

/** Milliseconds of processor that a process has taken so far (Linux counts them in hundredths of a second). */
async function processorOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Megabytes that a process holds in memory. */
export async function memoryOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024);
}
