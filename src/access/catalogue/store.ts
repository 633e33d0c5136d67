import { asc, getTableColumns, notInArray, sql } from 'drizzle-orm';
import type { Db, Tx } from '../../database/database.ts';
import { catalogue, permissions } from '../../database/schema.ts';
import { prepared } from '../../database/statements.ts';

export type PermissionRow = typeof permissions.$inferSelect;

const selectAll = prepared('list_catalogue', (db) => db.select().from(permissions).orderBy(asc(permissions.position)));

/** The catalogue, in display order. */
export const listPermissions = (db: Db): Promise<PermissionRow[]> => selectAll(db).execute();

/** Increments the version, which counts the changes of the catalogue and of the presets. */
export async function incrementVersion(tx: Tx): Promise<void> {
  await tx.update(catalogue).set({ version: sql`${catalogue.version} + 1` });
}

/** The name of the lock queue for the catalogue, which is locked by its single row. */
export const catalogueRow = 'catalogue';

/** Replaces the whole catalogue. */
export async function replacePermissions(tx: Tx, rows: PermissionRow[]): Promise<void> {
  const keys = rows.map((it) => it.key);
  await tx.delete(permissions).where(notInArray(permissions.key, keys));
  const updates = Object.fromEntries(
    Object.entries(getTableColumns(permissions))
      .filter(([, column]) => column.name !== 'key')
      .map(([name, column]) => [name, sql.raw(`excluded."${column.name}"`)]),
  );
  await tx.insert(permissions).values(rows).onConflictDoUpdate({ target: permissions.key, set: updates });
}
