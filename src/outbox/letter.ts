import type { Tx } from '../database/database.ts';
import type { Mail } from '../mail/mail.ts';
import type { OutboxRow } from './store.ts';

/** What a promised mail is about. */
export type Promised = Pick<
  OutboxRow,
  'accountId' | 'inviteId' | 'sending' | 'registrationId' | 'passwordResetId' | 'emailChangeId' | 'userId'
>;

/** How one kind of promised mail is written, by the feature that promises it. */
export interface Letter {
  /** Writes it from what is true now; undefined where there is nothing to say any more. */
  write(promised: Promised, now: Date): Promise<Omit<Mail, 'deliveryId'> | undefined>;
  /** Keeps, in the transaction that settles the promise, that it was sent. */
  sent?(tx: Tx, promised: Promised, now: Date): Promise<void>;
}

export type Letters = Record<OutboxRow['kind'], Letter>;
