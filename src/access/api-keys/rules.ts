import { apiKeyStatusAt } from '../../credentials/api-key-status.ts';
import type { ApiKey } from '../../credentials/caller.ts';
import type { ApiKeyId } from '../../ids/ids.ts';
import { earlierEnd, isInFuture, lastsUntil } from '../../permissions/granted-permission.ts';
import { invalidField, Problem } from '../../problems/problem.ts';

/** The properties of a key that bound the keys made with it. */
export interface KeyBounds {
  kind: ApiKey['kind'];
  scopes: readonly string[];
  expiresAt: Date | null;
}

/** How a key ends: by itself, and with the key that it was made with. */
interface Ends {
  expiresAt: Date | null;
  madeBy: ApiKeyId | null;
}

/**
 * The rule for every key that is handed out, of an account or of the platform, created or rotated.
 * A key that another key requests ends no later than that key, may do no more, and is revoked with
 * it (`madeBy`). A key that a person or the operator requests ends as requested. A key that rotates
 * itself is replaced: its successor keeps its end and its maker.
 *
 * If a key ends early, all keys that were made with it end too, through any number of keys
 * (`made-with-store.ts`): at once if it is revoked, with the overlap if it is replaced. So a thief
 * can't keep access with keys made with a stolen one.
 * @param replaces the key that is rotated.
 * @throws cannot-grant for a scope that the calling key does not have.
 */
export function limitNewKey(
  calling: (KeyBounds & { id: ApiKeyId }) | undefined,
  key: KeyBounds & Ends,
  replaces?: ApiKeyId,
): Ends {
  const { madeBy, expiresAt } = key;
  if (!calling) return { madeBy, expiresAt };
  requireWithinScopes(calling, key);
  if (calling.id === replaces) return { madeBy, expiresAt };
  return { madeBy: calling.id, expiresAt: earlierEnd(calling.expiresAt, expiresAt) };
}

/**
 * A key may do no more than the one that makes, rotates or revokes it. What an account key's scopes
 * cover is compared with what the caller may do; here only that a scoped key makes no key with `*`,
 * which may allow more later.
 * @throws cannot-grant, naming what is missing.
 */
export function requireWithinScopes(calling: Omit<KeyBounds, 'expiresAt'>, key: Omit<KeyBounds, 'expiresAt'>): void {
  if (calling.kind !== key.kind || calling.scopes.includes('*')) return;
  const isMissing = (it: string) => it === '*' || (key.kind === 'platform' && !calling.scopes.includes(it));
  const missing = key.scopes.filter(isMissing);
  if (missing.length > 0) throw new Problem('cannot-grant', 'This key does not have those scopes itself.', { missing });
}

/**
 * A requested end is never shortened silently.
 * @throws cannot-grant for one after the calling key's.
 */
export function requireEndWithin(requested: Date | null, calling: KeyBounds | undefined): void {
  if (requested === null || !calling || lastsUntil(calling.expiresAt, requested)) return;
  throw new Problem('cannot-grant', 'A key can’t outlive the key that makes it.');
}

/** @throws invalid-request for a time that is over. */
export function requireFutureExpiry(expiresAt: Date | undefined, now: Date): Date | null {
  if (expiresAt === undefined) return null;
  const end = new Date(expiresAt);
  if (!isInFuture(end, now)) throw invalidField('/expiresAt', 'must be a time in the future');
  return end;
}

/** When a replaced key ends: after the overlap, and no later than it would have ended. */
export function endOfReplacedKey({ expiresAt }: { expiresAt: Date | null }, overlapSeconds: number, now: Date): Date {
  const afterOverlap = new Date(now.getTime() + overlapSeconds * 1000);
  return earlierEnd(afterOverlap, expiresAt) ?? afterOverlap;
}

/** A key that still counts. @throws key-ended. */
export function requireActiveKey(
  key: { revokedAt: Date | null; expiresAt: Date | null; replacedBy: string | null },
  now: Date,
): void {
  if (key.replacedBy !== null || apiKeyStatusAt(key, now) !== 'active') throw new Problem('key-ended');
}
