import { asc, getTableColumns, notInArray, sql } from 'drizzle-orm';
import type { Db, Tx } from '../../database/database.ts';
import { catalogue, permissions } from '../../database/schema.ts';
import { prepared } from '../../database/statements.ts';

export type PermissionRow = typeof permissions.$inferSelect;

const all = prepared('list_catalogue', (db) => db.select().from(permissions).orderBy(asc(permissions.position)));

/** The catalogue, in the order in which it is shown. */
export const listPermissions = (db: Db): Promise<PermissionRow[]> => all(db).execute();

/** How often the catalogue or a preset was changed. */
export async function moveVersion(tx: Tx): Promise<void> {
  await tx.update(catalogue).set({ version: sql`${catalogue.version} + 1` });
}

/** The name of the catalogue's lock queue. The catalogue has one lockable row. */
export const catalogueRow = 'catalogue';

/** Writes a catalogue in the place of the one that is there. */
export async function replacePermissions(tx: Tx, rows: PermissionRow[]): Promise<void> {
  const keys = rows.map((it) => it.key);
  await tx.delete(permissions).where(notInArray(permissions.key, keys));
  const written = Object.fromEntries(
    Object.entries(getTableColumns(permissions))
      .filter(([, column]) => column.name !== 'key')
      .map(([name, column]) => [name, sql.raw(`excluded."${column.name}"`)]),
  );
  await tx.insert(permissions).values(rows).onConflictDoUpdate({ target: permissions.key, set: written });
}
