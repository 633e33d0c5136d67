import pg from 'pg';
import type { DatabaseChoice } from '../../src/database/database.ts';
import { isPostgres, type TestService } from './service.ts';
import { until } from './until.ts';

type Answer = Awaited<ReturnType<TestService['call']>>;
type Request = () => Promise<Answer>;

/** Milliseconds in which requests must have come to the row that is held. */
const patience = 4_000;

/** As many come to the row; those after them wait for one of the service's connections. */
const mostWaiting = 8;

/** What is held, so that requests meet there: SQL of the test's own transaction. */
export type Hold = { statement: string; values: unknown[] };

/** How requests of a service on this database are made to meet at a row. */
export function meetingsOn(choice: DatabaseChoice) {
  /** A transaction of the test's own on the same Postgres. */
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

  /** Waits until as many requests of the service wait for a lock. */
  async function untilWaiting(client: pg.Client, count: number): Promise<void> {
    const question = `select count(*)::int as waiting from pg_stat_activity
    where datname = current_database() and application_name = 'usher' and wait_event_type = 'Lock'`;
    await until(
      `${count} requests to wait for a lock`,
      async () => {
        // Inside a transaction the view is a snapshot of its first look.
        await client.query('select pg_stat_clear_snapshot()');
        const { rows } = await client.query(question);
        return rows[0].waiting >= count;
      },
      patience,
    );
  }

  /**
   * Makes requests meet. On Postgres the test holds a row until they wait for it, in the order given, and then lets go.
   * The embedded database has one connection, and takes them as they come.
   */
  async function meet(hold: Hold, ...requests: Request[]): Promise<Answer[]> {
    if (!isPostgres) return Promise.all(requests.map((request) => request()));
    const answers: Promise<Answer>[] = [];
    await ownTransaction(async (client) => {
      await client.query(hold.statement, hold.values);
      for (const request of requests) {
        answers.push(request());
        await untilWaiting(client, Math.min(answers.length, mostWaiting));
      }
    });
    return Promise.all(answers);
  }

  return { ownTransaction, untilWaiting, meet };
}
