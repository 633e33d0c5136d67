import pg from 'pg';
import { lockQueueState } from '../../src/database/lock-queue.ts';
import { isPostgres, type TestService } from './service.ts';
import { until } from './until.ts';

/** SQL that locks something in the test's own transaction, so that requests wait for it. */
export interface Lock {
  statement: string;
  values: unknown[];
}

/** Milliseconds in which requests must reach the lock. */
const timeout = 10_000;

/** At most so many requests wait for the lock; further ones wait for a connection. */
const maxWaiting = 8;

/** Makes races deterministic: the test locks a row until requests wait for it. Needs Postgres. */
export function createRaces(
  { choice, db }: Pick<TestService, 'choice' | 'db'>,
  ...replicas: Pick<TestService, 'db'>[]
) {
  /** Requests that wait in the lock queues of the service. */
  const queued = () => [db, ...replicas.map((it) => it.db)].reduce((sum, it) => sum + lockQueueState(it).waiting, 0);

  /**
   * Runs a transaction of the test on the same Postgres. It is rolled back unless the test ends it.
   */
  async function ownTransaction<T>(run: (client: pg.Client) => Promise<T>): Promise<T> {
    if (choice.kind !== 'postgres') throw new Error('the embedded database has one connection');
    const client = new pg.Client({ connectionString: choice.url });
    await client.connect();
    try {
      await client.query('begin');
      return await run(client);
    } finally {
      await client.query('rollback');
      await client.end();
    }
  }

  /**
   * Runs `act` while the test has a lock, and releases the lock afterwards.
   * @param act receives a function that waits until so many requests wait for a lock.
   */
  function whileLocked<T>({ statement, values }: Lock, act: (untilWaiting: Wait) => Promise<T>): Promise<T> {
    return ownTransaction(async (client) => {
      await client.query(statement, values);
      return act((count) => untilWaiting(client, count, queued));
    });
  }

  /**
   * Makes requests race. On Postgres, the test has a lock until all of them wait for it, in this
   * order, and then releases it. The embedded database has one connection and runs them in turn.
   */
  async function meet<T>(hold: Lock, ...requests: (() => Promise<T>)[]): Promise<T[]> {
    if (!isPostgres) return Promise.all(requests.map((request) => request()));
    const answers: Promise<T>[] = [];
    await whileLocked(hold, async (untilWaiting) => {
      for (const request of requests) {
        answers.push(request());
        await untilWaiting(Math.min(answers.length, maxWaiting));
      }
    });
    return Promise.all(answers);
  }

  return { ownTransaction, whileLocked, meet };
}

type Wait = (count: number) => Promise<void>;

const countWaiting = `select count(*)::int as waiting from pg_stat_activity
  where datname = current_database() and application_name = 'usher' and wait_event_type = 'Lock'`;

/**
 * Waits until as many requests of the service wait for a lock, in the database or in the service's
 * own queue.
 */
export async function untilWaiting(client: pg.Client, count: number, queued = () => 0): Promise<void> {
  await until(
    `${count} requests to wait for a lock`,
    async () => {
      // Inside a transaction the view is a snapshot of its first use.
      await client.query('select pg_stat_clear_snapshot()');
      const { rows } = await client.query(countWaiting);
      return rows[0].waiting + queued() >= count;
    },
    timeout,
  );
}

interface Answer {
  status: number;
  code: string | undefined;
}

/** Counts answers by status and problem code. */
export function tally(answers: Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status, code } of answers) {
    const kind = code === undefined ? String(status) : `${status} ${code}`;
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}
