import { membershipStatusAt } from '../accounts/membership-status.ts';
import { pickAccess } from '../permissions/access.ts';
import type { MemberRow } from './store.ts';

/** A member as the API shows them. */
export function toMemberView({ membership, user, inviter, isOwner }: MemberRow, now: Date) {
  const { id, createdAt } = membership;
  return {
    id,
    user,
    access: pickAccess(membership),
    isOwner,
    status: membershipStatusAt(membership, now),
    since: createdAt,
    invitedBy: inviter,
  };
}
