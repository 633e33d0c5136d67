import { getTableName, is, sql } from 'drizzle-orm';
import { PgTable } from 'drizzle-orm/pg-core';
import type { Db } from './database.ts';
import * as schema from './schema.ts';
import { DatabaseSetupError } from './session-settings.ts';
import { transaction } from './transaction.ts';

const tablePrivileges = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'];

const tables = Object.values(schema)
  .filter((it) => is(it, PgTable))
  .map(getTableName);

/**
 * Grants a role the privileges that the service needs at run time, on the existing tables and on
 * tables of later migrations.
 */
export async function grantTables(db: Db, role: string): Promise<void> {
  const { rows } = (await db.execute(sql`select current_schema() as schema`)) as unknown as {
    rows: { schema: string }[];
  };
  const [schema, to] = [sql.identifier(rows[0]?.schema ?? 'public'), sql.identifier(role)];
  const rights = sql.raw(tablePrivileges.join(', '));
  await transaction(db, async (tx) => {
    await tx.execute(sql`grant usage on schema ${schema} to ${to}`);
    await tx.execute(sql`grant ${rights} on all tables in schema ${schema} to ${to}`);
    await tx.execute(sql`alter default privileges in schema ${schema} grant ${rights} on tables to ${to}`);
  });
}

/**
 * Verifies that the current role may read and write every table of a migrated database.
 * @throws DatabaseSetupError that names the first table with a missing privilege, and the command
 * that grants it.
 */
export async function requireTablePrivileges(db: Db): Promise<void> {
  const needed = [
    { table: 'migrations', rights: ['SELECT'] },
    ...tables.map((table) => ({ table, rights: tablePrivileges })),
  ];
  const { rows } = (await db.execute(sql`
    select current_user as role, needed.table, string_agg(r.name, ', ' order by r.position) as missing
    from json_to_recordset(${JSON.stringify(needed)}::json) as needed("table" text, rights json),
      json_array_elements_text(needed.rights) with ordinality as r(name, position)
    where not has_table_privilege(to_regclass(needed.table), r.name)
    group by needed.table order by needed.table limit 1`)) as unknown as {
    rows: { role: string; table: string; missing: string }[];
  };
  const [first] = rows;
  if (!first) return;
  const { role, table, missing } = first;
  throw new DatabaseSetupError(
    `role "${role}" lacks ${missing} on table "${table}": run "npm run migrate -- --role=${role}" as the role that owns the tables, or GRANT ${tablePrivileges.join(', ')} ON each table TO "${role}"`,
  );
}
