import { and, eq, gt, isNull } from 'drizzle-orm';
import type { Db, Tx } from '../database/database.ts';
import { emailChanges, users } from '../database/schema.ts';
import type { DeliveryId, EmailChangeId, UserId } from '../ids/ids.ts';
import { enqueue } from '../mail/outbox/enqueue.ts';

export type EmailChangeRow = typeof emailChanges.$inferSelect;

/** Stores a requested change of address instead of earlier ones, and enqueues its mail. */
export async function insertEmailChange(
  tx: Tx,
  change: Omit<EmailChangeRow, 'confirmedAt'>,
  deliveryId: DeliveryId,
): Promise<void> {
  const { id: emailChangeId, userId, createdAt } = change;
  await deleteEmailChanges(tx, userId);
  await tx.insert(emailChanges).values(change);
  await enqueue(tx, { id: deliveryId, kind: 'email-change', emailChangeId }, createdAt);
}

/** Milliseconds in which a new address can be confirmed, from when its mail is due. */
const emailChangeLifetime = 24 * 3_600_000;
/** Milliseconds after its request at which a change ends, however long its mail is delayed. */
const longestEmailChange = 7 * emailChangeLifetime;

export const emailChangeExpiry = (mailDueAt: Date) => new Date(mailDueAt.getTime() + emailChangeLifetime);

/** Lets a change end later because its mail is delayed, so that its link is valid for as long. */
export async function postponeEmailChange(tx: Tx, id: EmailChangeId, mailDueAt: Date): Promise<void> {
  const change = await findEmailChange(tx, id);
  if (!change) return;
  const latest = new Date(change.createdAt.getTime() + longestEmailChange);
  const expiresAt = new Date(Math.min(emailChangeExpiry(mailDueAt).getTime(), latest.getTime()));
  await tx.update(emailChanges).set({ expiresAt }).where(eq(emailChanges.id, id));
}

/** Takes away what a user asked for and has not confirmed. */
export async function deleteEmailChanges(tx: Tx, userId: UserId): Promise<void> {
  await tx.delete(emailChanges).where(and(eq(emailChanges.userId, userId), isNull(emailChanges.confirmedAt)));
}

export async function findEmailChange(db: Db, id: EmailChangeId): Promise<EmailChangeRow | undefined> {
  const [found] = await db.select().from(emailChanges).where(eq(emailChanges.id, id));
  return found;
}

/** Takes a change that waits and whose time is not over, so that nobody else can. */
export async function markEmailChangeConfirmed(tx: Tx, id: EmailChangeId, now: Date) {
  const [taken] = await tx
    .update(emailChanges)
    .set({ confirmedAt: now })
    .where(and(eq(emailChanges.id, id), isNull(emailChanges.confirmedAt), gt(emailChanges.expiresAt, now)))
    .returning();
  return taken as EmailChangeRow | undefined;
}

/** Replaces the address of a user who may log in. @returns whether it did. */
export async function replaceEmail(tx: Tx, { userId, oldEmail, email }: EmailChangeRow): Promise<boolean> {
  const written = await tx
    .update(users)
    .set({ email })
    .where(and(eq(users.id, userId), eq(users.email, oldEmail), isNull(users.disabledAt)))
    .returning({ id: users.id });
  return written.length === 1;
}
