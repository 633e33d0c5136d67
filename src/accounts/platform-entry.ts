import type { Caller } from '../credentials/caller.ts';
import type { Db } from '../database/database.ts';
import { Problem } from '../problems/problem.ts';
import { sessionEnded } from '../users/sessions/session.ts';
import type { PlatformScope } from './schemas.ts';
import { findPlatformEntry } from './store.ts';

/** Whether a platform's key may do something: by that scope, or by `*`. */
export const hasScope = (scopes: readonly string[], scope: PlatformScope) =>
  scopes.includes('*') || scopes.includes(scope);

/** @throws permission-missing, naming the scope. */
export function requireScope(scopes: readonly string[], scope: PlatformScope): void {
  if (hasScope(scopes, scope)) return;
  throw new Problem('permission-missing', `This needs a key with the scope ${scope}.`, { permission: scope });
}

/**
 * Call this before storing anything in a user's name (an invite, an account key). The platform may
 * do everything else in the account of a disabled owner.
 * @throws user-disabled.
 */
export function requireActiveUser({ isUserActive }: { isUserActive: boolean }): void {
  if (isUserActive) return;
  throw new Problem(
    'user-disabled',
    'The operator has disabled the owner, so nothing can be created in their name.',
    {},
    {
      event: 'authz_fail',
    },
  );
}

/**
 * The scopes of the platform's key that is calling.
 * @throws platform-key-required for anyone else, unauthenticated where the key stands no more, permission-missing where it has not this scope.
 */
export async function requirePlatform(db: Db, caller: Caller, scope: PlatformScope): Promise<string[]> {
  if (caller.apiKey?.kind !== 'platform') throw new Problem('platform-key-required');
  const entry = await findPlatformEntry(db, caller, null);
  if (!entry) throw sessionEnded();
  requireScope(entry.scopes, scope);
  return entry.scopes;
}
