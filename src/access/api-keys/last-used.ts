import type { ApiKey, Caller } from '../../credentials/caller.ts';
import type { Db } from '../../database/database.ts';
import { markUsed } from './store.ts';

/** Milliseconds. How exactly it is known when a key was used: it costs a request nothing, and the database one write in this time. */
const exactness = 60_000;
/** How many keys are remembered at once to have been written. */
const remembered = 10_000;

/**
 * Keeps when keys were last used, after the answer, and not more often than once a minute for each.
 * @returns what is to be called after a request that a key made.
 */
export function recordUse(db: Db): (caller: Caller) => Promise<void> {
  const written = new Map<ApiKey['id'], number>();
  return async ({ apiKey, now }) => {
    if (!apiKey || (written.get(apiKey.id) ?? 0) > now.getTime() - exactness) return;
    if (written.size >= remembered) written.clear();
    written.set(apiKey.id, now.getTime());
    await markUsed(db, apiKey, now, new Date(now.getTime() - exactness)).catch(() => written.delete(apiKey.id));
  };
}
