import type { AccountRow } from '../accounts/store.ts';
import { newId } from '../ids.ts';
import type { PromisedMails } from './sending-store.ts';

const day = 24 * 3_600_000;

/** When an invite that is sent now expires. */
export function expiryOf(now: Date, days: number): Date {
  return new Date(now.getTime() + days * day);
}

/**
 * The mails of a sending: its own at once, and one that reminds of it before it expires, where the account wishes it and the
 * invite lives longer than that.
 */
export function mailsOf({ remindDaysBefore }: AccountRow, sentAt: Date, expiresAt: Date): PromisedMails {
  const dueAt = remindDaysBefore === null ? sentAt : expiryOf(expiresAt, -remindDaysBefore);
  const reminder = dueAt > sentAt ? { deliveryId: newId('dlv'), dueAt } : null;
  return { deliveryId: newId('dlv'), eventId: newId('evt'), reminder };
}
