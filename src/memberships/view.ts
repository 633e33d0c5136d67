import { membershipStatusAt } from '../accounts/membership-status.ts';
import { accessIn } from '../permissions/access.ts';
import type { MemberRow } from './store.ts';

/** A member as the API shows them. */
export function memberOf({ membership, user, inviter, isOwner }: MemberRow, now: Date) {
  const { id, createdAt } = membership;
  return {
    id,
    user,
    access: accessIn(membership),
    isOwner,
    status: membershipStatusAt(membership, now),
    since: createdAt,
    invitedBy: inviter,
  };
}
