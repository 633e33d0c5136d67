import type { Tx } from '../../database/database.ts';
import type { Mail } from '../mail.ts';
import type { Sender } from './recipient-limit.ts';
import type { OutboxRow } from './store.ts';

/** A message in the outbox: its ids. */
export type QueuedMessage = Pick<
  OutboxRow,
  'id' | 'accountId' | 'inviteId' | 'sending' | 'registrationId' | 'passwordResetId' | 'emailChangeId' | 'userId'
>;

/** The result of an attempt to send a mail. */
export interface SendingResult {
  event: 'sent' | 'retrying' | 'failed' | 'bounced';
  /** Counted from 1. */
  attempt: number;
  reason: string | null;
}

/**
 * A mail that is not sent, for a reason that is shown to its sender. Its delivery status is
 * `failed`.
 */
export interface DroppedMessage {
  dropReason: string;
}

/** A mail to send. */
export interface WrittenMessage extends Omit<Mail, 'deliveryId'> {
  /** The sender that it counts for, if not the recipient caused it (see `recipient-limit.ts`). */
  sender?: Sender;
}

/** Writes one kind of message. Each feature implements the writers of its own messages. */
export interface MessageWriter {
  /** Writes the mail from the current state; undefined if it is obsolete. */
  write(message: QueuedMessage, now: Date): Promise<WrittenMessage | DroppedMessage | undefined>;
  /** Records the delay of a message, in the transaction that changes its due time. */
  onDelayed?(tx: Tx, message: QueuedMessage, delay: { reason: string; dueAt: Date }): Promise<void>;
  /** Records the result of an attempt, in the transaction that updates the message. */
  onResult?(tx: Tx, message: QueuedMessage, result: SendingResult, now: Date): Promise<void>;
}

export type MessageWriters = Record<OutboxRow['kind'], MessageWriter>;
