import { and, eq, ne } from 'drizzle-orm';
import type { Db, Tx } from '../database/database.ts';
import { users } from '../database/schema.ts';
import { platformUserId, type UserId } from '../ids/ids.ts';

export type PlatformUserRow = typeof users.$inferSelect;

const isPerson = ne(users.id, platformUserId);

export async function findPersonByExternalId(db: Db, externalId: string): Promise<PlatformUserRow | undefined> {
  const [found] = await db
    .select()
    .from(users)
    .where(and(eq(users.externalId, externalId), isPerson));
  return found;
}

export async function findPerson(db: Db, by: { id: UserId } | { email: string }): Promise<PlatformUserRow | undefined> {
  const isUser = 'id' in by ? eq(users.id, by.id) : eq(users.email, by.email);
  const [found] = await db.select().from(users).where(and(isUser, isPerson));
  return found;
}

export async function updateExternalId(
  db: Db,
  id: UserId,
  externalId: string | null,
): Promise<PlatformUserRow | undefined> {
  const [updated] = await db
    .update(users)
    .set({ externalId })
    .where(and(eq(users.id, id), isPerson))
    .returning();
  return updated;
}

/**
 * Creates or renames the user that represents the platform.
 * @param name the platform's name in mails and lists.
 */
export async function upsertPlatformUser(tx: Tx, name: string, now: Date): Promise<void> {
  // Disabled, so that nobody can log in as the platform.
  const row = { id: platformUserId, email: platformEmail, name, createdAt: now, disabledAt: now };
  await tx.insert(users).values(row).onConflictDoUpdate({ target: users.id, set: { name } });
}

/** An address that no person can have: `canonicalEmail` refuses the domain `invalid`. */
const platformEmail = 'platform@usher.invalid';
