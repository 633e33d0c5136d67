import type { RequestContext } from '../../credentials/caller.ts';
import { isActiveSessionAt } from '../../credentials/session-status.ts';
import type { Tx } from '../../database/database.ts';
import { inLockQueue } from '../../database/lock-queue.ts';
import { transaction } from '../../database/transaction.ts';
import { Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { sha256 } from '../../text/hashes.ts';
import { sessionEnded } from '../require-user.ts';
import { requirePasswordLogin } from '../rules.ts';
import { clientHashes, sessionExpiryFrom, toSessionView } from './session.ts';
import {
  countRetry,
  findRefreshToken,
  findSessionByToken,
  insertRefreshToken,
  lockRefreshToken,
  markSessionEnded,
  markTokenUsed,
  type SessionRow,
  updateSession,
} from './store.ts';

/**
 * How long the client that used a token may send it again from the same network, in milliseconds:
 * two of its tabs may refresh at once.
 */
const gracePeriod = 10_000;
/** How many tokens such a request may be behind the newest. Each costs a statement. */
const maxStepsBehind = 8;

/** How long a lost response is repeated to the same client, from any network, in milliseconds. */
const retryWindow = 5 * 60_000;
/** How many lost responses are repeated in one session. */
const maxRetries = 10;

/**
 * Exchanges a refresh token for new tokens of the same session (rotation, RFC 9700, 4.14.2). If a
 * used token is sent again, two clients have it and one of them may have stolen it, so the session
 * ends for both. The client that used it gets the same response again in two cases: it sent the
 * token twice at once, or the first response was lost.
 * @throws unauthenticated, password-login-off.
 */
export async function refreshSession(
  service: Service,
  { refreshToken }: { refreshToken: string },
  requestContext: RequestContext,
) {
  requirePasswordLogin(service.config);
  const { db } = service;
  const tokenSession = await findSessionByToken(db, sha256(refreshToken));
  // A token without an active session is refused before the transaction, so that it locks nothing.
  if (!tokenSession || !isActiveSessionAt(tokenSession, requestContext.now)) throw sessionEnded();
  const outcome = await inLockQueue(db, tokenSession.id, () =>
    transaction(db, (tx) => exchange(service, tx, refreshToken, requestContext)),
  );
  if (!outcome) throw sessionEnded();
  const { session, user } = outcome;
  const ids = { userId: user.id, sessionId: session.id };
  if ('stolen' in outcome) throw sessionEnded({ event: 'authn_token_reuse', ...ids });
  requestContext.logSecurityEvent('session_renewed', { ...ids, by: outcome.isRetry ? 'refresh-retry' : 'refresh' });
  return toSessionView(service, user, session.id, outcome.next, requestContext.now);
}

/**
 * @returns undefined if no active session has the token; `stolen` if the session was ended. It does
 * not throw, because that would roll back the end of the session.
 */
async function exchange(service: Service, tx: Tx, refreshToken: string, requestContext: RequestContext) {
  const { now, client } = requestContext;
  const locked = await lockRefreshToken(tx, sha256(refreshToken), now);
  if (!locked) return undefined;
  const { token, session, user } = locked;
  if (token.usedAt === null) {
    const [next] = service.derivedKeys.deriveSuccessors(refreshToken);
    await markTokenUsed(tx, token.hash, clientHashes(client), now);
    await insertRefreshToken(tx, sha256(next), session.id, now);
    await updateSession(tx, session.id, toSessionUse(service, session, requestContext));
    return { session, user, next, isRetry: false };
  }
  const age = now.getTime() - token.usedAt.getTime();
  const hashes = clientHashes(client);
  if (token.usedBy === hashes.usedBy && age <= gracePeriod) {
    const newest = await findNewestToken(service, tx, refreshToken);
    if (newest !== undefined) return { session, user, next: newest, isRetry: false };
  } else if (token.usedByAgent === hashes.usedByAgent && age <= retryWindow) {
    const next = await findSuccessor(service, tx, refreshToken);
    const isLost = next.usedAt === null;
    if (isLost && (await countRetry(tx, session.id, maxRetries))) {
      return { session, user, next: next.text, isRetry: true };
    }
  }
  await markSessionEnded(tx, session.userId, session.id, now);
  return { session, user, stolen: true };
}

/**
 * The token that a used token was exchanged for.
 * @throws unavailable if another replica derived it with a key that this one does not have.
 */
async function findSuccessor(service: Service, tx: Tx, refreshToken: string) {
  const candidates = service.derivedKeys.deriveSuccessors(refreshToken);
  const next = await findRefreshToken(tx, candidates.map(sha256));
  const text = candidates.find((it) => sha256(it) === next?.hash);
  if (!next || text === undefined) throw new Problem('unavailable');
  return { text, usedAt: next.usedAt };
}

/**
 * Follows the successors of a used token to the unused one.
 * @returns undefined if that is more than `maxStepsBehind` tokens away.
 */
async function findNewestToken(service: Service, tx: Tx, refreshToken: string): Promise<string | undefined> {
  let token = refreshToken;
  for (let step = 0; step < maxStepsBehind; step += 1) {
    const next = await findSuccessor(service, tx, token);
    if (next.usedAt === null) return next.text;
    token = next.text;
  }
  return undefined;
}

/** The columns to update when a session is used: its expiry, the time and the client. */
function toSessionUse({ config }: Service, { createdAt }: SessionRow, { now, client }: RequestContext) {
  return { expiresAt: sessionExpiryFrom(config, createdAt, now), lastUsedAt: now, ...client };
}
