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
import { newKeyDefaults, toPlatformKeyView } from '../../access/api-keys/view.ts';
import { requirePlatform } from '../../accounts/platform.ts';
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
import { newApiKeySecret } from '../../tokens/api-key-secret.ts';

const scope: PlatformScope = 'platform-keys:manage';

/**
 * Creates a platform key with another one. It may do no more than that key, and ends with it.
 * @returns the key with its secret.
 * @throws platform-key-required, permission-missing, cannot-grant, invalid-request.
 */
export function createPlatformKey({ db }: Service, caller: Caller, body: NewPlatformKey) {
  const expiresAt = requireFutureExpiry(body.expiresAt, caller.now);
  const creation = changeKeys(db, caller, async (tx) => {
    const calling = await lockCallingPlatformKey(tx, caller, scope);
    requireEndWithin(expiresAt, calling);
    const end = limitNewKey(calling, { kind: 'platform', scopes: body.scopes, madeBy: null, expiresAt });
    return insertKey(tx, newRow(body, end, caller.now));
  });
  return logKeyCreated(caller, creation);
}

/**
 * Replaces a platform key with a new one. The old key, and the keys that were created with it,
 * expire after the overlap.
 * @returns the new key with its secret.
 * @throws platform-key-required, permission-missing, cannot-grant, not-found, key-ended.
 */
export function rotatePlatformKey({ db }: Service, caller: Caller, keyId: ApiKeyId, { overlapSeconds }: KeyRotation) {
  const creation = changeKeys(db, caller, async (tx) => {
    const { calling, key } = await lockCallingAndTarget(tx, caller, keyId);
    requireActiveKey(key, caller.now);
    const notAfter = endOfReplacedKey(key, overlapSeconds, caller.now);
    const ended = await endDescendantsOfPlatformKey(tx, keyId, { notAfter });
    const limits = ended.includes(calling.id) ? { ...calling, expiresAt: notAfter } : calling;
    const row = newRow(key, limitNewKey(limits, key, keyId), caller.now);
    await markReplaced(tx, null, keyId, { by: row.id, expiresAt: notAfter });
    return insertKey(tx, row);
  });
  return logKeyCreated(caller, creation);
}

/**
 * Revokes a key and every platform or account key that was created with it; if requested, also the
 * pending invites that were created with any of them. Idempotent.
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

/**
 * Locks the calling key and the key to rotate or revoke.
 * @throws what `lockCallingPlatformKey` throws, and not-found.
 */
async function lockCallingAndTarget(tx: Tx, caller: Caller, keyId: ApiKeyId) {
  const { key, ...calling } = await lockCallingPlatformKey(tx, caller, scope, keyId);
  if (!key) throw new Problem('not-found');
  return { calling, key: { ...key, kind: 'platform' as const } };
}

/**
 * Creates a key for `npm run key`, independent of any other key.
 * @returns its row and its secret.
 */
export async function createFirstPlatformKey(
  db: Db,
  key: { name: string; scopes: string[]; expiresAt: Date | null },
  now: Date,
): Promise<{ row: PlatformKeyRow; text: string }> {
  const { text, hash, ...row } = withSecret(newRow(key, { madeBy: null, expiresAt: key.expiresAt }, now));
  await insertPlatformKey(db, { ...row, hash });
  return { row: { ...row, hash }, text };
}

/**
 * Changes platform keys. The calling key is verified before anything is locked, and `change`
 * verifies it again. Changes are serialised across all replicas: if a key rotates itself while the
 * key that created it is revoked, then either it or its successor is revoked too.
 */
async function changeKeys<T>(db: Db, caller: Caller, change: (tx: Tx) => Promise<T>): Promise<T> {
  await requirePlatform(db, caller, scope);
  const work = async (tx: Tx) => {
    await lockCatalogue(tx);
    return change(tx);
  };
  return inLockQueue(db, lockQueue, () => transaction(db, work), caller.apiKey?.id);
}

/** One queue for all platform keys: there are few, and a change may lock several. */
const lockQueue = 'platform-keys';

function newRow(
  { name, scopes }: { name: string; scopes: readonly string[] },
  { madeBy, expiresAt }: Pick<PlatformKeyRow, 'madeBy' | 'expiresAt'>,
  createdAt: Date,
): Omit<PlatformKeyRow, 'hash'> {
  return { ...newKeyDefaults, id: newId('key'), name, scopes: [...scopes].sort(), madeBy, expiresAt, createdAt };
}

const withSecret = (row: Omit<PlatformKeyRow, 'hash'>) => ({
  ...row,
  ...newApiKeySecret({ kind: 'platform', id: row.id }),
});

async function insertKey(db: Db, row: Omit<PlatformKeyRow, 'hash'>) {
  const { text, ...key } = withSecret(row);
  await insertPlatformKey(db, key);
  return { ...toPlatformKeyView(key, row.createdAt), secret: text };
}
