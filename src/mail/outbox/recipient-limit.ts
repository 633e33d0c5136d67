import type { AccountId, UserId } from '../../ids/ids.ts';
import type { CountedActions, Limiter } from '../../limits/limits.ts';
import type { OutboxRow } from './store.ts';

/**
 * Who can cause a mail of each kind. All mails that others cause share one limit for each
 * recipient.
 */
const causedBy: Record<OutboxRow['kind'], 'others' | 'anyone' | 'recipient'> = {
  // Members and API keys of an account, to any address.
  invite: 'others',
  'invite-reminder': 'others',
  // The owner, to a member.
  'ownership-offered': 'others',
  // Members who manage members, and the platform.
  'membership-removed': 'others',
  // Any user, to any address.
  'email-change': 'others',
  // Anyone who knows the address. These have their own limits (`register.mails`, `reset.mails`), so
  // that other mails can't stop a person from logging in.
  registration: 'anyone',
  'password-reset': 'anyone',
  // Notices of changes that only the recipient or the operator can make. They are never delayed.
  'password-changed': 'recipient',
  'email-changed': 'recipient',
  'identity-linked': 'recipient',
};

/** The user or account that caused a mail. The mail counts for them and for its recipient. */
export type Sender = UserId | AccountId;

/**
 * Milliseconds between the delayed mails of one sender. Short, so that a mail that is enqueued when
 * the window ends does not overtake the delayed ones.
 */
const step = 1_000;
/** Milliseconds. No invite is valid for longer, so no mail waits longer. */
const maxWait = 91 * 24 * 3_600_000;

/** Counts a mail before it is sent. The caller must call `giveBack` if it is not sent. */
export async function countMail(
  limiter: Limiter,
  { kind }: OutboxRow,
  { to, sender }: { to: string; sender: Sender | undefined },
  now: Date,
): Promise<CountedActions> {
  const senderTries = sender === undefined ? [] : [{ limit: 'mail.sender' as const, of: `${sender} ${to}` }];
  const tries = [{ limit: 'mail.recipient' as const, of: to }, ...senderTries];
  return limiter.take(causedBy[kind] === 'others' ? tries : [], now);
}

/**
 * When a mail beyond the limit is due: after `until`, the end of the window. Mails of the senders
 * who sent the fewest in the window come first, oldest first, so that a sender of many mails does
 * not delay those of others.
 */
export function dueAfter(
  until: Date,
  { counts: [, sentBySender = 1] }: CountedActions,
  { createdAt }: OutboxRow,
): Date {
  const waited = Math.min(maxWait, Math.max(0, until.getTime() - createdAt.getTime()));
  const offset = Math.max(0, sentBySender - 1) * step + Math.floor((1 - waited / maxWait) * (step - 1));
  return new Date(until.getTime() + offset);
}
