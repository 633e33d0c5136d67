import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { root } from './root.ts';

/**
 * Whether `TEST_DATABASE_URL` is the coordinator of a Citus cluster, on which every test
 * distributes the tables.
 */
export const isCitus = process.env.TEST_CITUS !== undefined;

/** Distributes the tables of a migrated database, as docs/operators.md describes. */
export async function distribute(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query('create extension citus');
    await client.query('set citus.shard_count = 2');
    for (const statement of await citusStatements()) await client.query(statement);
  } finally {
    await client.end();
  }
}

/** The statements of docs/citus.sql, one by one. */
export async function citusStatements(): Promise<string[]> {
  const text = await readFile(join(root, 'docs/citus.sql'), 'utf8');
  const statements = text.replaceAll(/^\s*--.*$/gm, '').split(/;$/m);
  return statements.map((it) => it.trim()).filter((it) => it !== '');
}
