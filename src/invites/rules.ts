import { platformUserId, type UserId } from '../ids/ids.ts';
import { Problem } from '../problems/problem.ts';
import { type InviteStatus, statusAt } from './status.ts';

/** @throws the problem that names why an invite can't be decided on any more. */
export function requirePending(invite: { status: InviteStatus; expiresAt: Date }, now: Date): void {
  const status = statusAt(invite, now);
  if (status !== 'pending') throw new Problem(`invite-${status}`);
}

/** Whoever was invited may still be asked, after its time too. @throws the problem that names why not. */
export function requireUndecided(invite: { status: InviteStatus }): void {
  const { status } = invite;
  if (status !== 'pending' && status !== 'expired') throw new Problem(`invite-${status}`);
}

/** Resending makes the older link dead. @throws invite-link-replaced. */
export function requireNewestLink(invite: { sendings: number }, link: { sending: number }): void {
  if (link.sending !== invite.sendings) throw new Problem('invite-link-replaced');
}

/** An invite is for its address, unless the account takes any. @throws invite-for-another-address. */
export function requireAddressee(
  invite: { email: string },
  account: { acceptFromAnyAddress: boolean },
  user: { email: string },
): void {
  if (invite.email !== user.email && !account.acceptFromAnyAddress) throw new Problem('invite-for-another-address');
}

/**
 * The ownership is given by an invite only by the platform, while it keeps the account itself.
 * @throws cannot-grant for anyone else, account-has-owner.
 */
export function requireOwnershipGrantable(
  context: { isPerson: boolean; allPermissions: boolean; userId: UserId; account: { ownerId: UserId } },
  { ownership }: { ownership: boolean },
): void {
  if (!ownership) return;
  if (context.isPerson || context.userId !== context.account.ownerId)
    throw new Problem('cannot-grant', 'Only the platform gives the ownership by an invite.');
  if (context.account.ownerId !== platformUserId) throw new Problem('account-has-owner');
}

/** An invite that makes an owner is good as long as the platform keeps the account. @throws inviter-cannot-grant. */
export function requireKeptByPlatform(account: { ownerId: UserId }, { ownership }: { ownership: boolean }): void {
  if (ownership && account.ownerId !== platformUserId) throw new Problem('inviter-cannot-grant');
}
