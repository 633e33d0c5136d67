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
    status: statusOf(membership, now),
    since: createdAt,
    invitedBy: inviter,
  };
}

function statusOf({ suspendedAt, endsAt }: MemberRow['membership'], now: Date) {
  if (suspendedAt !== null) return 'suspended' as const;
  return endsAt !== null && endsAt <= now ? ('ended' as const) : ('active' as const);
}
