import { and, eq, isNull } from 'drizzle-orm';
import type { Db, Tx } from '../database/database.ts';
import { users } from '../database/schema.ts';
import { placeholderFor, prepared } from '../database/statements.ts';
import { newId, type UserId } from '../ids/ids.ts';

export type UserRow = typeof users.$inferSelect;

const userByEmail = prepared('find_user_by_email', (db) =>
  db
    .select()
    .from(users)
    .where(eq(users.email, placeholderFor(users.email, 'email'))),
);

export async function findUserByEmail(db: Db, email: string): Promise<UserRow | undefined> {
  const [user] = await userByEmail(db).execute({ email });
  return user;
}

export async function findUser(db: Db, id: UserId): Promise<UserRow | undefined> {
  const [user] = await db.select().from(users).where(eq(users.id, id));
  return user;
}

/**
 * Finds a user and locks them until the transaction ends. Every change of how a user logs in takes
 * this lock before locking rows that belong to the user (resets, address changes, sessions), so
 * that such changes run one after the other and never deadlock.
 */
export async function lockUser(tx: Tx, id: UserId): Promise<UserRow | undefined> {
  const [user] = await tx.select().from(users).where(eq(users.id, id)).for('no key update');
  return user;
}

/**
 * Like `lockUser`, but finds the user only if they are not disabled and their password hash is
 * still `passwordHash`.
 */
export async function lockUserByPassword(tx: Tx, id: UserId, passwordHash: string): Promise<UserRow | undefined> {
  const [user] = await tx
    .select()
    .from(users)
    .where(and(eq(users.id, id), eq(users.passwordHash, passwordHash), isNull(users.disabledAt)))
    .for('no key update');
  return user;
}

/** Locks a user against changes until the transaction ends. The lock is shared. */
export async function lockUserForShare(tx: Tx, id: UserId): Promise<void> {
  await tx.select({ id: users.id }).from(users).where(eq(users.id, id)).for('share');
}

/** A new user whose address is verified. */
export const newUserRow = (
  user: Pick<UserRow, 'email' | 'name' | 'passwordHash' | 'locale' | 'createdAt'>,
): UserRow => ({
  ...user,
  id: newId('usr'),
  externalId: null,
  disabledAt: null,
});

/** @returns false if a user with this address exists. */
export async function insertUser(tx: Tx, user: Omit<UserRow, 'disabledAt' | 'externalId'>): Promise<boolean> {
  const inserted = await tx
    .insert(users)
    .values(user)
    .onConflictDoNothing({ target: users.email })
    .returning({ id: users.id });
  return inserted.length === 1;
}

export async function updateUser(db: Db, id: UserId, changes: Partial<UserRow>): Promise<void> {
  await db.update(users).set(changes).where(eq(users.id, id));
}
