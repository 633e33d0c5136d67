import type { Db } from './database.ts';

/**
 * How many requests for one row run at once: one has the lock, and the next waits for it in the
 * database.
 */
const atOnce = 2;
/** How many more wait in memory, without a connection. */
const mostWaiting = 50;
/**
 * Milliseconds that a request waits at most: longer than a statement may take, so that one slow
 * change does not fail those behind it.
 */
const longestWait = 20_000;

/** Thrown instead of starting work on a row that too many requests are waiting for. */
export class RowBusy extends Error {
  constructor() {
    super('too many requests are waiting to change the same row');
    this.name = 'RowBusy';
  }
}

interface Waiting {
  run(): void;
  refuse(): void;
}

interface RowQueue {
  running: number;
  /**
   * By client, in the order in which the clients are served; the requests of each in order of
   * arrival.
   */
  waiting: Map<string, Waiting[]>;
}

interface Queues {
  ofRows: Map<string, RowQueue>;
  refused: number;
}

const queuesOf = new WeakMap<Db, Queues>();

function queuesFor(db: Db): Queues {
  const queues = queuesOf.get(db) ?? { ofRows: new Map<string, RowQueue>(), refused: 0 };
  queuesOf.set(db, queues);
  return queues;
}

/**
 * Runs work that locks a row which any number of requests may want to lock: an account, a user, an
 * invite, a key. Requests that wait in Postgres for one row each occupy a connection of the pool,
 * so that a few dozen of them would stop requests that have nothing to do with that row. Work on
 * different rows never waits here.
 *
 * Clients are served round-robin. If all places are taken, a client with more than one place loses
 * its newest to a client that has at least two fewer. So one client's requests, however many, delay
 * those of another client by one turn.
 *
 * `work` takes its own connection. It must not queue again: it would wait for itself.
 * @param row the id of the row, whose prefix names its table.
 * @param client names who is waiting. It must not be something that a client can have any number
 * of. Requests without one share their turns.
 * @throws RowBusy at once if too many wait, or after waiting too long.
 */
export async function inLockQueue<T>(db: Db, row: string, work: () => Promise<T>, client = ''): Promise<T> {
  const queues = queuesFor(db);
  const queue = queues.ofRows.get(row) ?? { running: 0, waiting: new Map() };
  queues.ofRows.set(row, queue);
  if (queue.running >= atOnce) await waitForTurn(queues, queue, client);
  else queue.running += 1;
  try {
    return await work();
  } finally {
    const next = takeNext(queue);
    // The next request takes the place of this one.
    if (next) next.run();
    else queue.running -= 1;
    if (queue.running === 0) queues.ofRows.delete(row);
  }
}

function waitForTurn(queues: Queues, queue: RowQueue, client: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const own = queue.waiting.get(client) ?? [];
    const refused = () => {
      queues.refused += 1;
      reject(new RowBusy());
    };
    if (countWaiting(queue) >= mostWaiting && !refuseNewest(queue, own.length + 2)) return refused();
    const leave = () => {
      clearTimeout(timer);
      remove(queue, client, it);
    };
    const run = () => {
      leave();
      resolve();
    };
    const refuse = () => {
      leave();
      refused();
    };
    const it = { run, refuse };
    const timer = setTimeout(refuse, longestWait);
    queue.waiting.set(client, [...own, it]);
  });
}

/** The oldest request of the client whose turn it is, and moves that client to the end. */
function takeNext({ waiting }: RowQueue): Waiting | undefined {
  const [first] = waiting;
  if (!first) return undefined;
  const [client, requests] = first;
  waiting.delete(client);
  waiting.set(client, requests);
  return requests[0];
}

/** Refuses the newest request of the client with the most, if it has at least so many. */
function refuseNewest({ waiting }: RowQueue, atLeast: number): boolean {
  const [most] = [...waiting.values()].sort((a, b) => b.length - a.length);
  if (!most || most.length < atLeast) return false;
  most.at(-1)?.refuse();
  return true;
}

function remove({ waiting }: RowQueue, client: string, request: Waiting): void {
  const left = (waiting.get(client) ?? []).filter((it) => it !== request);
  if (left.length === 0) waiting.delete(client);
  else waiting.set(client, left);
}

const countWaiting = ({ waiting }: RowQueue): number =>
  [...waiting.values()].reduce((sum, requests) => sum + requests.length, 0);

/** How many requests wait in memory now, and how many were refused since the start. */
export function lockQueueState(db: Db): { waiting: number; refused: number } {
  const { ofRows, refused } = queuesFor(db);
  return { waiting: [...ofRows.values()].reduce((sum, it) => sum + countWaiting(it), 0), refused };
}
