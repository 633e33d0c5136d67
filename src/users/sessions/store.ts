import { and, desc, eq, inArray, isNull, lt, ne, sql } from 'drizzle-orm';
import { isActiveSession } from '../../credentials/session-status.ts';
import type { Db, Tx } from '../../database/database.ts';
import { refreshTokens, sessions, users } from '../../database/schema.ts';
import { placeholderFor, prepared } from '../../database/statements.ts';
import type { SessionId, UserId } from '../../ids/ids.ts';

export type SessionRow = typeof sessions.$inferSelect;
export type NewSession = Omit<SessionRow, 'endedAt' | 'lastUsedAt' | 'loginNetwork' | 'refreshRetries'>;

/** Milliseconds for which a session that is over is kept: where someone logged in from is remembered that long. */
const memory = 90 * 24 * 3_600_000;

const login = prepared('find_login', (db) =>
  db
    .select({
      user: users,
      // In a list of columns, the query builder takes the table's name from before a column.
      isKnownNetwork: sql<boolean>`exists (
        select from sessions where sessions.user_id = users.id and sessions.login_network = ${sql.placeholder('network')})`,
    })
    .from(users)
    .where(eq(users.email, placeholderFor(users.email, 'email'))),
);

/** The user of an address, and whether they have logged in from a network before. */
export async function findLogin(db: Db, email: string, network: string) {
  const [found] = await login(db).execute({ email, network });
  return found;
}

const open = prepared('open_session', (db) => {
  const at = (name: string) => sql`${placeholderFor(sessions.createdAt, name)}::timestamptz`;
  const userId = sql`${placeholderFor(sessions.userId, 'userId')}::uuid`;
  const holder = db.$with('holder', { id: users.id }).as(sql`
    select id from users
    where id = ${userId} and disabled_at is null
      and password_hash is not distinct from ${sql.placeholder('passwordHash')}::text
    for share`);
  const forgotten = db.$with('forgotten', { id: sessions.id }).as(sql`
    delete from sessions where user_id = ${userId} and expires_at < ${at('longAgo')} returning id`);
  const opened = db.$with('opened', { id: sessions.id }).as(sql`
    insert into sessions (id, user_id, created_at, expires_at, user_agent, network, login_network)
    select ${placeholderFor(sessions.id, 'id')}::uuid, id, ${at('createdAt')}, ${at('expiresAt')},
      ${sql.placeholder('userAgent')}::text, ${sql.placeholder('network')}::text, ${sql.placeholder('network')}::text
    from holder returning id`);
  const first = db.$with('first', { hash: refreshTokens.hash }).as(sql`
    insert into refresh_tokens (hash, session_id, created_at)
    select ${sql.placeholder('tokenHash')}::text, id, ${at('createdAt')} from opened returning hash`);
  return db.with(holder, forgotten, opened, first).select({ hash: sql<string>`hash` }).from(first);
});

/**
 * A session and its first refresh token, of a user who is not disabled and whose password is still the one that was proven.
 * It waits for whoever is changing that, and whoever changes it later finds the session. Forgets the user's
 * sessions that were over long ago. One statement, and so a transaction by itself.
 * @returns whether it was opened.
 */
export async function insertSession(
  db: Db,
  session: NewSession,
  passwordHash: string | null,
  tokenHash: string,
): Promise<boolean> {
  const longAgo = new Date(session.createdAt.getTime() - memory);
  const opened = await open(db).execute({ ...session, passwordHash, tokenHash, longAgo });
  return opened.length === 1;
}

/** A refresh token with its session and user, as long as the session stands; the token is held until the transaction ends. */
export async function lockRefreshToken(tx: Tx, hash: string, now: Date) {
  const [found] = await tx
    .select({ token: refreshTokens, session: sessions, user: users })
    .from(refreshTokens)
    .innerJoin(sessions, eq(sessions.id, refreshTokens.sessionId))
    .innerJoin(users, eq(users.id, sessions.userId))
    .where(and(eq(refreshTokens.hash, hash), isActiveAt(now), isNull(users.disabledAt)))
    .for('update', { of: refreshTokens });
  return found;
}

/** The session of a refresh token, old or new. */
export async function findSessionOfToken(db: Db, hash: string): Promise<SessionRow | undefined> {
  const [found] = await db
    .select({ session: sessions })
    .from(refreshTokens)
    .innerJoin(sessions, eq(sessions.id, refreshTokens.sessionId))
    .where(eq(refreshTokens.hash, hash));
  return found?.session;
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

/** Keeps the token that follows one. That it is there already is no mistake: it is the same each time. */
export async function insertRefreshToken(tx: Tx, hash: string, sessionId: SessionId, now: Date): Promise<void> {
  await tx.insert(refreshTokens).values({ hash, sessionId, createdAt: now }).onConflictDoNothing();
}

/** The one refresh token of some hashes that is there. */
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

/** Counts a repeated answer of a session. @returns false if the limit is reached. */
export async function countRetry(tx: Tx, id: SessionId, most: number): Promise<boolean> {
  const counted = await tx
    .update(sessions)
    .set({ refreshRetries: sql`${sessions.refreshRetries} + 1` })
    .where(and(eq(sessions.id, id), lt(sessions.refreshRetries, most)))
    .returning({ id: sessions.id });
  return counted.length === 1;
}

/** Sessions of a user that stand, newest first, one more than `limit`. */
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

/** Ends one session of a user. @returns whether it stood. */
export async function markSessionEnded(db: Db, userId: UserId, id: SessionId, now: Date): Promise<boolean> {
  const ended = await db
    .update(sessions)
    .set({ endedAt: now })
    .where(and(eq(sessions.id, id), eq(sessions.userId, userId), isActiveAt(now)))
    .returning({ id: sessions.id });
  return ended.length === 1;
}

/** Ends the sessions of a user, all or all but one. @returns how many stood. */
export async function markSessionsEnded(db: Db, userId: UserId, now: Date, butFor?: SessionId): Promise<number> {
  const ended = await db
    .update(sessions)
    .set({ endedAt: now })
    .where(
      and(eq(sessions.userId, userId), isActiveAt(now), butFor === undefined ? undefined : ne(sessions.id, butFor)),
    )
    .returning({ id: sessions.id });
  return ended.length;
}

const isActiveAt = (now: Date) => isActiveSession(sql`${sql.param(now, sessions.expiresAt)}`);
