import pg from 'pg';
import { lockQueueState } from '../../src/database/lock-queue.ts';
import { isPostgres, type TestService } from './service.ts';
import { until } from './until.ts';

/** What is held, so that requests meet there: SQL of the test's own transaction. */
export interface Hold {
  statement: string;
  values: unknown[];
}

/** Milliseconds in which requests must have come to what is held. */
const patience = 10_000;

/** As many come to it; those after them wait for one of the service's connections. */
const mostWaiting = 8;

/** Makes races certain: the test holds a row until requests wait for it. Postgres alone can do that. */
export function racesOn({ choice, db }: Pick<TestService, 'choice' | 'db'>, ...replicas: Pick<TestService, 'db'>[]) {
  /** Requests that wait in the service, behind those that wait in the database. */
  const queued = () => [db, ...replicas.map((it) => it.db)].reduce((sum, it) => sum + lockQueueState(it).waiting, 0);

  /** A transaction of the test's own on the same Postgres. It is rolled back, unless the test ends it. */
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
   * Does something while the test holds what it names, and lets go after it.
   * @param act is given a wait until so many requests of the service wait for a lock.
   */
  function whileHeld<T>({ statement, values }: Hold, act: (untilWaiting: Wait) => Promise<T>): Promise<T> {
    return ownTransaction(async (client) => {
      await client.query(statement, values);
      return act((count) => untilWaiting(client, count, queued));
    });
  }

  /**
   * Makes requests meet. On Postgres the test holds something until they wait for it, in the order given, and then lets go.
   * The embedded database has one connection, and takes them as they come.
   */
  async function meet<T>(hold: Hold, ...requests: (() => Promise<T>)[]): Promise<T[]> {
    if (!isPostgres) return Promise.all(requests.map((request) => request()));
    const answers: Promise<T>[] = [];
    await whileHeld(hold, async (untilWaiting) => {
      for (const request of requests) {
        answers.push(request());
        await untilWaiting(Math.min(answers.length, mostWaiting));
      }
    });
    return Promise.all(answers);
  }

  return { ownTransaction, whileHeld, meet };
}

type Wait = (count: number) => Promise<void>;

const question = `select count(*)::int as waiting from pg_stat_activity
  where datname = current_database() and application_name = 'usher' and wait_event_type = 'Lock'`;

/**
 * Waits until as many requests of the service wait for a lock, in the database or in the service's
 * own queue.
 */
export async function untilWaiting(client: pg.Client, count: number, queued = () => 0): Promise<void> {
  await until(
    `${count} requests to wait for a lock`,
    async () => {
      // Inside a transaction the view is a snapshot of its first look.
      await client.query('select pg_stat_clear_snapshot()');
      const { rows } = await client.query(question);
      return rows[0].waiting + queued() >= count;
    },
    patience,
  );
}

interface Answer {
  status: number;
  code: string | undefined;
}

/** How many answers there are of each kind: a status, and a problem's code. */
export function tally(answers: Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status, code } of answers) {
    const kind = code === undefined ? String(status) : `${status} ${code}`;
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}
