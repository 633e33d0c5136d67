import { and, eq, gt } from 'drizzle-orm';
import type { Db, Tx } from '../../database/database.ts';
import { registrations } from '../../database/schema.ts';
import type { RegistrationId } from '../../ids/ids.ts';
import { enqueue, type MessageToSend } from '../../mail/outbox/enqueue.ts';

export type RegistrationRow = typeof registrations.$inferSelect;

/** Stores a registration and enqueues its mail. A single statement: it needs no transaction. */
export async function insertRegistration(db: Db, registration: RegistrationRow, mail: MessageToSend): Promise<void> {
  const { id: registrationId, createdAt } = registration;
  const insertion = db
    .$with('insertion')
    .as(db.insert(registrations).values(registration).returning({ id: registrations.id }));
  await enqueue(db.with(insertion), { ...mail, kind: 'registration', registrationId }, createdAt);
}

export async function findRegistration(db: Db, id: RegistrationId, now: Date): Promise<RegistrationRow | undefined> {
  const [registration] = await db
    .select()
    .from(registrations)
    .where(and(eq(registrations.id, id), gt(registrations.expiresAt, now)));
  return registration;
}

/**
 * Deletes every registration of an address.
 * @returns the ids of the registrations that this transaction deleted.
 */
export async function deleteRegistrations(tx: Tx, email: string): Promise<RegistrationId[]> {
  const deleted = await tx
    .delete(registrations)
    .where(eq(registrations.email, email))
    .returning({ id: registrations.id });
  return deleted.map((it) => it.id);
}
