import type { RequestContext } from '../../credentials/caller.ts';
import { isActiveSessionAt } from '../../credentials/session-status.ts';
import type { Tx } from '../../database/database.ts';
import { inLockQueue } from '../../database/lock-queue.ts';
import { transaction } from '../../database/transaction.ts';
import { Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { sha256 } from '../../text/hashes.ts';
import { requirePasswordLogin } from '../rules.ts';
import { marksOf, sessionEnded, sessionExpiryFrom, sessionOf } from './session.ts';
import {
  countRetry,
  findRefreshToken,
  findSessionOfToken,
  insertRefreshToken,
  lockRefreshToken,
  markSessionEnded,
  markTokenUsed,
  type SessionRow,
  updateSession,
} from './store.ts';

/**
 * Milliseconds in which the client that used a token may use it again: two of its tabs sent it at
 * once.
 */
const grace = 10_000;
/** How many tokens such a request may be behind: a statement each. */
const furthest = 8;

/** Milliseconds in which a lost answer is repeated, to the same client in any network. */
const retryWindow = 5 * 60_000;
/** How many times a session repeats an answer. */
const mostRetries = 10;

/**
 * Exchanges a refresh token for new tokens of the same session (RFC 9700, 4.14.2: rotation). If a
 * used token is sent again, two clients have it and one of them stole it: the session ends for
 * both. The client that used it gets the same answer again in two cases: it sent the token twice at
 * once, or its answer was lost.
 * @throws unauthenticated, password-login-off.
 */
export async function refreshSession(
  service: Service,
  { refreshToken }: { refreshToken: string },
  requestContext: RequestContext,
) {
  requirePasswordLogin(service.config);
  // The verdict leaves the transaction as a value: ending the session must not be rolled back with the refusal.
  const { db } = service;
  const known = await findSessionOfToken(db, sha256(refreshToken));
  // A token that names no open session opens no transaction and locks nothing.
  if (!known || !isActiveSessionAt(known, requestContext.now)) throw sessionEnded();
  const outcome = await inLockQueue(db, known.id, () =>
    transaction(db, (tx) => exchange(service, tx, refreshToken, requestContext)),
  );
  if (!outcome) throw sessionEnded();
  const { session, user } = outcome;
  const whose = { userId: user.id, sessionId: session.id };
  if ('stolen' in outcome) throw sessionEnded({ event: 'authn_token_reuse', ...whose });
  requestContext.logSecurityEvent('session_renewed', { ...whose, by: outcome.isRetry ? 'refresh-retry' : 'refresh' });
  return sessionOf(service, user, session.id, outcome.next, requestContext.now);
}

async function exchange(service: Service, tx: Tx, refreshToken: string, requestContext: RequestContext) {
  const { now, client } = requestContext;
  const found = await lockRefreshToken(tx, sha256(refreshToken), now);
  if (!found) return undefined;
  const { token, session, user } = found;
  if (token.usedAt === null) {
    const [next] = service.derivedKeys.successorsOf(refreshToken);
    await markTokenUsed(tx, token.hash, marksOf(client), now);
    await insertRefreshToken(tx, sha256(next), session.id, now);
    await updateSession(tx, session.id, used(service, session, requestContext));
    return { session, user, next, isRetry: false };
  }
  const age = now.getTime() - token.usedAt.getTime();
  const marks = marksOf(client);
  if (token.usedBy === marks.usedBy && age <= grace) {
    const newest = await newestFrom(service, tx, refreshToken);
    if (newest !== undefined) return { session, user, next: newest, isRetry: false };
  } else if (token.usedByAgent === marks.usedByAgent && age <= retryWindow) {
    const next = await successorOf(service, tx, refreshToken);
    const isLost = next.usedAt === null;
    if (isLost && (await countRetry(tx, session.id, mostRetries))) {
      return { session, user, next: next.text, isRetry: true };
    }
  }
  await markSessionEnded(tx, session.userId, session.id, now);
  return { session, user, stolen: true };
}

/**
 * The token that a used token was exchanged for.
 * @throws unavailable where another replica chose it with a key that this one lacks.
 */
async function successorOf(service: Service, tx: Tx, refreshToken: string) {
  const candidates = service.derivedKeys.successorsOf(refreshToken);
  const next = await findRefreshToken(tx, candidates.map(sha256));
  const text = candidates.find((it) => sha256(it) === next?.hash);
  if (!next || text === undefined) throw new Problem('unavailable');
  return { text, usedAt: next.usedAt };
}

/**
 * The unused token at the end of the line that a used token begins; undefined if it is further away
 * than two tabs can be.
 */
async function newestFrom(service: Service, tx: Tx, refreshToken: string): Promise<string | undefined> {
  let token = refreshToken;
  for (let step = 0; step < furthest; step += 1) {
    const next = await successorOf(service, tx, token);
    if (next.usedAt === null) return next.text;
    token = next.text;
  }
  return undefined;
}

/** A session that was used just now, and what used it. */
function used({ config }: Service, { createdAt }: SessionRow, { now, client }: RequestContext) {
  return { expiresAt: sessionExpiryFrom(config, createdAt, now), lastUsedAt: now, ...client };
}
