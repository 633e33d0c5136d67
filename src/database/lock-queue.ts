import type { Db } from './database.ts';

/** Requests per row that run at once: one has the lock, the next waits for it in the database. */
const maxRunning = 2;
/** Requests per row that wait in memory, without a connection. */
const maxWaiting = 50;
/**
 * Milliseconds. Longer than the statement timeout, so that one slow change does not fail the
 * requests behind it.
 */
const maxWait = 20_000;

/** Thrown instead of running work on a row that too many requests wait for. */
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
   * By client, in the order in which clients get their turn. The requests of each client are in
   * order of arrival.
   */
  waiting: Map<string, Waiting[]>;
}

interface Queues {
  rows: Map<string, RowQueue>;
  refused: number;
}

const queuesOf = new WeakMap<Db, Queues>();

function queuesFor(db: Db): Queues {
  const queues = queuesOf.get(db) ?? { rows: new Map<string, RowQueue>(), refused: 0 };
  queuesOf.set(db, queues);
  return queues;
}

/**
 * Runs work that locks a row which any number of requests may lock: an account, a user, an invite,
 * a key. A request that waits for a row in Postgres occupies a connection of the pool, so a few
 * dozen of them would block requests that have nothing to do with that row. Requests for different
 * rows do not wait for each other here.
 *
 * Clients are served round-robin. When the queue is full, the client with the most waiting requests
 * loses its newest one to a client that has at least two fewer. So the requests of one client,
 * however many, delay those of another client by one turn.
 *
 * `work` opens its own connection. It must not enter a queue again: it would wait for itself.
 * @param row the id of the row, whose prefix names its table.
 * @param client identifies the client that waits. It must not be something of which a client can
 * have any number. Requests without a client share one turn.
 * @throws RowBusy at once if too many requests wait, or after waiting too long.
 */
export async function inLockQueue<T>(db: Db, row: string, work: () => Promise<T>, client = ''): Promise<T> {
  const queues = queuesFor(db);
  const queue = queues.rows.get(row) ?? { running: 0, waiting: new Map() };
  queues.rows.set(row, queue);
  if (queue.running >= maxRunning) await waitForTurn(queues, queue, client);
  else queue.running += 1;
  try {
    return await work();
  } finally {
    const next = takeNext(queue);
    // The next request takes the place of this one.
    if (next) next.run();
    else queue.running -= 1;
    if (queue.running === 0) queues.rows.delete(row);
  }
}

function waitForTurn(queues: Queues, queue: RowQueue, client: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const own = queue.waiting.get(client) ?? [];
    const fail = () => {
      queues.refused += 1;
      reject(new RowBusy());
    };
    if (countWaiting(queue) >= maxWaiting && !refuseNewest(queue, own.length + 2)) return fail();
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
      fail();
    };
    const it = { run, refuse };
    const timer = setTimeout(refuse, maxWait);
    queue.waiting.set(client, [...own, it]);
  });
}

/** Takes the oldest request of the client whose turn it is, and moves that client to the end. */
function takeNext({ waiting }: RowQueue): Waiting | undefined {
  const [first] = waiting;
  if (!first) return undefined;
  const [client, requests] = first;
  waiting.delete(client);
  waiting.set(client, requests);
  return requests[0];
}

/** Refuses the newest request of the client with the most requests, if it has at least `min`. */
function refuseNewest({ waiting }: RowQueue, min: number): boolean {
  const [requests] = [...waiting.values()].sort((a, b) => b.length - a.length);
  if (!requests || requests.length < min) return false;
  requests.at(-1)?.refuse();
  return true;
}

function remove({ waiting }: RowQueue, client: string, request: Waiting): void {
  const left = (waiting.get(client) ?? []).filter((it) => it !== request);
  if (left.length === 0) waiting.delete(client);
  else waiting.set(client, left);
}

const countWaiting = ({ waiting }: RowQueue): number =>
  [...waiting.values()].reduce((sum, requests) => sum + requests.length, 0);

/** The number of requests that wait in memory now, and of those refused since the start. */
export function lockQueueState(db: Db): { waiting: number; refused: number } {
  const { rows, refused } = queuesFor(db);
  return { waiting: [...rows.values()].reduce((sum, it) => sum + countWaiting(it), 0), refused };
}
