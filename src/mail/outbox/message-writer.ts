import type { Tx } from '../../database/database.ts';
import type { Mail } from '../mail.ts';
import type { Sender } from './recipient-limit.ts';
import type { OutboxRow } from './store.ts';

/** What a promised mail is about. */
export type Promised = Pick<
  OutboxRow,
  'id' | 'accountId' | 'inviteId' | 'sending' | 'registrationId' | 'passwordResetId' | 'emailChangeId' | 'userId'
>;

/** What came of a try to send a mail: the mail service has it, it is tried again, it is given up, or there is no such mailbox. */
export interface Settlement {
  event: 'sent' | 'retrying' | 'failed' | 'bounced';
  /** Which try it was, counted from 1. */
  attempt: number;
  reason: string | null;
}

/**
 * A mail that is dropped for a reason that its sender should know: its delivery status is `failed`.
 */
export interface Withheld {
  withheld: string;
}

/** A mail that is about to be sent. */
export interface Written extends Omit<Mail, 'deliveryId'> {
  /** Who caused it, if not its recipient (see `recipient-limit.ts`). */
  sender?: Sender;
}

/** How one kind of promised mail is written, by the feature that promises it. */
export interface Letter {
  /**
   * Writes it from what is true now; undefined if it is obsolete, or the reason why it is not sent.
   */
  write(promised: Promised, now: Date): Promise<Written | Withheld | undefined>;
  /** Records that it is delayed, why, and until when, in the transaction that moves its due time. */
  delayed?(tx: Tx, promised: Promised, delay: { reason: string; dueAt: Date }): Promise<void>;
  /** Keeps what came of a try to send it, in the transaction that settles the promise. */
  settled?(tx: Tx, promised: Promised, settlement: Settlement, now: Date): Promise<void>;
}

export type Letters = Record<OutboxRow['kind'], Letter>;
