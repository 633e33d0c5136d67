import type { DeliveryId } from '../ids/ids.ts';
import type { WrittenMail } from './write.ts';

/** A mail, written and ready to leave. */
export interface Mail {
  /** Opaque; the only thing about the mail that a mail service is told beside the mail. */
  deliveryId: DeliveryId;
  to: string;
  subject: string;
  text: string;
  html: string;
  /** What the words were made of, for a mail service that has words of its own. */
  about?: WrittenMail['about'];
  /** Where a mail client asks for no more mails like it, by one POST (RFC 8058); unless said, it can't. */
  listUnsubscribe?: string;
}

/** What came of trying to send a mail. Reasons are for a person and hold no address, key or content. */
export type Outcome =
  | { outcome: 'sent' }
  /** The mail service will never take it; where it is a bounce, because the address does not exist or takes no mail. */
  | { outcome: 'refused'; reason: string; isBounce?: boolean }
  /** It may take it later: after that many seconds, where it said so. */
  | { outcome: 'deferred'; reason: string; retryAfter?: number };

/** A way for mails to leave. It never throws: whatever goes wrong is an outcome. */
export type Transport = (mail: Mail, now: Date) => Promise<Outcome>;

/** The `From` of every mail. */
export interface MailFrom {
  name: string;
  email: string;
}
