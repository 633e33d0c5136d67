import type { DeliveryId } from '../ids/ids.ts';
import type { WrittenMail } from './write.ts';

/** A mail, ready to send. */
export interface Mail {
  /** Opaque. The only metadata that a mail service gets. */
  deliveryId: DeliveryId;
  to: string;
  subject: string;
  text: string;
  html: string;
  /** The values of the mail, for a mail service that has its own template. */
  about?: WrittenMail['about'];
  /** The URL for one-click unsubscription (RFC 8058), if the mail can be unsubscribed from. */
  listUnsubscribe?: string;
}

/**
 * The outcome of an attempt to send a mail. Reasons are shown to people, and contain no address,
 * key or content.
 */
export type SendOutcome =
  | { outcome: 'sent' }
  /**
   * The mail service rejects it permanently. `isBounce`: the mailbox does not exist or accepts no
   * mail.
   */
  | { outcome: 'refused'; reason: string; isBounce?: boolean }
  /** Try again later, after `retryAfter` seconds if the mail service named a time. */
  | { outcome: 'deferred'; reason: string; retryAfter?: number };

/** Sends a mail. Never throws: a failure is an outcome. */
export type Transport = (mail: Mail, now: Date) => Promise<SendOutcome>;

/** The `From` of every mail. */
export interface MailFrom {
  name: string;
  email: string;
}
