import { and, asc, desc, eq, inArray, isNull, lt, or, sql } from 'drizzle-orm';
import type { ApiKey } from '../../credentials/caller.ts';
import type { Db, Tx } from '../../database/database.ts';
import { accountKeys, platformKeys, users } from '../../database/schema.ts';
import type { AccountId, ApiKeyId } from '../../ids/ids.ts';

export type AccountKeyRow = typeof accountKeys.$inferSelect;
export type PlatformKeyRow = typeof platformKeys.$inferSelect;

type Paging = { limit: number; cursor?: ApiKeyId };
/** Which keys: an account's, or the platform's. */
export type Holder = AccountId | null;

const isOf = (holder: Holder, id: ApiKeyId) =>
  holder === null ? eq(platformKeys.id, id) : and(eq(accountKeys.accountId, holder), eq(accountKeys.id, id));

const selectAccountKeys = (db: Db) =>
  db
    .select({ key: accountKeys, maker: { id: users.id, name: users.name } })
    .from(accountKeys)
    .innerJoin(users, eq(users.id, accountKeys.userId));

/** The keys of an account, newest first, one more than `limit`. */
export function listAccountKeys(db: Db, accountId: AccountId, { limit, cursor }: Paging) {
  const before = cursor === undefined ? undefined : lt(accountKeys.id, cursor);
  return selectAccountKeys(db)
    .where(and(eq(accountKeys.accountId, accountId), before))
    .orderBy(desc(accountKeys.id))
    .limit(limit + 1);
}

export async function findAccountKey(db: Db, accountId: AccountId, id: ApiKeyId) {
  const [found] = await selectAccountKeys(db).where(and(eq(accountKeys.accountId, accountId), eq(accountKeys.id, id)));
  return found;
}

/** The platform's keys, newest first, one more than `limit`. */
export function listPlatformKeys(db: Db, { limit, cursor }: Paging): Promise<PlatformKeyRow[]> {
  return db
    .select()
    .from(platformKeys)
    .where(cursor === undefined ? undefined : lt(platformKeys.id, cursor))
    .orderBy(desc(platformKeys.id))
    .limit(limit + 1);
}

/** Some of the platform's keys, locked in the order of their ids until the transaction ends. */
export function lockPlatformKeys(tx: Tx, ids: readonly ApiKeyId[]): Promise<PlatformKeyRow[]> {
  return tx
    .select()
    .from(platformKeys)
    .where(inArray(platformKeys.id, [...ids]))
    .orderBy(asc(platformKeys.id))
    .for('no key update');
}

export async function insertAccountKey(tx: Tx, row: AccountKeyRow): Promise<void> {
  await tx.insert(accountKeys).values(row);
}

export async function insertPlatformKey(db: Db, row: PlatformKeyRow): Promise<void> {
  await db.insert(platformKeys).values(row);
}

/** Ends a key at a time, and names the one that takes its place. */
export async function markReplaced(
  tx: Tx,
  holder: Holder,
  id: ApiKeyId,
  replaced: { by: ApiKeyId; expiresAt: Date },
): Promise<void> {
  const changes = { replacedBy: replaced.by, expiresAt: replaced.expiresAt };
  await tx
    .update(holder === null ? platformKeys : accountKeys)
    .set(changes)
    .where(isOf(holder, id));
}

/** Revokes a key; one that was revoked before keeps its time. */
export async function markRevoked(tx: Tx, holder: Holder, id: ApiKeyId, now: Date): Promise<void> {
  const keys = holder === null ? platformKeys : accountKeys;
  const revokedAt = sql`coalesce(${keys.revokedAt}, ${sql.param(now, keys.revokedAt)}::timestamptz)`;
  await tx.update(keys).set({ revokedAt }).where(isOf(holder, id));
}

/** Keeps when a key was last used. Whoever shows another's id changes nothing. */
export async function markUsed(db: Db, key: ApiKey, now: Date, since: Date): Promise<void> {
  const table = key.kind === 'account' ? accountKeys : platformKeys;
  await db
    .update(table)
    .set({ lastUsedAt: now })
    .where(
      and(
        isOf(key.kind === 'account' ? key.accountId : null, key.id),
        eq(table.hash, key.hash),
        isNull(table.revokedAt),
        or(isNull(table.lastUsedAt), lt(table.lastUsedAt, since)),
      ),
    );
}
