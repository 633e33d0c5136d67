import { and, asc, desc, eq, inArray, isNull, lt, or, sql } from 'drizzle-orm';
import type { ApiKey } from '../../credentials/caller.ts';
import type { Db, Tx } from '../../database/database.ts';
import { accountKeys, platformKeys, users } from '../../database/schema.ts';
import type { AccountId, ApiKeyId } from '../../ids/ids.ts';

export type AccountKeyRow = typeof accountKeys.$inferSelect;
export type PlatformKeyRow = typeof platformKeys.$inferSelect;

type Paging = { limit: number; cursor?: ApiKeyId };
/** Selects a key by id. `accountId` is null for a platform key, here and below. */
const isKey = (accountId: AccountId | null, id: ApiKeyId) =>
  accountId === null ? eq(platformKeys.id, id) : and(eq(accountKeys.accountId, accountId), eq(accountKeys.id, id));

const selectAccountKeys = (db: Db) =>
  db
    .select({ key: accountKeys, member: { id: users.id, name: users.name } })
    .from(accountKeys)
    .innerJoin(users, eq(users.id, accountKeys.userId));

/** The keys of an account with the members they act as, newest first, at most `limit` + 1. */
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

/** The platform keys, newest first, at most `limit` + 1. */
export function listPlatformKeys(db: Db, { limit, cursor }: Paging): Promise<PlatformKeyRow[]> {
  return db
    .select()
    .from(platformKeys)
    .where(cursor === undefined ? undefined : lt(platformKeys.id, cursor))
    .orderBy(desc(platformKeys.id))
    .limit(limit + 1);
}

/** Finds platform keys and locks them in id order until the end of the transaction. */
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

/** Sets the expiry of a replaced key, and the id of the key that replaced it. */
export async function markReplaced(
  tx: Tx,
  accountId: AccountId | null,
  id: ApiKeyId,
  replaced: { by: ApiKeyId; expiresAt: Date },
): Promise<void> {
  const changes = { replacedBy: replaced.by, expiresAt: replaced.expiresAt };
  await tx
    .update(accountId === null ? platformKeys : accountKeys)
    .set(changes)
    .where(isKey(accountId, id));
}

/** Revokes a key. A revoked key keeps its revocation time. */
export async function markRevoked(tx: Tx, accountId: AccountId | null, id: ApiKeyId, now: Date): Promise<void> {
  const keys = accountId === null ? platformKeys : accountKeys;
  const revokedAt = sql`coalesce(${keys.revokedAt}, ${sql.param(now, keys.revokedAt)}::timestamptz)`;
  await tx.update(keys).set({ revokedAt }).where(isKey(accountId, id));
}

/**
 * Records when a key was last used, unless that was recorded after `since`. Matches the key's hash,
 * so a forged key with the id of another one changes nothing.
 */
export async function markUsed(db: Db, key: ApiKey, now: Date, since: Date): Promise<void> {
  const table = key.kind === 'account' ? accountKeys : platformKeys;
  await db
    .update(table)
    .set({ lastUsedAt: now })
    .where(
      and(
        isKey(key.kind === 'account' ? key.accountId : null, key.id),
        eq(table.hash, key.hash),
        isNull(table.revokedAt),
        or(isNull(table.lastUsedAt), lt(table.lastUsedAt, since)),
      ),
    );
}
