import { type SQL, sql } from 'drizzle-orm';
import type { Db, Tx } from '../../database/database.ts';
import { outbox } from '../../database/schema.ts';
import type { DeliveryId } from '../../ids/ids.ts';

type OutboxInsert = typeof outbox.$inferInsert;

/** A message for the outbox: its kind, and the ids of its subject. */
export interface NewMessage
  extends Pick<
    OutboxInsert,
    'kind' | 'accountId' | 'inviteId' | 'sending' | 'registrationId' | 'passwordResetId' | 'emailChangeId' | 'userId'
  > {
  id: DeliveryId;
  /** When to send it. Default: now. */
  dueAt?: Date;
  /** False: stored as dropped, by the same statement, so that both cases take equally long. */
  isSent?: boolean;
}

/** Which message it is, and whether it is sent. */
export type MessageToSend = Pick<NewMessage, 'id' | 'isSent'>;

function toRow({ dueAt, isSent = true, ...message }: NewMessage, now: Date) {
  const status = isSent ? { status: 'queued' as const } : { status: 'dropped' as const, settledAt: now };
  return { ...message, ...status, attempts: 0, dueAt: dueAt ?? now, createdAt: now };
}

/**
 * Inserts messages in the transaction of the change that causes them. Only this file inserts into
 * the outbox.
 * @param into a transaction, or a statement that begins with a CTE (`db.with(…)`).
 */
export async function enqueue(
  into: Tx | ReturnType<Db['with']>,
  messages: NewMessage | readonly NewMessage[],
  now: Date,
): Promise<void> {
  await into.insert(outbox).values([messages].flat().map((it) => toRow(it, now)));
}

/**
 * The same as SQL, for use as a CTE.
 * @param messages a query of `id`, `kind`, `account_id`, `invite_id`, `sending`, `due_at` and
 * `created_at`.
 */
export const enqueueFrom = (messages: SQL) => sql`
  insert into outbox (id, kind, account_id, invite_id, sending, status, attempts, due_at, created_at)
  select id, kind, account_id, invite_id, sending, 'queued', 0, due_at, created_at from (${messages}) message
  returning id`;
