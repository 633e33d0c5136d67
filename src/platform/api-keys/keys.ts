import { lockCallingPlatformKey } from '../../access/api-keys/calling-platform-key.ts';
import { endDescendantsOfPlatformKey, revokeInvitesOfKeys } from '../../access/api-keys/descendants-store.ts';
import { logKeyCreated, logKeyRevoked } from '../../access/api-keys/log.ts';
import {
  endOfReplacedKey,
  limitNewKey,
  requireActiveKey,
  requireEndWithin,
  requireFutureExpiry,
  requireWithinScopes,
} from '../../access/api-keys/rules.ts';
import type { KeyRevocation, KeyRotation, NewPlatformKey } from '../../access/api-keys/schemas.ts';
import { insertPlatformKey, markReplaced, markRevoked, type PlatformKeyRow } from '../../access/api-keys/store.ts';
import { toPlatformKeyView, unused } from '../../access/api-keys/view.ts';
import { requirePlatform } from '../../accounts/platform-entry.ts';
import type { PlatformScope } from '../../accounts/schemas.ts';
import type { Caller } from '../../credentials/caller.ts';
import type { Db, Tx } from '../../database/database.ts';
import { inLockQueue } from '../../database/lock-queue.ts';
import { isDistributed } from '../../database/statements.ts';
import { transaction } from '../../database/transaction.ts';
import { type ApiKeyId, newId } from '../../ids/ids.ts';
import { lockCatalogue } from '../../permissions/store.ts';
import { Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { newApiKeySecret } from '../../tokens/key-text.ts';

const manages: PlatformScope = 'platform-keys:manage';

/**
 * Makes a platform's key with another one: it may do no more than that one, and ends with it.
 * @throws platform-key-required, permission-missing, cannot-grant, invalid-request.
 */
export function createPlatformKey({ db }: Service, caller: Caller, asked: NewPlatformKey) {
  const expiresAt = requireFutureExpiry(asked.expiresAt, caller.now);
  const making = changeKeys(db, caller, async (tx) => {
    const calling = await lockCallingPlatformKey(tx, caller, manages);
    requireEndWithin(expiresAt, calling);
    const ends = limitNewKey(calling, { kind: 'platform', scopes: asked.scopes, madeBy: null, expiresAt });
    return keep(tx, newRow(asked, ends, caller.now));
  });
  return logKeyCreated(caller, making);
}

/**
 * Makes a key that replaces another. The old one is valid until the overlap ends, and so are the
 * keys that were made with it.
 * @throws the same, not-found, key-ended.
 */
export function rotatePlatformKey({ db }: Service, caller: Caller, keyId: ApiKeyId, { overlapSeconds }: KeyRotation) {
  const making = changeKeys(db, caller, async (tx) => {
    const { calling, key } = await lockCallingAndTarget(tx, caller, keyId);
    requireActiveKey(key, caller.now);
    const notAfter = endOfReplacedKey(key, overlapSeconds, caller.now);
    const ended = await endDescendantsOfPlatformKey(tx, keyId, { notAfter });
    const bounding = ended.includes(calling.id) ? { ...calling, expiresAt: notAfter } : calling;
    const row = newRow(key, limitNewKey(bounding, key, keyId), caller.now);
    await markReplaced(tx, null, keyId, { by: row.id, expiresAt: notAfter });
    return keep(tx, row);
  });
  return logKeyCreated(caller, making);
}

/**
 * Revokes a key and every key that was made with it, of the platform and of accounts, at once; if
 * requested, also the pending invites that were made with any of them. Idempotent.
 * @throws platform-key-required, permission-missing, cannot-grant, not-found.
 */
export async function revokePlatformKey(
  { db }: Service,
  caller: Caller,
  keyId: ApiKeyId,
  { revokeInvites = false }: KeyRevocation,
): Promise<void> {
  const invites = await changeKeys(db, caller, async (tx) => {
    const { calling, key } = await lockCallingAndTarget(tx, caller, keyId);
    requireWithinScopes(calling, key);
    await markRevoked(tx, null, keyId, caller.now);
    const ended = await endDescendantsOfPlatformKey(tx, keyId, { revokedAt: caller.now });
    return revokeInvites
      ? revokeInvitesOfKeys(tx, null, [keyId, ...ended], { now: caller.now, isDistributed: isDistributed(db) })
      : undefined;
  });
  logKeyRevoked(caller, { keyId, invites });
}

/** The same, with the key that is rotated or revoked. @throws not-found. */
async function lockCallingAndTarget(tx: Tx, caller: Caller, keyId: ApiKeyId) {
  const { key, ...calling } = await lockCallingPlatformKey(tx, caller, manages, keyId);
  if (!key) throw new Problem('not-found');
  return { calling, key: { ...key, kind: 'platform' as const } };
}

/** Makes a key by an operator's hand, which owes nothing to another. */
export async function makePlatformKey(
  db: Db,
  asked: { name: string; scopes: string[]; expiresAt: Date | null },
  now: Date,
): Promise<{ row: PlatformKeyRow; text: string }> {
  const { text, hash, ...row } = withText(newRow(asked, { madeBy: null, expiresAt: asked.expiresAt }, now));
  await insertPlatformKey(db, { ...row, hash });
  return { row: { ...row, hash }, text };
}

/**
 * What every change of a platform's key shares: the key that is calling is verified before anything
 * is locked, and `change` verifies it again. Changes are serialised across all replicas: a key that
 * rotates itself while its maker is revoked either is revoked with it, or its successor is.
 */
async function changeKeys<T>(db: Db, caller: Caller, change: (tx: Tx) => Promise<T>): Promise<T> {
  await requirePlatform(db, caller, manages);
  const work = async (tx: Tx) => {
    await lockCatalogue(tx);
    return change(tx);
  };
  return inLockQueue(db, platformKeys, () => transaction(db, work), caller.apiKey?.id);
}

/** All platform keys queue up as one: they are few, and a change may lock several. */
const platformKeys = 'platform-keys';

function newRow(
  { name, scopes }: { name: string; scopes: readonly string[] },
  { madeBy, expiresAt }: Pick<PlatformKeyRow, 'madeBy' | 'expiresAt'>,
  createdAt: Date,
): Omit<PlatformKeyRow, 'hash'> {
  return { ...unused, id: newId('key'), name, scopes: [...scopes].sort(), madeBy, expiresAt, createdAt };
}

const withText = (row: Omit<PlatformKeyRow, 'hash'>) => ({
  ...row,
  ...newApiKeySecret({ kind: 'platform', id: row.id }),
});

async function keep(db: Db, row: Omit<PlatformKeyRow, 'hash'>) {
  const { text, ...key } = withText(row);
  await insertPlatformKey(db, key);
  return { ...toPlatformKeyView(key, row.createdAt), secret: text };
}
