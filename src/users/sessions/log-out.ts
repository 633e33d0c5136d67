import type { RequestContext } from '../../credentials/caller.ts';
import { inLockQueue } from '../../database/lock-queue.ts';
import type { Service } from '../../service.ts';
import { sha256 } from '../../text/hashes.ts';
import { findSessionByToken, markSessionEnded } from './store.ts';

/**
 * Ends the session of a refresh token, used or not. An unknown token ends nothing and gets the same
 * response.
 */
export async function logOut(
  { db }: Service,
  { refreshToken }: { refreshToken: string },
  { now, logSecurityEvent }: RequestContext,
): Promise<void> {
  const session = await findSessionByToken(db, sha256(refreshToken));
  if (!session || session.endedAt !== null) return;
  const end = () => markSessionEnded(db, session.userId, session.id, now);
  if (!(await inLockQueue(db, session.id, end))) return;
  logSecurityEvent('authn_token_revoked', { userId: session.userId, sessionId: session.id, by: 'logout' });
}
