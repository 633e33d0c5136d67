import { apiKeyStatusAt } from '../../credentials/api-key-status.ts';
import type { ApiKey } from '../../credentials/caller.ts';
import type { ApiKeyId } from '../../ids/ids.ts';
import { earlierEnd, isInFuture, lastsUntil } from '../../permissions/granted-permission.ts';
import { invalidField, Problem } from '../../problems/problem.ts';

/** The properties of a key that limit the keys created with it. */
export interface KeyBounds {
  kind: ApiKey['kind'];
  scopes: readonly string[];
  expiresAt: Date | null;
}

/** When a key expires, and the key with which it is revoked. */
interface KeyEnd {
  expiresAt: Date | null;
  madeBy: ApiKeyId | null;
}

/**
 * The rule for every new key, of an account or of the platform, created or rotated. A key that is
 * created with another key expires no later than that key, may do no more, and is revoked with it
 * (`madeBy`). A key that a person or the operator creates expires as requested. The successor of a
 * key that rotates itself has the same expiry and `madeBy`.
 *
 * If a key ends early, all keys that were created with it, directly or indirectly, end too
 * (`descendants-store.ts`): at once if it is revoked, after the overlap if it is replaced. So a
 * thief can't keep access with keys created with a stolen one.
 * @param calling the calling key; undefined for a person.
 * @param replaces the id of the rotated key.
 * @throws cannot-grant for a scope that the calling key does not have.
 */
export function limitNewKey(
  calling: (KeyBounds & { id: ApiKeyId }) | undefined,
  key: KeyBounds & KeyEnd,
  replaces?: ApiKeyId,
): KeyEnd {
  const { madeBy, expiresAt } = key;
  if (!calling) return { madeBy, expiresAt };
  requireWithinScopes(calling, key);
  if (calling.id === replaces) return { madeBy, expiresAt };
  return { madeBy: calling.id, expiresAt: earlierEnd(calling.expiresAt, expiresAt) };
}

/**
 * A key may do no more than the key that creates, rotates or revokes it. For account keys, this
 * checks only that a scoped key does not create a key with `*`, which may allow more later: other
 * scopes are compared with the caller's access.
 * @throws cannot-grant with the missing scopes.
 */
export function requireWithinScopes(calling: Omit<KeyBounds, 'expiresAt'>, key: Omit<KeyBounds, 'expiresAt'>): void {
  if (calling.kind !== key.kind || calling.scopes.includes('*')) return;
  const isMissing = (it: string) => it === '*' || (key.kind === 'platform' && !calling.scopes.includes(it));
  const missing = key.scopes.filter(isMissing);
  if (missing.length > 0) throw new Problem('cannot-grant', 'The calling key lacks some of these scopes.', { missing });
}

/**
 * A requested expiry is never shortened silently.
 * @throws cannot-grant if it is later than the calling key's.
 */
export function requireEndWithin(requested: Date | null, calling: KeyBounds | undefined): void {
  if (requested === null || !calling || lastsUntil(calling.expiresAt, requested)) return;
  throw new Problem('cannot-grant', 'A key cannot expire later than the key that creates it.');
}

/** @throws invalid-request for a time in the past. */
export function requireFutureExpiry(expiresAt: Date | undefined, now: Date): Date | null {
  if (expiresAt === undefined) return null;
  const end = new Date(expiresAt);
  if (!isInFuture(end, now)) throw invalidField('/expiresAt', 'must be a time in the future');
  return end;
}

/** When a replaced key expires: after the overlap, but no later than before. */
export function endOfReplacedKey({ expiresAt }: { expiresAt: Date | null }, overlapSeconds: number, now: Date): Date {
  const afterOverlap = new Date(now.getTime() + overlapSeconds * 1000);
  return earlierEnd(afterOverlap, expiresAt) ?? afterOverlap;
}

/** @throws key-ended for a key that is revoked, expired or replaced. */
export function requireActiveKey(
  key: { revokedAt: Date | null; expiresAt: Date | null; replacedBy: string | null },
  now: Date,
): void {
  if (key.replacedBy !== null || apiKeyStatusAt(key, now) !== 'active') throw new Problem('key-ended');
}
