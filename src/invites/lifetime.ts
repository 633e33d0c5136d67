import type { AccountRow } from '../accounts/store.ts';
import { newId } from '../ids/ids.ts';
import { earlierEnd } from '../permissions/granted-permission.ts';
import type { InviteMessages } from './create-store.ts';

const day = 24 * 3_600_000;

/**
 * When an invite sent at `now` expires: after `days`, or when its access ends if that is earlier.
 */
export function inviteExpiryFrom(now: Date, days: number, accessEndsAt: Date | null): Date {
  return earlierEnd(addDays(now, days), accessEndsAt) ?? addDays(now, days);
}

const addDays = (time: Date, days: number) => new Date(time.getTime() + days * day);

/**
 * New ids for the messages of one sending. There is a reminder if the account has reminders enabled
 * and the time for it is after `sentAt`.
 */
export function newInviteMessages({ remindDaysBefore }: AccountRow, sentAt: Date, expiresAt: Date): InviteMessages {
  const dueAt = remindDaysBefore === null ? sentAt : addDays(expiresAt, -remindDaysBefore);
  const reminder = dueAt > sentAt ? { deliveryId: newId('dlv'), dueAt } : null;
  return { deliveryId: newId('dlv'), eventId: newId('evt'), reminder };
}
