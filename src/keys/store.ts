import { and, desc, eq, isNull, lt, or, sql } from 'drizzle-orm';
import type { Db, Tx } from '../database/database.ts';
import { accountKeys, platformKeys, users } from '../database/schema.ts';
import type { AccountId, KeyId } from '../ids.ts';
import type { Key } from '../service.ts';

export type AccountKeyRow = typeof accountKeys.$inferSelect;
export type PlatformKeyRow = typeof platformKeys.$inferSelect;

type Paging = { limit: number; cursor?: KeyId };
/** Which keys: an account's, or the platform's. */
export type Holder = AccountId | null;

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

export async function findAccountKey(db: Db, accountId: AccountId, id: KeyId) {
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

/** A platform's key, held until the transaction ends. */
export async function lockPlatformKey(tx: Tx, id: KeyId): Promise<PlatformKeyRow | undefined> {
  const [found] = await tx.select().from(platformKeys).where(eq(platformKeys.id, id)).for('no key update');
  return found;
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
  id: KeyId,
  replaced: { by: KeyId; expiresAt: Date },
): Promise<void> {
  const changes = { replacedBy: replaced.by, expiresAt: replaced.expiresAt };
  if (holder === null) await tx.update(platformKeys).set(changes).where(eq(platformKeys.id, id));
  else
    await tx
      .update(accountKeys)
      .set(changes)
      .where(and(eq(accountKeys.accountId, holder), eq(accountKeys.id, id)));
}

/** Revokes a key, and every key that was made with it. @returns how many. */
export async function markRevoked(tx: Tx, holder: Holder, id: KeyId, now: Date): Promise<number> {
  const keys = holder === null ? sql`platform_keys` : sql`account_keys`;
  const ofHolder = holder === null ? sql`true` : sql`k.account_id = ${sql.param(holder, accountKeys.accountId)}`;
  const { rows } = (await tx.execute(sql`
    with recursive ended(id) as (
      select k.id from ${keys} k where ${ofHolder} and k.id = ${sql.param(id, accountKeys.id)}
      union select k.id from ${keys} k join ended on k.made_by = ended.id where ${ofHolder})
    update ${keys} k set revoked_at = ${sql.param(now, accountKeys.revokedAt)}
    from ended where k.id = ended.id and ${ofHolder} and k.revoked_at is null
    returning k.id`)) as unknown as { rows: unknown[] };
  return rows.length;
}

/** Keeps when a key was last used. Whoever shows another's id changes nothing. */
export async function markUsed(db: Db, key: Key, now: Date, since: Date): Promise<void> {
  const table = key.kind === 'account' ? accountKeys : platformKeys;
  await db
    .update(table)
    .set({ lastUsedAt: now })
    .where(
      and(
        key.kind === 'account' ? eq(accountKeys.accountId, key.accountId) : undefined,
        eq(table.id, key.id),
        eq(table.hash, key.hash),
        isNull(table.revokedAt),
        or(isNull(table.lastUsedAt), lt(table.lastUsedAt, since)),
      ),
    );
}
