import { requirePlatform } from '../accounts/platform.ts';
import type { Db, Tx } from '../database/database.ts';
import { inLockQueue } from '../database/lock-queue.ts';
import { type KeyId, newId } from '../ids.ts';
import { Problem } from '../problems.ts';
import type { Caller, Service } from '../service.ts';
import { newKeyText } from '../tokens/key-text.ts';
import { sessionEnded } from '../users/sessions/session.ts';
import { tellMade } from './audit.ts';
import { platformKeyOf, unused } from './key.ts';
import { endOfNewKey, endOfReplaced, requireAhead, requireGoing } from './rules.ts';
import type { KeyRotation, NewPlatformKey } from './schemas.ts';
import { insertPlatformKey, lockPlatformKey, markReplaced, markRevoked, type PlatformKeyRow } from './store.ts';

/**
 * Makes a platform's key with another one: it may do no more than that one, and ends with it.
 * @throws platform-key-required, permission-missing, cannot-grant, invalid-request.
 */
export function createPlatformKey({ db }: Service, caller: Caller, asked: NewPlatformKey) {
  const end = requireAhead(asked.expiresAt, caller.now);
  const making = changeKeys(db, caller, async (tx, maker) => {
    requireWithin(maker.scopes, asked.scopes);
    const expiresAt = endOfNewKey(end, maker.expiresAt);
    return keep(tx, newRow(asked, { madeBy: maker.id, expiresAt }, caller.now));
  });
  return tellMade(caller, making);
}

/** Makes a key in the place of another. @throws the same, not-found, key-ended. */
export function rotatePlatformKey({ db }: Service, caller: Caller, keyId: KeyId, { overlapSeconds }: KeyRotation) {
  const making = changeKeys(db, caller, async (tx, maker) => {
    const key = await lockPlatformKey(tx, keyId);
    if (!key) throw new Problem('not-found');
    requireGoing(key, caller.now);
    requireWithin(maker.scopes, key.scopes);
    const row = newRow(key, key, caller.now);
    await markReplaced(tx, null, keyId, { by: row.id, expiresAt: endOfReplaced(key, overlapSeconds, caller.now) });
    return keep(tx, row);
  });
  return tellMade(caller, making);
}

/** Revokes a key, and every key that was made with it, at once. Again: the same. @throws platform-key-required, permission-missing, cannot-grant, not-found. */
export async function revokePlatformKey({ db }: Service, caller: Caller, keyId: KeyId): Promise<void> {
  await changeKeys(db, caller, async (tx, maker) => {
    const key = await lockPlatformKey(tx, keyId);
    if (!key) throw new Problem('not-found');
    requireWithin(maker.scopes, key.scopes);
    // A key that is just being made with one of them is there once that one can be revoked.
    while ((await markRevoked(tx, null, keyId, caller.now)) > 0);
  });
  caller.audit('key_revoked', { keyId });
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
 * What every change of a platform's key shares: the key that is calling is verified before anything is locked, and again
 * under its lock.
 */
async function changeKeys<T>(
  db: Db,
  caller: Caller,
  change: (tx: Tx, maker: PlatformKeyRow) => Promise<T>,
): Promise<T> {
  await requirePlatform(db, caller, 'platform-keys:manage');
  const work = () => db.transaction(async (tx) => change(tx, await requireMaker(tx, caller)));
  return inLockQueue(db, platformKeys, work);
}

/** All platform keys queue up as one: they are few, and a change may lock several. */
const platformKeys = 'platform-keys';

/** The key that is calling, which may make others. */
async function requireMaker(tx: Tx, caller: Caller): Promise<PlatformKeyRow> {
  await requirePlatform(tx, caller, 'platform-keys:manage');
  const maker = caller.key && (await lockPlatformKey(tx, caller.key.id));
  if (!maker || maker.revokedAt !== null) throw sessionEnded();
  return maker;
}

/** @throws cannot-grant for a scope that the maker has not. */
function requireWithin(own: readonly string[], scopes: readonly string[]): void {
  const missing = own.includes('*') ? [] : scopes.filter((it) => !own.includes(it));
  if (missing.length > 0)
    throw new Problem('cannot-grant', 'This key has not all of those scopes itself.', { missing });
}

function newRow(
  { name, scopes }: { name: string; scopes: readonly string[] },
  { madeBy, expiresAt }: Pick<PlatformKeyRow, 'madeBy' | 'expiresAt'>,
  createdAt: Date,
): Omit<PlatformKeyRow, 'hash'> {
  return { ...unused, id: newId('key'), name, scopes: [...scopes].sort(), madeBy, expiresAt, createdAt };
}

const withText = (row: Omit<PlatformKeyRow, 'hash'>) => ({ ...row, ...newKeyText({ kind: 'platform', id: row.id }) });

async function keep(db: Db, row: Omit<PlatformKeyRow, 'hash'>) {
  const { text, ...key } = withText(row);
  await insertPlatformKey(db, key);
  return { ...platformKeyOf(key, row.createdAt), secret: text };
}
