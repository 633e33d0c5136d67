import type { listInvitesFor } from './invitee-store.ts';
import { statusAt } from './rules.ts';
import type { InviteRow } from './store.ts';

/** An invite as the account that made it sees it, at a time. */
export function inviteOf(invite: InviteRow, invitedBy: { id: InviteRow['invitedBy']; name: string }, now: Date) {
  const { id, email, allPermissions, permissions, message, locale, createdAt, expiresAt, sendings, lastSentAt } =
    invite;
  const { lastAttemptAt: at, lastAttemptReason: reason } = invite;
  return {
    id,
    email,
    access: { allPermissions, permissions },
    status: statusAt(invite, now),
    message,
    locale,
    invitedBy: { id: invitedBy.id, name: invitedBy.name },
    createdAt,
    expiresAt,
    sendings,
    lastSentAt,
    lastAttempt: at === null || reason === null ? null : { at, reason },
  };
}

/** An invite as the person it is for sees it. */
export function myInviteOf({ invite, inviter, account }: Awaited<ReturnType<typeof listInvitesFor>>[number]) {
  const { id, allPermissions, permissions, message, createdAt, expiresAt } = invite;
  return { id, account, invitedBy: inviter, access: { allPermissions, permissions }, message, createdAt, expiresAt };
}
