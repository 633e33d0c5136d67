import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import autocannon from 'autocannon';

export interface Request {
  method: 'GET' | 'POST';
  path: string;
  headers?: Record<string, string>;
  body?: string;
}

/** What the load generator sends: the requests of a list in turn, or a new request each time. */
export type Requests = readonly Request[] | (() => Request);

/** A function that gives the requests one by one. */
export function roundRobin(requests: Requests): () => Request {
  if (typeof requests === 'function') return requests;
  let n = 0;
  return () => requests[n++ % requests.length] as Request;
}

/** A server and its process. */
export interface Target {
  url: string;
  pid: number;
}

export interface Measured {
  perSecond: number;
  /** Milliseconds. */
  p50: number;
  p99: number;
  /** Processor time of the server's process for each request, in milliseconds. */
  cpu: number;
}

/** The load ends after a time, or after an amount of answered requests. */
export type Load = { connections: number } & ({ seconds: number } | { amount: number });

/** Loads a server. @throws if any answer is not 2xx. */
export async function load(
  { url, pid }: Target,
  requests: Requests,
  { connections, ...length }: Load,
): Promise<Measured> {
  // Autocannon ends a run at a sample. The default of one second would double short runs.
  const end = 'amount' in length ? length : { duration: length.seconds };
  const options = { url, connections, sampleInt: 20, ...end, ...requestOptions(requests, connections) };
  const before = await readProcessorTime(pid);
  let start = performance.now();
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const run = autocannon(options, (error, it) => (error ? reject(error) : resolve(it)));
    // Measure from when all requests of the list are built.
    run.once('start', () => {
      start = performance.now();
    });
  });
  const duration = (performance.now() - start) / 1000;
  const cpu = ((await readProcessorTime(pid)) - before) / result.requests.total;
  const { non2xx, errors, statusCodeStats } = result;
  if (non2xx > 0 || errors > 0) throw new Error(`${errors} errors, and ${JSON.stringify(statusCodeStats)}`);
  await untilIdle(pid);
  return { perSecond: result.requests.total / duration, p50: result.latency.p50, p99: result.latency.p99, cpu };
}

function requestOptions(requests: Requests, connections: number): Partial<autocannon.Options> {
  if (typeof requests === 'function') {
    return { requests: [{ method: 'POST', setupRequest: (request) => ({ ...request, ...requests() }) }] };
  }
  // Each connection has its own part of the list. With the same list, all connections would send
  // requests of the same caller at the same time.
  let connection = 0;
  const setupClient = (client: autocannon.Client) => {
    client.setRequests(selectPart(requests, connection++, connections));
  };
  return { setupClient };
}

/** Every `connections`-th request of the list, starting at the index of this connection. */
function selectPart(requests: readonly Request[], connection: number, connections: number): Request[] {
  const first = connection % requests.length;
  return requests.filter((_, at) => at >= first && (at - first) % connections === 0);
}

/** The middle value, or the higher of the two middle values. */
export function median(values: number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Waits at most a second for requests that the load generator aborted. */
async function untilIdle(pid: number): Promise<void> {
  for (let i = 0; i < 20; i++) {
    const before = await readProcessorTime(pid);
    await setTimeout(50);
    if ((await readProcessorTime(pid)) === before) return;
  }
}

/** The processor time of a process in milliseconds. Linux counts in hundredths of a second. */
async function readProcessorTime(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** The memory of a process in megabytes. */
export async function readMemory(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024);
}
