import type { Caller } from '../credentials/caller.ts';
import { findCallingUser } from '../credentials/store.ts';
import type { Db } from '../database/database.ts';
import { sessionEnded } from '../users/require-user.ts';
import { findPlatformEntry } from './store.ts';

/**
 * Requires a valid credential of any kind: a user's, an account key or a platform key.
 * @throws unauthenticated.
 */
export async function requireActiveCaller(db: Db, caller: Caller): Promise<void> {
  const isPlatform = caller.apiKey?.kind === 'platform';
  const found = isPlatform ? await findPlatformEntry(db, caller, null) : await findCallingUser(db, caller);
  if (!found) throw sessionEnded();
}
