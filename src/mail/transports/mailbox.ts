import { desc, eq } from 'drizzle-orm';
import type { Db } from '../../database/database.ts';
import { mailbox } from '../../database/schema.ts';
import type { Transport } from '../mail.ts';

/**
 * Stores mails in the development mailbox instead of sending them. A mail sent twice is stored
 * once.
 */
export function mailboxTransport(db: Db): Transport {
  return async ({ deliveryId: id, to: recipient, subject, text, html }, sentAt) => {
    await db.insert(mailbox).values({ id, recipient, subject, text, html, sentAt }).onConflictDoNothing();
    return { outcome: 'sent' };
  };
}

/** The newest 100 mails, optionally only those to one address. */
export function listMails(db: Db, to?: string) {
  return db
    .select()
    .from(mailbox)
    .where(to === undefined ? undefined : eq(mailbox.recipient, to))
    .orderBy(desc(mailbox.sentAt), desc(mailbox.id))
    .limit(100);
}
