import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { DatabaseSetupError } from './session-settings.ts';

/** Each round detects an unsuitable pooler with a probability of at least 3/4. */
const rounds = 6;

/** duplicate_prepared_statement, invalid_sql_statement_name. */
const lostStatementCodes = ['42P05', '26000'];

/**
 * Checks that each client keeps its own prepared statements. Behind a pooler in transaction mode
 * that does not support them (PgBouncer before 1.21), a client finds no statement under its name,
 * or another client's.
 * @throws DatabaseSetupError if it does not.
 */
export async function requirePreparedStatements(connect: () => Promise<pg.Client>): Promise<void> {
  const one = await connect();
  try {
    const other = await connect();
    try {
      for (let round = 0; round < rounds; round += 1) {
        if (!(await keepsStatementsApart(one, other))) throw new DatabaseSetupError(message);
      }
    } finally {
      void other.end().catch(() => {});
    }
  } finally {
    void one.end().catch(() => {});
  }
}

const message =
  'the pooler between Usher and the database does not keep prepared statements in transaction mode: set DATABASE_PREPARED_STATEMENTS=off, or use PgBouncer 1.21 or newer with max_prepared_statements above 0, or pool_mode = session';

/** Prepares a different statement under the same name in each client, and runs each twice. */
async function keepsStatementsApart(one: pg.Client, other: pg.Client): Promise<boolean> {
  const name = `usher_probe_${randomBytes(8).toString('hex')}`;
  try {
    for (const [client, number] of [
      [one, 1],
      [other, 2],
      [one, 1],
      [other, 2],
    ] as const) {
      const { rows } = await client.query({ name, text: `select ${number} as number` });
      if (rows[0]?.number !== number) return false;
    }
    return true;
  } catch (error) {
    if (error instanceof pg.DatabaseError && lostStatementCodes.includes(error.code ?? '')) return false;
    throw error;
  }
}
