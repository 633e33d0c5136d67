import { and, asc, eq, type SQLWrapper, sql } from 'drizzle-orm';
import { incrementEpochs } from '../../accounts/epoch-store.ts';
import type { Tx } from '../../database/database.ts';
import { accountKeys, invites, platformKeys } from '../../database/schema.ts';
import { equalsLiteral } from '../../database/statements.ts';
import { type AccountId, type ApiKeyId, uuidOf } from '../../ids/ids.ts';

/** How keys end early: by revocation, or by an earlier expiry. */
export type EarlyEnd = { revokedAt: Date } | { notAfter: Date };

const isAnyOf = (column: SQLWrapper, ids: readonly ApiKeyId[]) =>
  sql`${column} = any(${sql.param(ids.map((it) => uuidOf('key', it)))}::text[]::uuid[])`;

/**
 * The column updates that end a key. A revoked key keeps its revocation time; a key that expires
 * earlier keeps its expiry.
 */
const endUpdates = (keys: typeof accountKeys | typeof platformKeys, end: EarlyEnd) =>
  'revokedAt' in end
    ? { revokedAt: sql`coalesce(${keys.revokedAt}, ${sql.param(end.revokedAt, keys.revokedAt)}::timestamptz)` }
    : { expiresAt: sql`least(${keys.expiresAt}, ${sql.param(end.notAfter, keys.expiresAt)}::timestamptz)` };

/**
 * Ends the descendants of keys, level by level. Creating a key locks the key it is created with, or
 * its account, so no key is added to a level once the level above is written.
 * @returns the ids of all descendants.
 */
async function endByLevel(
  roots: readonly ApiKeyId[],
  endLevel: (parents: readonly ApiKeyId[]) => Promise<{ id: ApiKeyId }[]>,
) {
  const all: ApiKeyId[] = [];
  for (let level = roots; level.length > 0; ) {
    level = (await endLevel(level)).map((it) => it.id);
    all.push(...level);
  }
  return all;
}

/**
 * Ends every key that was created with an account key, directly or indirectly. The caller has
 * locked the account.
 * @returns the ids of the ended keys.
 */
export function endDescendantsOfAccountKey(
  tx: Tx,
  accountId: AccountId,
  key: ApiKeyId,
  end: EarlyEnd,
): Promise<ApiKeyId[]> {
  return endByLevel([key], (parents) =>
    tx
      .update(accountKeys)
      .set(endUpdates(accountKeys, end))
      .where(and(eq(accountKeys.accountId, accountId), isAnyOf(accountKeys.madeBy, parents)))
      .returning({ id: accountKeys.id }),
  );
}

/**
 * Ends every key that was created with a platform key, directly or indirectly: first the platform
 * keys, then the account keys, after locking their accounts. The caller has locked the key.
 * @returns the ids of the ended keys.
 */
export async function endDescendantsOfPlatformKey(tx: Tx, key: ApiKeyId, end: EarlyEnd): Promise<ApiKeyId[]> {
  const platformIds = await endByLevel([key], (parents) =>
    tx
      .update(platformKeys)
      .set(endUpdates(platformKeys, end))
      .where(isAnyOf(platformKeys.madeBy, parents))
      .returning({ id: platformKeys.id }),
  );
  const roots = [key, ...platformIds];
  await incrementEpochs(tx, sql`select account_id from account_keys where ${isAnyOf(sql`made_by`, roots)}`);
  const accountIds = await endByLevel(roots, (parents) =>
    tx
      .update(accountKeys)
      .set(endUpdates(accountKeys, end))
      .where(isAnyOf(accountKeys.madeBy, parents))
      .returning({ id: accountKeys.id }),
  );
  return [...platformIds, ...accountIds];
}

/**
 * Revokes the pending invites that were created with any of the keys. Locks them in id order, like
 * every statement that locks several invites; on Citus, which can't lock rows of several accounts,
 * only if `accountId` is set.
 * @param accountId null for all accounts.
 * @returns the number of revoked invites.
 */
export async function revokeInvitesOfKeys(
  tx: Tx,
  accountId: AccountId | null,
  keys: readonly ApiKeyId[],
  { now, isDistributed = false }: { now: Date; isDistributed?: boolean },
): Promise<number> {
  const ofAccount = accountId === null ? undefined : eq(invites.accountId, accountId);
  const isFromKeys = and(ofAccount, isAnyOf(invites.invitedByKey, keys), equalsLiteral(invites.status, 'pending'));
  const selected = tx
    .select({ accountId: invites.accountId, id: invites.id })
    .from(invites)
    .where(isFromKeys)
    .orderBy(asc(invites.accountId), asc(invites.id));
  const canLock = accountId !== null || !isDistributed;
  const pending = tx.$with('theirs').as(canLock ? selected.for('no key update') : selected);
  const revoked = await tx
    .with(pending)
    .update(invites)
    .set({ status: 'revoked', decidedAt: now })
    .from(pending)
    .where(and(eq(invites.accountId, pending.accountId), eq(invites.id, pending.id), isFromKeys))
    .returning({ id: invites.id });
  return revoked.length;
}
