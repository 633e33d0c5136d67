import { eq, type SQL, sql } from 'drizzle-orm';
import type { Db, Tx } from '../database/database.ts';
import { accounts, catalogue, memberships } from '../database/schema.ts';
import { placeholderFor, prepared } from '../database/statements.ts';
import type { AccountId, UserId } from '../ids/ids.ts';
import { lockCatalogue } from '../permissions/store.ts';

const epoch = prepared('find_epoch', (db) =>
  db
    .select({ epoch: sql<number>`${accounts.epoch} + ${catalogue.version}`.mapWith(Number) })
    .from(accounts)
    .innerJoin(catalogue, sql`true`)
    .where(eq(accounts.id, placeholderFor(accounts.id, 'accountId'))),
);

/**
 * The epoch of an account: a number that changes with every change of who may do what there, be it
 * in the account, in the catalogue or in the presets.
 * @returns undefined if there is no such account.
 */
export async function findEpoch(db: Db, accountId: AccountId): Promise<number | undefined> {
  const [found] = await epoch(db).execute({ accountId });
  return found?.epoch;
}

/**
 * Increments the epochs of several accounts, which locks the accounts. The catalogue is locked
 * first, so that no two transactions lock several accounts at once and deadlock: Citus can't lock
 * them in one order.
 * @param accountIds a query that returns their ids.
 */
export async function incrementEpochs(tx: Tx, accountIds: SQL): Promise<void> {
  await lockCatalogue(tx);
  await tx.execute(sql`update accounts set epoch = epoch + 1 where id in (${accountIds})`);
}

/**
 * Increments the epoch of every account that a user is a member of. Call it before locking any
 * other row of the user.
 */
export function incrementEpochsOfUser(tx: Tx, id: UserId): Promise<void> {
  return incrementEpochs(
    tx,
    sql`select account_id from memberships where user_id = ${sql.param(id, memberships.userId)}`,
  );
}
