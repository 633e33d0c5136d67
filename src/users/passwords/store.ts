import { and, eq, gt } from 'drizzle-orm';
import type { Db, Tx } from '../../database/database.ts';
import { passwordResets, users } from '../../database/schema.ts';
import type { PasswordResetId, UserId } from '../../ids/ids.ts';
import { enqueue, type MessageToSend } from '../../mail/outbox/enqueue.ts';

export type PasswordResetRow = typeof passwordResets.$inferSelect;

/** Stores a password reset and enqueues its mail. A single statement: it needs no transaction. */
export async function insertPasswordReset(db: Db, reset: PasswordResetRow, mail: MessageToSend): Promise<void> {
  const { id: passwordResetId, createdAt } = reset;
  const insertion = db
    .$with('insertion')
    .as(db.insert(passwordResets).values(reset).returning({ id: passwordResets.id }));
  await enqueue(db.with(insertion), { ...mail, kind: 'password-reset', passwordResetId }, createdAt);
}

export async function findPasswordReset(db: Db, id: PasswordResetId, now: Date): Promise<PasswordResetRow | undefined> {
  const [reset] = await db
    .select()
    .from(passwordResets)
    .where(and(eq(passwordResets.id, id), gt(passwordResets.expiresAt, now)));
  return reset;
}

/**
 * Deletes every password reset of an address.
 * @returns the resets that this transaction deleted.
 */
export async function deletePasswordResets(tx: Tx, email: string): Promise<PasswordResetRow[]> {
  return tx.delete(passwordResets).where(eq(passwordResets.email, email)).returning();
}

/** Replaces a user's password hash. @returns false if it is no longer `from`. */
export async function replacePasswordHash(db: Db, id: UserId, from: string, to: string): Promise<boolean> {
  const updated = await db
    .update(users)
    .set({ passwordHash: to })
    .where(and(eq(users.id, id), eq(users.passwordHash, from)))
    .returning({ id: users.id });
  return updated.length === 1;
}
