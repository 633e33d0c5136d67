import { sql } from 'drizzle-orm';
import type { Db } from '../../src/database/database.ts';

/** The content of every table as text, by table, to check what must not be stored. */
export async function tablesAsText(db: Db): Promise<Map<string, string>> {
  const tables = await rowsOf<{ name: string }>(
    db,
    sql`select table_name as name from information_schema.tables where table_schema = 'public'`,
  );
  const texts = new Map<string, string>();
  for (const { name } of tables) {
    const [row] = await rowsOf<{ text: string | null }>(
      db,
      sql`select json_agg(t)::text as text from ${sql.identifier(name)} t`,
    );
    texts.set(name, row?.text ?? '');
  }
  return texts;
}

async function rowsOf<Row>(db: Db, statement: Parameters<Db['execute']>[0]): Promise<Row[]> {
  const { rows } = (await db.execute(statement)) as unknown as { rows: Row[] };
  return rows;
}
