import type { RequestContext } from '../../credentials/caller.ts';
import { inLockQueue } from '../../database/lock-queue.ts';
import type { Service } from '../../service.ts';
import { sha256 } from '../../text/hashes.ts';
import { findSessionOfToken, markSessionEnded } from './store.ts';

/** Ends the session of a refresh token, an old one too. A token that never was ends nothing, and is answered the same. */
export async function logOut(
  { db }: Service,
  { refreshToken }: { refreshToken: string },
  { now, logSecurityEvent }: RequestContext,
): Promise<void> {
  const session = await findSessionOfToken(db, sha256(refreshToken));
  if (!session || session.endedAt !== null) return;
  const end = () => markSessionEnded(db, session.userId, session.id, now);
  if (!(await inLockQueue(db, session.id, end))) return;
  logSecurityEvent('authn_token_revoked', { userId: session.userId, sessionId: session.id, by: 'logout' });
}
