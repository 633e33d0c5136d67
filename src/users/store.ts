import { and, eq, gt, isNull } from 'drizzle-orm';
import { type Db, placeholderFor, prepared, type Tx } from '../database/database.ts';
import { outbox, refreshTokens, registrations, sessions, users } from '../database/schema.ts';
import type { DeliveryId, RegistrationId, SessionId, UserId } from '../ids.ts';

export type UserRow = typeof users.$inferSelect;
export type RegistrationRow = typeof registrations.$inferSelect;

const byEmail = prepared((db) =>
  db
    .select()
    .from(users)
    .where(eq(users.email, placeholderFor(users.email, 'email')))
    .prepare('find_user_by_email'),
);

export async function findUserByEmail(db: Db, email: string): Promise<UserRow | undefined> {
  const [user] = await byEmail(db).execute({ email });
  return user;
}

const bySession = prepared((db) =>
  db
    .select({ user: users })
    .from(sessions)
    .innerJoin(users, eq(users.id, sessions.userId))
    .where(
      and(
        eq(sessions.id, placeholderFor(sessions.id, 'sessionId')),
        eq(sessions.userId, placeholderFor(sessions.userId, 'userId')),
        isNull(sessions.endedAt),
        gt(sessions.expiresAt, placeholderFor(sessions.expiresAt, 'now')),
      ),
    )
    .prepare('find_user_by_session'),
);

/** The user of a session that stands at `now`. */
export async function findUserBySession(
  db: Db,
  session: { sessionId: SessionId; userId: UserId; now: Date },
): Promise<UserRow | undefined> {
  const [found] = await bySession(db).execute({ ...session });
  return found?.user;
}

/** Keeps a registration and promises its mail. One statement, and so a transaction by itself. */
export async function insertRegistration(db: Db, registration: RegistrationRow, deliveryId: DeliveryId): Promise<void> {
  const kept = db.$with('kept').as(db.insert(registrations).values(registration).returning({ id: registrations.id }));
  const { id: registrationId, createdAt } = registration;
  await db.with(kept).insert(outbox).values({
    id: deliveryId,
    kind: 'registration',
    registrationId,
    status: 'queued',
    attempts: 0,
    dueAt: createdAt,
    createdAt,
  });
}

export async function findRegistration(db: Db, id: RegistrationId): Promise<RegistrationRow | undefined> {
  const [found] = await db.select().from(registrations).where(eq(registrations.id, id));
  return found;
}

/** Takes a registration whose time is not over, so that nobody else can. */
export async function deleteRegistration(tx: Tx, id: RegistrationId, now: Date): Promise<RegistrationRow | undefined> {
  const [taken] = await tx
    .delete(registrations)
    .where(and(eq(registrations.id, id), gt(registrations.expiresAt, now)))
    .returning();
  return taken;
}

/** @returns whether it was inserted: false where a user with this address exists. */
export async function insertUser(tx: Tx, user: UserRow): Promise<boolean> {
  const inserted = await tx
    .insert(users)
    .values(user)
    .onConflictDoNothing({ target: users.email })
    .returning({ id: users.id });
  return inserted.length === 1;
}

/** A session and its first refresh token. One statement, and so a transaction by itself. */
export async function insertSession(
  db: Db,
  session: { id: SessionId; userId: UserId; createdAt: Date; expiresAt: Date },
  tokenHash: string,
): Promise<void> {
  const opened = db.$with('opened').as(db.insert(sessions).values(session).returning({ id: sessions.id }));
  await db
    .with(opened)
    .insert(refreshTokens)
    .values({ hash: tokenHash, sessionId: session.id, createdAt: session.createdAt });
}

/** Marks a refresh token as used. @returns its session and whether it had been used before; undefined for one that never was. */
export async function useRefreshToken(
  tx: Tx,
  hash: string,
  now: Date,
): Promise<{ sessionId: SessionId; wasUsed: boolean } | undefined> {
  const [token] = await tx.select().from(refreshTokens).where(eq(refreshTokens.hash, hash)).for('update');
  if (!token) return undefined;
  if (token.usedAt === null) await tx.update(refreshTokens).set({ usedAt: now }).where(eq(refreshTokens.hash, hash));
  return { sessionId: token.sessionId, wasUsed: token.usedAt !== null };
}

export async function findSessionUser(tx: Tx, sessionId: SessionId, now: Date): Promise<UserRow | undefined> {
  const [found] = await tx
    .select({ user: users })
    .from(sessions)
    .innerJoin(users, eq(users.id, sessions.userId))
    .where(and(eq(sessions.id, sessionId), isNull(sessions.endedAt), gt(sessions.expiresAt, now)));
  return found?.user;
}

export async function insertRefreshToken(tx: Tx, hash: string, sessionId: SessionId, now: Date): Promise<void> {
  await tx.insert(refreshTokens).values({ hash, sessionId, createdAt: now });
}

export async function markSessionEnded(tx: Tx, sessionId: SessionId, now: Date): Promise<void> {
  await tx
    .update(sessions)
    .set({ endedAt: now })
    .where(and(eq(sessions.id, sessionId), isNull(sessions.endedAt)));
}
