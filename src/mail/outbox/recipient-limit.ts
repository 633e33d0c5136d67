import type { AccountId, UserId } from '../../ids/ids.ts';
import type { CountedActions, Limiter } from '../../limits/limits.ts';
import type { OutboxRow } from './store.ts';

/**
 * Who can cause a mail of each kind. Mails that others cause share one limit of their recipient,
 * whatever their kind.
 */
const causedBy: Record<OutboxRow['kind'], 'others' | 'anyone' | 'recipient'> = {
  // A person or a key of an account, for any address.
  invite: 'others',
  'invite-reminder': 'others',
  // The owner, for a member.
  'ownership-offered': 'others',
  // Members who manage members, and the platform.
  'membership-removed': 'others',
  // Any user, for any address.
  'email-change': 'others',
  // Anyone who knows the address. These have limits of their own (`register.mails`, `reset.mails`),
  // which no other kind can use up: a person must be able to log in however many mails others
  // cause.
  registration: 'anyone',
  'password-reset': 'anyone',
  // Notices of changes that only the recipient or the operator can make. They must arrive.
  'password-changed': 'recipient',
  'email-changed': 'recipient',
  'identity-linked': 'recipient',
};

/**
 * Who a mail is counted for in addition to its recipient: the person who caused it, or the account.
 */
export type Sender = UserId | AccountId;

/**
 * Milliseconds between a sender's first and second mail when a delay is over. Short, so that a mail
 * which is enqueued when the window ends does not overtake those that have waited for it.
 */
const step = 1_000;
/** Milliseconds after which a waiting mail is obsolete: no invite is valid for longer. */
const longestWait = 91 * 24 * 3_600_000;

/**
 * Counts a mail that is about to be sent. The caller gives the count back if the mail is not sent.
 */
export async function countMail(
  limiter: Limiter,
  { kind }: OutboxRow,
  { to, sender }: { to: string; sender: Sender | undefined },
  now: Date,
): Promise<CountedActions> {
  const ofSender = sender === undefined ? [] : [{ limit: 'mail.sender' as const, of: `${sender} ${to}` }];
  const tries = [{ limit: 'mail.recipient' as const, of: to }, ...ofSender];
  return limiter.take(causedBy[kind] === 'others' ? tries : [], now);
}

/**
 * When a mail beyond the limit is due: after the window has ended. Mails of the senders who sent
 * the recipient the fewest in the window come first, and of those the one that has waited longest.
 * So a sender of many mails does not delay those of others.
 */
export function dueAfter(until: Date, { counts: [, ofSender = 1] }: CountedActions, { createdAt }: OutboxRow): Date {
  const waited = Math.min(longestWait, Math.max(0, until.getTime() - createdAt.getTime()));
  const place = Math.max(0, ofSender - 1) * step + Math.floor((1 - waited / longestWait) * (step - 1));
  return new Date(until.getTime() + place);
}
