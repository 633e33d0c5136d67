import { platformUserId, type UserId } from '../ids/ids.ts';
import { Problem } from '../problems/problem.ts';
import { type InviteStatus, statusAt } from './status.ts';

/** @throws `invite-…` with the status of an invite that is not pending. */
export function requirePending(invite: { status: InviteStatus; expiresAt: Date }, now: Date): void {
  const status = statusAt(invite, now);
  if (status !== 'pending') throw new Problem(`invite-${status}`);
}

/**
 * An expired invite can still be resent or revoked.
 * @throws `invite-…` with the status of an invite that was accepted, declined or revoked.
 */
export function requireUndecided(invite: { status: InviteStatus }): void {
  const { status } = invite;
  if (status !== 'pending' && status !== 'expired') throw new Problem(`invite-${status}`);
}

/** Resending an invite invalidates its older links. @throws invite-link-replaced. */
export function requireNewestLink(invite: { sendings: number }, link: { sending: number }): void {
  if (link.sending !== invite.sendings) throw new Problem('invite-link-replaced');
}

/**
 * Only a user with the invited address can accept, unless the account accepts any address.
 * @throws invite-for-another-address.
 */
export function requireAddressee(
  invite: { email: string },
  account: { acceptFromAnyAddress: boolean },
  user: { email: string },
): void {
  if (invite.email !== user.email && !account.acceptFromAnyAddress) throw new Problem('invite-for-another-address');
}

/**
 * Only the platform can grant ownership by an invite, and only while it owns the account.
 * @throws cannot-grant for any other caller, account-has-owner.
 */
export function requireCanGrantOwnership(
  context: { isPerson: boolean; allPermissions: boolean; userId: UserId; account: { ownerId: UserId } },
  { ownership }: { ownership: boolean },
): void {
  if (!ownership) return;
  if (context.isPerson || context.userId !== context.account.ownerId)
    throw new Problem('cannot-grant', 'Only the platform can grant ownership by an invite.');
  if (context.account.ownerId !== platformUserId) throw new Problem('account-has-owner');
}

/**
 * An ownership invite can be accepted only while the platform owns the account.
 * @throws inviter-cannot-grant.
 */
export function requireOwnedByPlatform(account: { ownerId: UserId }, { ownership }: { ownership: boolean }): void {
  if (ownership && account.ownerId !== platformUserId) throw new Problem('inviter-cannot-grant');
}
