import { pickAccess } from '../permissions/access.ts';
import { toDeliveryView } from './deliveries/view.ts';
import type { listInvitesFor } from './invitee-store.ts';
import { statusAt } from './status.ts';
import type { ListedInvite } from './store.ts';

/** An invite as the API shows it to its account, with its status at `now`. */
export function toInviteView(
  { invite, inviter, sendingStopped }: Pick<ListedInvite, 'invite' | 'inviter' | 'sendingStopped'>,
  now: Date,
) {
  const { id, email, ownership, message, locale, createdAt, expiresAt, sendings, lastSentAt } = invite;
  const status = statusAt(invite, now);
  const { lastAttemptAt: at, lastAttemptReason: reason } = invite;
  return {
    id,
    email,
    access: pickAccess(invite),
    ownership,
    status,
    message,
    locale,
    invitedBy: { id: inviter.id, name: inviter.name },
    invitedByKey: invite.invitedByKey,
    createdAt,
    expiresAt,
    sendings,
    lastSentAt,
    delivery: toDeliveryView({ ...invite, status }, sendingStopped),
    lastAttempt: at === null || reason === null ? null : { at, reason },
  };
}

/** An invite as the API shows it to its invitee. */
export function toMyInviteView({ invite, inviter, account }: Awaited<ReturnType<typeof listInvitesFor>>[number]) {
  const { id, message, createdAt, expiresAt } = invite;
  return { id, account, invitedBy: inviter, access: pickAccess(invite), message, createdAt, expiresAt };
}
