import { getTableColumns, type SQL, sql } from 'drizzle-orm';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';

/** Rows of some columns of a table, for a prepared statement that takes any number of them as one value. */
export interface RowSet<Row> {
  /** The columns' names, parted by commas. */
  columns: SQL;
  /** The rows, to be selected from; each has all columns of the table. */
  rows: SQL;
  /** The value of the placeholder that holds these rows. */
  valueOf(rows: readonly Row[]): string;
}

/**
 * @param placeholder the name under which the statement is given `valueOf(rows)`.
 * @param names the columns that are given; the others get their defaults where only `columns` are inserted.
 */
export function rowSet<Table extends PgTable, Name extends keyof Table['$inferSelect'] & string>(
  table: Table,
  placeholder: string,
  names: readonly Name[],
): RowSet<Pick<Table['$inferSelect'], Name>> {
  const all = getTableColumns(table) as Record<string, PgColumn>;
  const columns = names.map((name) => [name, all[name] as PgColumn] as const);
  const written = (column: PgColumn, value: unknown) => (value === null ? null : column.mapToDriverValue(value));
  const columnNames = columns.map(([, column]) => sql.identifier(column.name));
  return {
    columns: sql.join(columnNames, sql`, `),
    rows: sql`jsonb_populate_recordset(null::${table}, ${sql.placeholder(placeholder)}::jsonb)`,
    valueOf: (rows) =>
      JSON.stringify(
        rows.map((row) =>
          Object.fromEntries(columns.map(([name, column]) => [column.name, written(column, row[name])])),
        ),
      ),
  };
}
