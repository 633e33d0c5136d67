import { and, eq, gt, isNull } from 'drizzle-orm';
import type { Db, Tx } from '../database/database.ts';
import { emailChanges, users } from '../database/schema.ts';
import type { DeliveryId, EmailChangeId, UserId } from '../ids/ids.ts';
import { enqueue } from '../mail/outbox/enqueue.ts';

export type EmailChangeRow = typeof emailChanges.$inferSelect;

/** Replaces a user's unconfirmed address changes by a new one, and enqueues its mail. */
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

/** How long a new address can be confirmed, in milliseconds from the due time of its mail. */
const emailChangeLifetime = 24 * 3_600_000;
/** When a change expires at the latest, in milliseconds after its request. */
const maxEmailChangeLifetime = 7 * emailChangeLifetime;

export const emailChangeExpiry = (mailDueAt: Date) => new Date(mailDueAt.getTime() + emailChangeLifetime);

/** Extends a change whose mail is delayed, so that its link is valid for the full time. */
export async function postponeEmailChange(tx: Tx, id: EmailChangeId, mailDueAt: Date): Promise<void> {
  const change = await findEmailChange(tx, id);
  if (!change) return;
  const latest = new Date(change.createdAt.getTime() + maxEmailChangeLifetime);
  const expiresAt = new Date(Math.min(emailChangeExpiry(mailDueAt).getTime(), latest.getTime()));
  await tx.update(emailChanges).set({ expiresAt }).where(eq(emailChanges.id, id));
}

/** Deletes a user's unconfirmed address changes. */
export async function deleteEmailChanges(tx: Tx, userId: UserId): Promise<void> {
  await tx.delete(emailChanges).where(and(eq(emailChanges.userId, userId), isNull(emailChanges.confirmedAt)));
}

export async function findEmailChange(db: Db, id: EmailChangeId): Promise<EmailChangeRow | undefined> {
  const [change] = await db.select().from(emailChanges).where(eq(emailChanges.id, id));
  return change;
}

/**
 * Marks an address change as confirmed.
 * @returns the change; undefined if it was confirmed before, has expired or does not exist.
 */
export async function markEmailChangeConfirmed(tx: Tx, id: EmailChangeId, now: Date) {
  const [change] = await tx
    .update(emailChanges)
    .set({ confirmedAt: now })
    .where(and(eq(emailChanges.id, id), isNull(emailChanges.confirmedAt), gt(emailChanges.expiresAt, now)))
    .returning();
  return change as EmailChangeRow | undefined;
}

/**
 * Replaces the address of a user.
 * @returns false if the user is disabled or no longer has the old address.
 */
export async function replaceEmail(tx: Tx, { userId, oldEmail, email }: EmailChangeRow): Promise<boolean> {
  const updated = await tx
    .update(users)
    .set({ email })
    .where(and(eq(users.id, userId), eq(users.email, oldEmail), isNull(users.disabledAt)))
    .returning({ id: users.id });
  return updated.length === 1;
}
