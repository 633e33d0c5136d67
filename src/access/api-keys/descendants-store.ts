import { and, asc, eq, type SQLWrapper, sql } from 'drizzle-orm';
import { moveEpochs } from '../../accounts/epoch-store.ts';
import type { Tx } from '../../database/database.ts';
import { accountKeys, invites, platformKeys } from '../../database/schema.ts';
import { equalsLiteral } from '../../database/statements.ts';
import { type AccountId, type ApiKeyId, uuidOf } from '../../ids/ids.ts';

/** How keys end early: revoked, or with an earlier expiry. */
export type EarlyEnd = { revokedAt: Date } | { notAfter: Date };

const isAnyOf = (column: SQLWrapper, ids: readonly ApiKeyId[]) =>
  sql`${column} = any(${sql.param(ids.map((it) => uuidOf('key', it)))}::text[]::uuid[])`;

/**
 * The changes that end a key. A key that is already revoked keeps its time of revocation; a key
 * that ends earlier keeps its end.
 */
const changesOf = (keys: typeof accountKeys | typeof platformKeys, end: EarlyEnd) =>
  'revokedAt' in end
    ? { revokedAt: sql`coalesce(${keys.revokedAt}, ${sql.param(end.revokedAt, keys.revokedAt)}::timestamptz)` }
    : { expiresAt: sql`least(${keys.expiresAt}, ${sql.param(end.notAfter, keys.expiresAt)}::timestamptz)` };

/**
 * Ends keys level by level: a key that makes others is locked meanwhile (its own row, or its
 * account), so that each level is complete once the one above is written.
 * @returns the ids of the keys on all levels below.
 */
async function throughLevels(
  roots: readonly ApiKeyId[],
  endLevel: (makers: readonly ApiKeyId[]) => Promise<{ id: ApiKeyId }[]>,
) {
  const all: ApiKeyId[] = [];
  for (let level = roots; level.length > 0; ) {
    level = (await endLevel(level)).map((it) => it.id);
    all.push(...level);
  }
  return all;
}

/**
 * Ends every key that was made with an account's key. The caller has locked the account.
 * @returns their ids.
 */
export function endDescendantsOfAccountKey(
  tx: Tx,
  accountId: AccountId,
  key: ApiKeyId,
  end: EarlyEnd,
): Promise<ApiKeyId[]> {
  return throughLevels([key], (makers) =>
    tx
      .update(accountKeys)
      .set(changesOf(accountKeys, end))
      .where(and(eq(accountKeys.accountId, accountId), isAnyOf(accountKeys.madeBy, makers)))
      .returning({ id: accountKeys.id }),
  );
}

/**
 * Ends every key that was made with a platform key: platform keys first, then those of accounts,
 * which it locks in between. The caller has locked the key.
 * @returns their ids.
 */
export async function endDescendantsOfPlatformKey(tx: Tx, key: ApiKeyId, end: EarlyEnd): Promise<ApiKeyId[]> {
  const ofPlatform = await throughLevels([key], (makers) =>
    tx
      .update(platformKeys)
      .set(changesOf(platformKeys, end))
      .where(isAnyOf(platformKeys.madeBy, makers))
      .returning({ id: platformKeys.id }),
  );
  const roots = [key, ...ofPlatform];
  await moveEpochs(tx, sql`select account_id from account_keys where ${isAnyOf(sql`made_by`, roots)}`);
  const ofAccounts = await throughLevels(roots, (makers) =>
    tx
      .update(accountKeys)
      .set(changesOf(accountKeys, end))
      .where(isAnyOf(accountKeys.madeBy, makers))
      .returning({ id: accountKeys.id }),
  );
  return [...ofPlatform, ...ofAccounts];
}

/**
 * Revokes the pending invites that were made with some keys, in one account or in all, locked in
 * the order in which every statement locks several invites, except where Citus distributes them: it
 * can't lock those of several accounts.
 * @returns how many.
 */
export async function revokeInvitesOfKeys(
  tx: Tx,
  accountId: AccountId | null,
  keys: readonly ApiKeyId[],
  { now, isDistributed = false }: { now: Date; isDistributed?: boolean },
): Promise<number> {
  const ofAccount = accountId === null ? undefined : eq(invites.accountId, accountId);
  const isTheirs = and(ofAccount, isAnyOf(invites.invitedByKey, keys), equalsLiteral(invites.status, 'pending'));
  const found = tx
    .select({ accountId: invites.accountId, id: invites.id })
    .from(invites)
    .where(isTheirs)
    .orderBy(asc(invites.accountId), asc(invites.id));
  const mayLock = accountId !== null || !isDistributed;
  const theirs = tx.$with('theirs').as(mayLock ? found.for('no key update') : found);
  const revoked = await tx
    .with(theirs)
    .update(invites)
    .set({ status: 'revoked', decidedAt: now })
    .from(theirs)
    .where(and(eq(invites.accountId, theirs.accountId), eq(invites.id, theirs.id), isTheirs))
    .returning({ id: invites.id });
  return revoked.length;
}
