import { type SQL, sql } from 'drizzle-orm';
import type { Tx } from '../database/database.ts';
import { memberships } from '../database/schema.ts';
import type { UserId } from '../ids/ids.ts';

/**
 * Locks the catalogue: serialises changes of it, and of everything that belongs to no single
 * account.
 */
export async function lockCatalogue(tx: Tx): Promise<void> {
  await tx.execute(sql`select from catalogue for no key update`);
}

/**
 * Moves the epochs of several accounts, which locks them. The catalogue is locked first, so that no
 * two transactions lock several accounts at once and deadlock: Citus can't lock them in one order.
 * @param accountIds a query of their ids.
 */
export async function moveEpochs(tx: Tx, accountIds: SQL): Promise<void> {
  await lockCatalogue(tx);
  await tx.execute(sql`update accounts set epoch = epoch + 1 where id in (${accountIds})`);
}

/** Moves the epoch of every account of a user, before any other row of theirs is locked. */
export function moveEpochsOfUser(tx: Tx, id: UserId): Promise<void> {
  return moveEpochs(tx, sql`select account_id from memberships where user_id = ${sql.param(id, memberships.userId)}`);
}
