import { eq, sql } from 'drizzle-orm';
import type { Db } from '../database/database.ts';
import { accounts, catalogue } from '../database/schema.ts';
import { placeholderFor, prepared } from '../database/statements.ts';
import type { AccountId } from '../ids/ids.ts';

const epoch = prepared('find_epoch', (db) =>
  db
    .select({ epoch: sql<number>`${accounts.epoch} + ${catalogue.version}`.mapWith(Number) })
    .from(accounts)
    .innerJoin(catalogue, sql`true`)
    .where(eq(accounts.id, placeholderFor(accounts.id, 'accountId'))),
);

/**
 * A number that moves with every change of who may do what in an account: in the account itself, in the catalogue, or in the
 * presets, which are every account's.
 */
export async function findEpoch(db: Db, accountId: AccountId): Promise<number | undefined> {
  const [found] = await epoch(db).execute({ accountId });
  return found?.epoch;
}
