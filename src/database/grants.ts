import { sql } from 'drizzle-orm';
import type { Db } from './database.ts';

/**
 * Grants a role what the service needs at run time, on the existing tables and on those of later
 * migrations.
 */
export async function grantTables(db: Db, role: string): Promise<void> {
  const { rows } = (await db.execute(sql`select current_schema() as schema`)) as unknown as {
    rows: { schema: string }[];
  };
  const [schema, to] = [sql.identifier(rows[0]?.schema ?? 'public'), sql.identifier(role)];
  const rights = sql.raw('select, insert, update, delete');
  await db.transaction(async (tx) => {
    await tx.execute(sql`grant usage on schema ${schema} to ${to}`);
    await tx.execute(sql`grant ${rights} on all tables in schema ${schema} to ${to}`);
    await tx.execute(sql`alter default privileges in schema ${schema} grant ${rights} on tables to ${to}`);
  });
}
