import type { Caller } from '../credentials/caller.ts';
import type { Db } from '../database/database.ts';
import { Problem } from '../problems/problem.ts';
import { sessionEnded } from '../users/require-user.ts';
import type { PlatformScope } from './schemas.ts';
import { findPlatformEntry } from './store.ts';

/** Whether a platform key has a scope, itself or by `*`. */
export const hasScope = (scopes: readonly string[], scope: PlatformScope) =>
  scopes.includes('*') || scopes.includes(scope);

/** @throws permission-missing with the scope, if a platform key does not have it. */
export function requireScope(scopes: readonly string[], scope: PlatformScope): void {
  if (hasScope(scopes, scope)) return;
  throw new Problem('permission-missing', `This needs a key with the scope ${scope}.`, { permission: scope });
}

/**
 * Call this before storing anything in a user's name, such as an invite or an account key. In the
 * account of a disabled owner, a platform key may do everything else.
 * @throws user-disabled.
 */
export function requireActiveUser({ isUserActive }: { isUserActive: boolean }): void {
  if (isUserActive) return;
  throw new Problem(
    'user-disabled',
    'The owner is disabled, so nothing can be created in their name.',
    {},
    {
      event: 'authz_fail',
    },
  );
}

/**
 * Requires a platform key with a scope.
 * @returns all scopes of the key.
 * @throws platform-key-required for other callers, unauthenticated if the key is not active,
 * permission-missing if it does not have the scope.
 */
export async function requirePlatform(db: Db, caller: Caller, scope: PlatformScope): Promise<string[]> {
  if (caller.apiKey?.kind !== 'platform') throw new Problem('platform-key-required');
  const entry = await findPlatformEntry(db, caller, null);
  if (!entry) throw sessionEnded();
  requireScope(entry.scopes, scope);
  return entry.scopes;
}
