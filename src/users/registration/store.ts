import { and, eq, gt } from 'drizzle-orm';
import type { Db, Tx } from '../../database/database.ts';
import { registrations } from '../../database/schema.ts';
import type { RegistrationId } from '../../ids/ids.ts';
import { enqueue, type MessageToSend } from '../../mail/outbox/enqueue.ts';

export type RegistrationRow = typeof registrations.$inferSelect;

/** Stores a registration and enqueues its mail. One statement, and so a transaction by itself. */
export async function insertRegistration(db: Db, registration: RegistrationRow, mail: MessageToSend): Promise<void> {
  const { id: registrationId, createdAt } = registration;
  const kept = db.$with('kept').as(db.insert(registrations).values(registration).returning({ id: registrations.id }));
  await enqueue(db.with(kept), { ...mail, kind: 'registration', registrationId }, createdAt);
}

export async function findRegistration(db: Db, id: RegistrationId, now: Date): Promise<RegistrationRow | undefined> {
  const [found] = await db
    .select()
    .from(registrations)
    .where(and(eq(registrations.id, id), gt(registrations.expiresAt, now)));
  return found;
}

/**
 * Deletes every registration of an address.
 * @returns the ids of those that this transaction deleted.
 */
export async function deleteRegistrations(tx: Tx, email: string): Promise<RegistrationId[]> {
  const deleted = await tx
    .delete(registrations)
    .where(eq(registrations.email, email))
    .returning({ id: registrations.id });
  return deleted.map((it) => it.id);
}
