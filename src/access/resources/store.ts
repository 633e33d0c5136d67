import { and, asc, eq, gt } from 'drizzle-orm';
import type { Db, Tx } from '../../database/database.ts';
import { resources } from '../../database/schema.ts';
import type { AccountId } from '../../ids/ids.ts';

export type ResourceRow = typeof resources.$inferSelect;
export type ResourceName = Pick<ResourceRow, 'accountId' | 'type' | 'id'>;

/** The resources of one type that an account has registered, by their ids, one more than `limit`. */
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

/** Registers a resource; one that is registered stays as it is. @returns the one that is there now. */
export async function insertResource(tx: Tx, row: ResourceRow): Promise<ResourceRow> {
  const [kept] = await tx
    .insert(resources)
    .values(row)
    .onConflictDoUpdate({ target: [resources.accountId, resources.type, resources.id], set: { type: row.type } })
    .returning();
  return kept as ResourceRow;
}

/** @returns whether there was one. */
export async function deleteResource(tx: Tx, name: ResourceName): Promise<boolean> {
  const deleted = await tx.delete(resources).where(isNamed(name)).returning({ id: resources.id });
  return deleted.length === 1;
}

/** Locks a resource, if it is registered, until the transaction ends. */
export async function lockResource(tx: Tx, name: ResourceName): Promise<void> {
  await tx.select({ id: resources.id }).from(resources).where(isNamed(name)).for('update');
}

const isNamed = ({ accountId, type, id }: ResourceName) =>
  and(eq(resources.accountId, accountId), eq(resources.type, type), eq(resources.id, id));
