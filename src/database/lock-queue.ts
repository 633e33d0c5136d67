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

interface RowQueue {
  running: number;
  /** In order of arrival. Each is called when it may run. */
  waiting: Set<() => void>;
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
 * `work` takes its own connection. It must not queue again: it would wait for itself.
 * @param row the id of the row, whose prefix names its table.
 * @throws RowBusy at once if too many wait, or after waiting too long.
 */
export async function inLockQueue<T>(db: Db, row: string, work: () => Promise<T>): Promise<T> {
  const queues = queuesFor(db);
  const queue = queues.ofRows.get(row) ?? { running: 0, waiting: new Set() };
  queues.ofRows.set(row, queue);
  if (queue.running >= atOnce) await waitForTurn(queues, queue);
  else queue.running += 1;
  try {
    return await work();
  } finally {
    const [next] = queue.waiting;
    // The next request takes the place of this one.
    if (next) next();
    else queue.running -= 1;
    if (queue.running === 0) queues.ofRows.delete(row);
  }
}

function waitForTurn(queues: Queues, { waiting }: RowQueue): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = () => {
      queues.refused += 1;
      reject(new RowBusy());
    };
    if (waiting.size >= mostWaiting) return refuse();
    const run = () => {
      clearTimeout(timer);
      waiting.delete(run);
      resolve();
    };
    const timer = setTimeout(() => {
      waiting.delete(run);
      refuse();
    }, longestWait);
    waiting.add(run);
  });
}

/** How many requests wait in memory now, and how many were refused since the start. */
export function lockQueueState(db: Db): { waiting: number; refused: number } {
  const { ofRows, refused } = queuesFor(db);
  return { waiting: [...ofRows.values()].reduce((sum, it) => sum + it.waiting.size, 0), refused };
}
