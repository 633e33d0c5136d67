import { and, desc, eq, inArray, isNull, lt, ne, sql } from 'drizzle-orm';
import { isActiveSession } from '../../credentials/session-status.ts';
import type { Db, Tx } from '../../database/database.ts';
import { refreshTokens, sessions, users } from '../../database/schema.ts';
import { placeholderFor, prepared } from '../../database/statements.ts';
import type { SessionId, UserId } from '../../ids/ids.ts';

export type SessionRow = typeof sessions.$inferSelect;
export type NewSession = Omit<SessionRow, 'endedAt' | 'lastUsedAt' | 'loginNetwork' | 'refreshRetries'>;

/**
 * How long an expired session is stored, in milliseconds: the networks from which a user has logged
 * in are remembered that long.
 */
const retention = 90 * 24 * 3_600_000;

const loginByEmail = prepared('find_login', (db) =>
  db
    .select({
      user: users,
      // Plain names: in a column list, the query builder omits the table name of a column.
      isKnownNetwork: sql<boolean>`exists (
        select from sessions where sessions.user_id = users.id and sessions.login_network = ${sql.placeholder('network')})`,
    })
    .from(users)
    .where(eq(users.email, placeholderFor(users.email, 'email'))),
);

/** Finds the user of an address, and whether they have logged in from the network before. */
export async function findLogin(db: Db, email: string, network: string) {
  const [login] = await loginByEmail(db).execute({ email, network });
  return login;
}

const sessionInsert = prepared('open_session', (db) => {
  const at = (name: string) => sql`${placeholderFor(sessions.createdAt, name)}::timestamptz`;
  const userId = sql`${placeholderFor(sessions.userId, 'userId')}::uuid`;
  const user = db.$with('locked_user', { id: users.id }).as(sql`
    select id from users
    where id = ${userId} and disabled_at is null
      and password_hash is not distinct from ${sql.placeholder('passwordHash')}::text
    for share`);
  const cleanup = db.$with('cleanup', { id: sessions.id }).as(sql`
    delete from sessions where user_id = ${userId} and expires_at < ${at('longAgo')} returning id`);
  const session = db.$with('new_session', { id: sessions.id }).as(sql`
    insert into sessions (id, user_id, created_at, expires_at, user_agent, network, login_network)
    select ${placeholderFor(sessions.id, 'id')}::uuid, id, ${at('createdAt')}, ${at('expiresAt')},
      ${sql.placeholder('userAgent')}::text, ${sql.placeholder('network')}::text, ${sql.placeholder('network')}::text
    from locked_user returning id`);
  const token = db.$with('first_token', { hash: refreshTokens.hash }).as(sql`
    insert into refresh_tokens (hash, session_id, created_at)
    select ${sql.placeholder('tokenHash')}::text, id, ${at('createdAt')} from new_session returning hash`);
  return db.with(user, cleanup, session, token).select({ hash: sql<string>`hash` }).from(token);
});

/**
 * Inserts a session and its first refresh token, provided that the user is not disabled and their
 * password hash is still `passwordHash`. Locks the user, so it waits for a concurrent change of
 * either, and a later change sees the session. Also deletes the user's sessions that expired long
 * ago. A single statement, so it needs no transaction.
 * @returns whether the session was inserted.
 */
export async function insertSession(
  db: Db,
  session: NewSession,
  passwordHash: string | null,
  tokenHash: string,
): Promise<boolean> {
  const longAgo = new Date(session.createdAt.getTime() - retention);
  const tokens = await sessionInsert(db).execute({ ...session, passwordHash, tokenHash, longAgo });
  return tokens.length === 1;
}

/**
 * Finds a refresh token with its session and user, and locks the token until the transaction ends.
 * @returns undefined if the session is not active or the user is disabled.
 */
export async function lockRefreshToken(tx: Tx, hash: string, now: Date) {
  const [row] = await tx
    .select({ token: refreshTokens, session: sessions, user: users })
    .from(refreshTokens)
    .innerJoin(sessions, eq(sessions.id, refreshTokens.sessionId))
    .innerJoin(users, eq(users.id, sessions.userId))
    .where(and(eq(refreshTokens.hash, hash), isActiveAt(now), isNull(users.disabledAt)))
    .for('update', { of: refreshTokens });
  return row;
}

/** Finds the session of a refresh token, used or not. */
export async function findSessionByToken(db: Db, hash: string): Promise<SessionRow | undefined> {
  const [row] = await db
    .select({ session: sessions })
    .from(refreshTokens)
    .innerJoin(sessions, eq(sessions.id, refreshTokens.sessionId))
    .where(eq(refreshTokens.hash, hash));
  return row?.session;
}

export async function markTokenUsed(
  tx: Tx,
  hash: string,
  client: { usedBy: string; usedByAgent: string },
  now: Date,
): Promise<void> {
  await tx
    .update(refreshTokens)
    .set({ usedAt: now, ...client })
    .where(eq(refreshTokens.hash, hash));
}

/** Inserts a refresh token unless it exists: a token's successor is always the same. */
export async function insertRefreshToken(tx: Tx, hash: string, sessionId: SessionId, now: Date): Promise<void> {
  await tx.insert(refreshTokens).values({ hash, sessionId, createdAt: now }).onConflictDoNothing();
}

/** Finds the refresh token that has one of the hashes; at most one exists. */
export async function findRefreshToken(tx: Tx, hashes: string[]) {
  const [token] = await tx.select().from(refreshTokens).where(inArray(refreshTokens.hash, hashes));
  return token;
}

export async function updateSession(
  tx: Tx,
  id: SessionId,
  changes: Pick<SessionRow, 'expiresAt' | 'lastUsedAt' | 'userAgent' | 'network'>,
): Promise<void> {
  await tx.update(sessions).set(changes).where(eq(sessions.id, id));
}

/** Counts a repeated response of a session. @returns false if it has reached `max`. */
export async function countRetry(tx: Tx, id: SessionId, max: number): Promise<boolean> {
  const counted = await tx
    .update(sessions)
    .set({ refreshRetries: sql`${sessions.refreshRetries} + 1` })
    .where(and(eq(sessions.id, id), lt(sessions.refreshRetries, max)))
    .returning({ id: sessions.id });
  return counted.length === 1;
}

/** Lists a user's active sessions, newest first, up to `limit` plus one. */
export function listSessions(
  db: Db,
  userId: UserId,
  now: Date,
  { limit, cursor }: { limit: number; cursor?: SessionId },
) {
  return db
    .select()
    .from(sessions)
    .where(
      and(eq(sessions.userId, userId), isActiveAt(now), cursor === undefined ? undefined : lt(sessions.id, cursor)),
    )
    .orderBy(desc(sessions.id))
    .limit(limit + 1);
}

/** Ends one session of a user. @returns whether it was active. */
export async function markSessionEnded(db: Db, userId: UserId, id: SessionId, now: Date): Promise<boolean> {
  const ended = await db
    .update(sessions)
    .set({ endedAt: now })
    .where(and(eq(sessions.id, id), eq(sessions.userId, userId), isActiveAt(now)))
    .returning({ id: sessions.id });
  return ended.length === 1;
}

/** Ends the sessions of a user, except `exceptId`. @returns how many were active. */
export async function markSessionsEnded(db: Db, userId: UserId, now: Date, exceptId?: SessionId): Promise<number> {
  const ended = await db
    .update(sessions)
    .set({ endedAt: now })
    .where(
      and(eq(sessions.userId, userId), isActiveAt(now), exceptId === undefined ? undefined : ne(sessions.id, exceptId)),
    )
    .returning({ id: sessions.id });
  return ended.length;
}

const isActiveAt = (now: Date) => isActiveSession(sql`${sql.param(now, sessions.expiresAt)}`);
