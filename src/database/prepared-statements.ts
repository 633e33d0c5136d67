import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { DatabaseSetupError } from './session-settings.ts';

/**
 * Each round detects such a pooler with a probability of at least three quarters, however it
 * assigns connections.
 */
const rounds = 6;

/** duplicate_prepared_statement, invalid_sql_statement_name. */
const lost = ['42P05', '26000'];

/**
 * Checks that prepared statements stay with their client. Behind a pooler in transaction mode that
 * does not keep them (PgBouncer before 1.21), a client finds another client's statement under the
 * same name, or none.
 * @throws DatabaseSetupError if they don't.
 */
export async function requirePreparedStatements(connect: () => Promise<pg.Client>): Promise<void> {
  const one = await connect();
  try {
    const other = await connect();
    try {
      for (let round = 0; round < rounds; round += 1) {
        if (!(await keepsApart(one, other))) throw new DatabaseSetupError(sentence);
      }
    } finally {
      void other.end().catch(() => {});
    }
  } finally {
    void one.end().catch(() => {});
  }
}

const sentence =
  'the pooler between Usher and the database does not keep prepared statements in transaction mode: set DATABASE_PREPARED_STATEMENTS=off, or use PgBouncer 1.21 or newer with max_prepared_statements above 0, or pool_mode = session';

/** Two statements of one name, each run twice by its client. */
async function keepsApart(one: pg.Client, other: pg.Client): Promise<boolean> {
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
    if (error instanceof pg.DatabaseError && lost.includes(error.code ?? '')) return false;
    throw error;
  }
}
