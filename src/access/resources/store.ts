import { and, asc, eq, gt } from 'drizzle-orm';
import type { Db, Tx } from '../../database/database.ts';
import { resources } from '../../database/schema.ts';
import type { AccountId } from '../../ids/ids.ts';

export type ResourceRow = typeof resources.$inferSelect;
export type ResourceKey = Pick<ResourceRow, 'accountId' | 'type' | 'id'>;

/** An account's registered resources of one type, ordered by id, at most `limit` + 1. */
export function listResources(
  db: Db,
  accountId: AccountId,
  type: string,
  { limit, cursor }: { limit: number; cursor?: string },
): Promise<ResourceRow[]> {
  return db
    .select()
    .from(resources)
    .where(
      and(
        eq(resources.accountId, accountId),
        eq(resources.type, type),
        cursor === undefined ? undefined : gt(resources.id, cursor),
      ),
    )
    .orderBy(asc(resources.id))
    .limit(limit + 1);
}

/** Inserts a resource unless it exists. @returns the stored row. */
export async function insertResource(tx: Tx, row: ResourceRow): Promise<ResourceRow> {
  const [stored] = await tx
    .insert(resources)
    .values(row)
    .onConflictDoUpdate({ target: [resources.accountId, resources.type, resources.id], set: { type: row.type } })
    .returning();
  return stored as ResourceRow;
}

/** @returns whether it existed. */
export async function deleteResource(tx: Tx, key: ResourceKey): Promise<boolean> {
  const deleted = await tx.delete(resources).where(hasKey(key)).returning({ id: resources.id });
  return deleted.length === 1;
}

/** Locks a resource, if it is registered, until the end of the transaction. */
export async function lockResource(tx: Tx, key: ResourceKey): Promise<void> {
  await tx.select({ id: resources.id }).from(resources).where(hasKey(key)).for('update');
}

const hasKey = ({ accountId, type, id }: ResourceKey) =>
  and(eq(resources.accountId, accountId), eq(resources.type, type), eq(resources.id, id));
