import { and, eq, gt } from 'drizzle-orm';
import type { Db, Tx } from '../../database/database.ts';
import { passwordResets, users } from '../../database/schema.ts';
import type { PasswordResetId, UserId } from '../../ids/ids.ts';
import { enqueue, type MessageToSend } from '../../mail/outbox/enqueue.ts';

export type PasswordResetRow = typeof passwordResets.$inferSelect;

/**
 * Stores a requested reset and enqueues its mail. One statement, and so a transaction by itself.
 */
export async function insertPasswordReset(db: Db, reset: PasswordResetRow, mail: MessageToSend): Promise<void> {
  const { id: passwordResetId, createdAt } = reset;
  const kept = db.$with('kept').as(db.insert(passwordResets).values(reset).returning({ id: passwordResets.id }));
  await enqueue(db.with(kept), { ...mail, kind: 'password-reset', passwordResetId }, createdAt);
}

export async function findPasswordReset(db: Db, id: PasswordResetId, now: Date): Promise<PasswordResetRow | undefined> {
  const [found] = await db
    .select()
    .from(passwordResets)
    .where(and(eq(passwordResets.id, id), gt(passwordResets.expiresAt, now)));
  return found;
}

/** Takes every reset that an address asked for. @returns those that were there, for nobody else to take. */
export async function deletePasswordResets(tx: Tx, email: string): Promise<PasswordResetRow[]> {
  return tx.delete(passwordResets).where(eq(passwordResets.email, email)).returning();
}

/** Writes a hash in place of another, unless it was replaced meanwhile. @returns whether it was written. */
export async function replacePasswordHash(db: Db, id: UserId, from: string, to: string): Promise<boolean> {
  const written = await db
    .update(users)
    .set({ passwordHash: to })
    .where(and(eq(users.id, id), eq(users.passwordHash, from)))
    .returning({ id: users.id });
  return written.length === 1;
}
