import { Problem } from '../problems.ts';

export type InviteStatus = 'pending' | 'accepted' | 'declined' | 'revoked' | 'expired';

/** An invite's status at a time. The one place where expiry is decided. */
export function statusAt({ status, expiresAt }: { status: InviteStatus; expiresAt: Date }, now: Date): InviteStatus {
  return status === 'pending' && expiresAt <= now ? 'expired' : status;
}

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
