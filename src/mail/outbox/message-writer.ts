import type { Tx } from '../../database/database.ts';
import type { Mail } from '../mail.ts';
import type { Sender } from './recipient-limit.ts';
import type { OutboxRow } from './store.ts';

/** What a promised mail is about. */
export type QueuedMessage = Pick<
  OutboxRow,
  'id' | 'accountId' | 'inviteId' | 'sending' | 'registrationId' | 'passwordResetId' | 'emailChangeId' | 'userId'
>;

/** What came of a try to send a mail: the mail service has it, it is tried again, it is given up, or there is no such mailbox. */
export interface SendingResult {
  event: 'sent' | 'retrying' | 'failed' | 'bounced';
  /** Which try it was, counted from 1. */
  attempt: number;
  reason: string | null;
}

/**
 * A mail that is dropped for a reason that its sender should know: its delivery status is `failed`.
 */
export interface WithheldMessage {
  withheld: string;
}

/** A mail that is about to be sent. */
export interface WrittenMessage extends Omit<Mail, 'deliveryId'> {
  /** Who caused it, if not its recipient (see `recipient-limit.ts`). */
  sender?: Sender;
}

/** How one kind of promised mail is written, by the feature that promises it. */
export interface MessageWriter {
  /**
   * Writes it from what is true now; undefined if it is obsolete, or the reason why it is not sent.
   */
  write(message: QueuedMessage, now: Date): Promise<WrittenMessage | WithheldMessage | undefined>;
  /** Records that it is delayed, why, and until when, in the transaction that moves its due time. */
  delayed?(tx: Tx, message: QueuedMessage, delay: { reason: string; dueAt: Date }): Promise<void>;
  /** Keeps what came of a try to send it, in the transaction that settles the promise. */
  settled?(tx: Tx, message: QueuedMessage, settlement: SendingResult, now: Date): Promise<void>;
}

export type MessageWriters = Record<OutboxRow['kind'], MessageWriter>;
