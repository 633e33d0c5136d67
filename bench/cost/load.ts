import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import autocannon from 'autocannon';

export interface Request {
  method: 'GET' | 'POST';
  path: string;
  headers?: Record<string, string>;
  body?: string;
}

/** What the load generator sends: a list in turn, or a new request each time. */
export type Requests = readonly Request[] | (() => Request);

/** Gives the requests one by one. */
export function inTurn(requests: Requests): () => Request {
  if (typeof requests === 'function') return requests;
  let n = 0;
  return () => requests[n++ % requests.length] as Request;
}

/** A server, and its process. */
export interface Target {
  url: string;
  pid: number;
}

export interface Measured {
  perSecond: number;
  /** Milliseconds. */
  p50: number;
  p99: number;
  /** Milliseconds of processor time of the server's process for each request. */
  cpu: number;
}

/** How long a load lasts: some seconds, or until so many requests are answered. */
export type Load = { connections: number } & ({ seconds: number } | { amount: number });

/** Loads a server. @throws if it answers anything but 2xx. */
export async function load(
  { url, pid }: Target,
  requests: Requests,
  { connections, ...length }: Load,
): Promise<Measured> {
  // Autocannon ends a run at a sample: by default once a second, which would double short runs.
  const end = 'amount' in length ? length : { duration: length.seconds };
  const options = { url, connections, sampleInt: 20, ...end, ...sending(requests, connections) };
  const before = await processorTimeOf(pid);
  let begin = performance.now();
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const run = autocannon(options, (error, it) => (error ? reject(error) : resolve(it)));
    // The time begins once all requests of the list are built.
    run.once('start', () => {
      begin = performance.now();
    });
  });
  const duration = (performance.now() - begin) / 1000;
  const cpu = ((await processorTimeOf(pid)) - before) / result.requests.total;
  const { non2xx, errors, statusCodeStats } = result;
  if (non2xx > 0 || errors > 0) throw new Error(`${errors} errors, and ${JSON.stringify(statusCodeStats)}`);
  await untilIdle(pid);
  return { perSecond: result.requests.total / duration, p50: result.latency.p50, p99: result.latency.p99, cpu };
}

function sending(requests: Requests, connections: number): Partial<autocannon.Options> {
  if (typeof requests === 'function') {
    return { requests: [{ method: 'POST', setupRequest: (request) => ({ ...request, ...requests() }) }] };
  }
  // Each connection has its own part of the list: with the same list, all connections would send
  // the request of one caller at a time.
  let connection = 0;
  const setupClient = (client: autocannon.Client) => {
    client.setRequests(partOf(requests, connection++, connections));
  };
  return { setupClient };
}

/** Every `connections`-th request of the list, from the place of this connection on. */
function partOf(requests: readonly Request[], connection: number, connections: number): Request[] {
  const first = connection % requests.length;
  return requests.filter((_, at) => at >= first && (at - first) % connections === 0);
}

/** The value in the middle; of an even number, the higher of the two. */
export function medianOf(values: number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Waits, a second at most, for the requests on which the load generator hung up. */
async function untilIdle(pid: number): Promise<void> {
  for (let i = 0; i < 20; i++) {
    const before = await processorTimeOf(pid);
    await setTimeout(50);
    if ((await processorTimeOf(pid)) === before) return;
  }
}

/** The processor time of a process in milliseconds. Linux counts it in hundredths of a second. */
async function processorTimeOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** The memory of a process in megabytes. */
export async function memoryOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024);
}
