import type { ApiKey, Caller } from '../../credentials/caller.ts';
import type { Db } from '../../database/database.ts';
import { markUsed } from './store.ts';

/** In milliseconds: `lastUsedAt` of a key is written at most once in this time. */
const writeInterval = 60_000;
/** The maximum number of keys whose last write is kept in memory. */
const maxCachedKeys = 10_000;

/**
 * Records when API keys were last used, after the answer is sent.
 * @returns a function to call after each request.
 */
export function recordUse(db: Db): (caller: Caller) => Promise<void> {
  const lastWrites = new Map<ApiKey['id'], number>();
  return async ({ apiKey, now }) => {
    if (!apiKey || (lastWrites.get(apiKey.id) ?? 0) > now.getTime() - writeInterval) return;
    if (lastWrites.size >= maxCachedKeys) lastWrites.clear();
    lastWrites.set(apiKey.id, now.getTime());
    await markUsed(db, apiKey, now, new Date(now.getTime() - writeInterval)).catch(() => lastWrites.delete(apiKey.id));
  };
}
