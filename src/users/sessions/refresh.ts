import type { Tx } from '../../database/database.ts';
import { inLockQueue } from '../../database/lock-queue.ts';
import { Problem } from '../../problems.ts';
import type { Service, Visit } from '../../service.ts';
import { requirePasswordLogin } from '../rules.ts';
import { expiryOf, hashOf, markOf, sessionEnded, sessionOf } from './session.ts';
import {
  findRefreshToken,
  findSessionOfToken,
  insertRefreshToken,
  lockRefreshToken,
  markSessionEnded,
  markTokenUsed,
  type SessionRow,
  updateSession,
} from './store.ts';

/** Milliseconds in which the client that used a token may use it again: it sent it twice at once, or got no answer. */
const grace = 10_000;
/** How many tokens such a retry may be behind: a statement each. */
const furthest = 8;

/**
 * Exchanges a refresh token for new tokens of the same session (RFC 9700, 4.14.2: rotation). A used token that comes again is
 * in two hands, one of which stole it: the session ends for both. Only the client that used it may send it again, for a
 * moment, and is given the same next token each time.
 * @throws unauthenticated, password-login-off.
 */
export async function refreshSession(service: Service, { refreshToken }: { refreshToken: string }, visit: Visit) {
  requirePasswordLogin(service.config);
  // The verdict leaves the transaction as a value: ending the session must not be rolled back with the refusal.
  const { db } = service;
  const known = await findSessionOfToken(db, hashOf(refreshToken));
  // A token that names no open session opens no transaction and locks nothing.
  if (!known || known.endedAt !== null || known.expiresAt <= visit.now) throw sessionEnded();
  const outcome = await inLockQueue(db, known.id, () =>
    db.transaction((tx) => exchange(service, tx, refreshToken, visit)),
  );
  if (!outcome) throw sessionEnded();
  const { session, user } = outcome;
  const whose = { userId: user.id, sessionId: session.id };
  if ('stolen' in outcome) throw sessionEnded({ event: 'authn_token_reuse', ...whose });
  visit.audit('session_renewed', { ...whose, by: 'refresh' });
  return sessionOf(service, user, session.id, outcome.next, visit.now);
}

async function exchange(service: Service, tx: Tx, refreshToken: string, visit: Visit) {
  const { now, client } = visit;
  const found = await lockRefreshToken(tx, hashOf(refreshToken), now);
  if (!found) return undefined;
  const { token, session, user } = found;
  if (token.usedAt === null) {
    const [next] = service.derivedKeys.successorsOf(refreshToken);
    await markTokenUsed(tx, token.hash, markOf(client), now);
    await insertRefreshToken(tx, hashOf(next), session.id, now);
    await updateSession(tx, session.id, used(service, session, visit));
    return { session, user, next };
  }
  const isSameClient = token.usedBy === markOf(client);
  if (isSameClient && now.getTime() - token.usedAt.getTime() <= grace) {
    const newest = await newestFrom(service, tx, refreshToken);
    if (newest !== undefined) return { session, user, next: newest };
  }
  await markSessionEnded(tx, session.userId, session.id, now);
  return { session, user, stolen: true };
}

/**
 * The token in a line of successors that was not used yet; undefined where it is further than a retry is ever behind.
 * @throws unavailable where another replica chose the next one with a key that this one lacks.
 */
async function newestFrom(service: Service, tx: Tx, refreshToken: string): Promise<string | undefined> {
  let token = refreshToken;
  for (let step = 0; step < furthest; step += 1) {
    const candidates = service.derivedKeys.successorsOf(token);
    const next = await findRefreshToken(tx, candidates.map(hashOf));
    const chosen = candidates.find((it) => hashOf(it) === next?.hash);
    if (!next || chosen === undefined) throw new Problem('unavailable');
    if (next.usedAt === null) return chosen;
    token = chosen;
  }
  return undefined;
}

/** A session that was used just now, and what used it. */
function used({ config }: Service, { createdAt }: SessionRow, { now, client }: Visit) {
  return { expiresAt: expiryOf(config, createdAt, now), lastUsedAt: now, ...client };
}
