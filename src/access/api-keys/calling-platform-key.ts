import { requirePlatform } from '../../accounts/platform.ts';
import type { PlatformScope } from '../../accounts/schemas.ts';
import { apiKeyStatusAt } from '../../credentials/api-key-status.ts';
import type { Caller } from '../../credentials/caller.ts';
import type { Tx } from '../../database/database.ts';
import type { ApiKeyId } from '../../ids/ids.ts';
import { sessionEnded } from '../../users/require-user.ts';
import { lockPlatformKeys } from './store.ts';

/**
 * Locks the calling platform key until the end of the transaction: a concurrent revocation waits,
 * and then finds the keys that were created with it.
 * @param target another key to lock, returned as `key` if it exists.
 * @throws platform-key-required, permission-missing, unauthenticated.
 */
export async function lockCallingPlatformKey(tx: Tx, caller: Caller, scope: PlatformScope, target?: ApiKeyId) {
  await requirePlatform(tx, caller, scope);
  const callingId = caller.apiKey?.id as ApiKeyId;
  const locked = await lockPlatformKeys(tx, target === undefined ? [callingId] : [callingId, target]);
  const calling = locked.find((it) => it.id === callingId);
  // It may have ended while this transaction waited for the lock.
  if (!calling || apiKeyStatusAt(calling, caller.now) !== 'active') throw sessionEnded();
  const key = locked.find((it) => it.id === target);
  return { ...calling, kind: 'platform' as const, key };
}
