import { type AccountId, platformUserId, type UserId } from '../ids/ids.ts';
import type { Service } from '../service.ts';

/**
 * Counts a mail to an invitee: by who sends it, for which account, and to whom. A refused attempt
 * enqueues no mail and is not counted. How many mails an address gets is limited when they are sent
 * (`mail/outbox/recipient-limit.ts`).
 * @throws too-many-requests, and what `send` throws.
 */
export function countSending<T>(
  { limiter }: Pick<Service, 'limiter'>,
  { accountId, userId, email }: { accountId: AccountId; userId: UserId; email: string },
  now: Date,
  send: () => Promise<T>,
): Promise<T> {
  const ofAccount = [
    { limit: 'invites.account', of: accountId },
    { limit: 'invites.pair', of: `${accountId} ${email}` },
  ] as const;
  const ofInviter = [
    { limit: 'invites.inviter', of: userId },
    { limit: 'invites.pair', of: `${userId} ${email}` },
  ] as const;
  // The platform invites an owner into each of any number of accounts.
  const tries = userId === platformUserId ? ofAccount : [...ofAccount, ...ofInviter];
  return limiter.counting(tries, now, send);
}

/** How many invites of an account may be pending beside a new one; null for any number. */
export const pendingBefore = ({ config }: Pick<Service, 'config'>): number | null =>
  config.pendingInvitesMax === 0 ? null : config.pendingInvitesMax - 1;
