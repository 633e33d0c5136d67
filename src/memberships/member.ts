import type { MemberRow } from './store.ts';

/** A member as the API shows them. */
export function memberOf({ membership, user, inviter, ownerId }: MemberRow) {
  const { id, allPermissions, permissions, suspendedAt, createdAt } = membership;
  return {
    id,
    user,
    access: { allPermissions, permissions },
    isOwner: membership.userId === ownerId,
    status: suspendedAt === null ? ('active' as const) : ('suspended' as const),
    since: createdAt,
    invitedBy: inviter,
  };
}
