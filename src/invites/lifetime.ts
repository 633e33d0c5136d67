import type { AccountRow } from '../accounts/store.ts';
import { newId } from '../ids/ids.ts';
import { earlierEnd } from '../permissions/granted-permission.ts';
import type { InviteMessages } from './create-store.ts';

const day = 24 * 3_600_000;

/** When an invite that is sent now expires: after some days, and no later than what it gives. */
export function inviteExpiryFrom(now: Date, days: number, accessEndsAt: Date | null): Date {
  return earlierEnd(after(now, days), accessEndsAt) ?? after(now, days);
}

const after = (time: Date, days: number) => new Date(time.getTime() + days * day);

/**
 * The mails of a sending: its own at once, and one that reminds of it before it expires, where the account wishes it and the
 * invite lives longer than that.
 */
export function newInviteMessages({ remindDaysBefore }: AccountRow, sentAt: Date, expiresAt: Date): InviteMessages {
  const dueAt = remindDaysBefore === null ? sentAt : after(expiresAt, -remindDaysBefore);
  const reminder = dueAt > sentAt ? { deliveryId: newId('dlv'), dueAt } : null;
  return { deliveryId: newId('dlv'), eventId: newId('evt'), reminder };
}
