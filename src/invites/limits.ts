import { type AccountId, platformUserId, type UserId } from '../ids/ids.ts';
import type { Service } from '../service.ts';

/**
 * Counts an invite mail against the limits of the account, the inviter and the address, then calls
 * `send`. If `send` throws a problem, nothing is counted. The limit on all mails to an address
 * applies when they are sent (`mail/outbox/recipient-limit.ts`).
 * @throws too-many-requests, and what `send` throws.
 */
export function countSending<T>(
  { limiter }: Pick<Service, 'limiter'>,
  { accountId, userId, email }: { accountId: AccountId; userId: UserId; email: string },
  now: Date,
  send: () => Promise<T>,
): Promise<T> {
  const accountLimits = [
    { limit: 'invites.account', of: accountId },
    { limit: 'invites.pair', of: `${accountId} ${email}` },
  ] as const;
  const inviterLimits = [
    { limit: 'invites.inviter', of: userId },
    { limit: 'invites.pair', of: `${userId} ${email}` },
  ] as const;
  // The platform invites owners into any number of accounts.
  const limits = userId === platformUserId ? accountLimits : [...accountLimits, ...inviterLimits];
  return limiter.countIfDone(limits, now, send);
}

/** How many other invites may be pending when an account creates one; null for no limit. */
export const maxOtherPending = ({ config }: Pick<Service, 'config'>): number | null =>
  config.pendingInvitesMax === 0 ? null : config.pendingInvitesMax - 1;
