import type { Service } from '../service.ts';
import { hashOf, newRefreshToken, sessionEnded, sessionOf } from './session.ts';
import { findSessionUser, insertRefreshToken, markSessionEnded, useRefreshToken } from './store.ts';

/**
 * Exchanges a refresh token for new tokens of the same session (RFC 9700, 4.14.2: rotation). A token that was used before is
 * in two hands, one of which stole it: the session ends for both.
 * @throws unauthenticated.
 */
export async function refreshSession(service: Service, { refreshToken }: { refreshToken: string }, now: Date) {
  // The verdict leaves the transaction as a value: ending the session must not be rolled back with the refusal.
  const session = await service.db.transaction(async (tx) => {
    const used = await useRefreshToken(tx, hashOf(refreshToken), now);
    if (!used) return undefined;
    if (used.wasUsed) return void (await markSessionEnded(tx, used.sessionId, now));
    const user = await findSessionUser(tx, used.sessionId, now);
    if (!user) return undefined;
    const next = newRefreshToken();
    await insertRefreshToken(tx, hashOf(next), used.sessionId, now);
    return sessionOf(service, user, used.sessionId, next, now);
  });
  if (!session) throw sessionEnded();
  return session;
}
