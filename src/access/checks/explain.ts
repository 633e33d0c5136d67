import { enterAccount } from '../../accounts/enter.ts';
import { isActiveMember } from '../../accounts/store.ts';
import type { Caller } from '../../credentials/caller.ts';
import { type AccountId, type GrantId, idOf, type RoleId, type UserId } from '../../ids/ids.ts';
import { memberIdToRead } from '../../memberships/member-id.ts';
import { findMember } from '../../memberships/store.ts';
import type { GrantSource } from '../../permissions/effective-access.ts';
import { earlierEnd } from '../../permissions/granted-permission.ts';
import { findOrigins } from '../../permissions/sources-store.ts';
import { listPermissionKeys } from '../../permissions/store.ts';
import { Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';

/** Why someone has a permission. */
type Reason =
  | { by: 'owner' | 'all-permissions' }
  | { by: 'direct'; impliedBy?: string }
  | { by: 'role'; role: { id: RoleId; name: string }; impliedBy?: string }
  | { by: 'grant'; grantId: GrantId; impliedBy?: string };

/** One reason, with where and until when it holds. */
type Explained = Reason & {
  resource?: { type: string; id?: string };
  condition?: object;
  endsAt: Date | null;
};

/**
 * Each permission that a member has, in the catalogue's order, and why: by being the owner, by all
 * permissions, by a role, by name, by a grant, or implied by another one. A member who is suspended
 * or disabled, or whose membership has ended, has none.
 * @throws not-found, permission-missing for asking about others.
 */
export async function explainPermissions(
  { db }: Service,
  caller: Caller,
  accountId: AccountId,
  memberId: UserId | 'me',
) {
  const userId = memberIdToRead(memberId, caller, await enterAccount(db, caller, accountId));
  const member = await findMember(db, accountId, userId);
  if (!member) throw new Problem('not-found');
  if (!(await isActiveMember(db, accountId, userId, caller.now))) return [];
  const { endsAt, allPermissions } = member.membership;
  const keys = await listPermissionKeys(db);
  if (member.isOwner) return keys.map((it) => ({ permission: it, reasons: [{ by: 'owner' as const, endsAt: null }] }));
  if (allPermissions) {
    return keys.map((it) => ({ permission: it, reasons: [{ by: 'all-permissions' as const, endsAt }] }));
  }
  const origins = await findOrigins(db, accountId, userId, caller.now);
  const reasons = origins ? reasonsIn(origins, endsAt) : new Map<string, Explained[]>();
  return keys.flatMap((permission) => {
    const found = reasons.get(permission);
    return found ? [{ permission, reasons: found }] : [];
  });
}

/** How many reasons an answer gives for one permission, and for all of them. */
const mostReasons = { each: 1_000, all: 10_000 };

type Origins = NonNullable<Awaited<ReturnType<typeof findOrigins>>>;

/**
 * The reasons for each permission, in one pass over the origins: a member may have thousands of
 * grants. If there are too many, each permission still has its first.
 */
function reasonsIn({ permissions, roles, grants, covers }: Origins, endsAt: Date | null): Map<string, Explained[]> {
  const reasons = new Map<string, Explained[]>();
  let count = 0;
  const add = (given: string, reason: Explained) => {
    for (const permission of covers[given] ?? []) {
      const found = reasons.get(permission) ?? [];
      if (found.length >= mostReasons.each || (count >= mostReasons.all && found.length > 0)) continue;
      found.push(permission === given ? reason : ({ ...reason, impliedBy: given } as Explained));
      reasons.set(permission, found);
      count += 1;
    }
  };
  for (const it of permissions) add(it, { by: 'direct', endsAt });
  for (const { id, name, permissions } of roles) {
    for (const it of permissions) add(it, { by: 'role', role: { id, name }, endsAt });
  }
  for (const it of grants) add(it.permission, { by: 'grant', grantId: idOf('grt', it.id), ...limitsOf(it, endsAt) });
  return reasons;
}

function limitsOf({ resourceType, resourceId, condition, endsAt }: GrantSource, membershipEndsAt: Date | null) {
  return {
    ...(resourceType !== null && { resource: { type: resourceType, ...(resourceId !== null && { id: resourceId }) } }),
    ...(Object.keys(condition).length > 0 && { condition }),
    endsAt: earlierEnd(endsAt === null ? null : new Date(endsAt), membershipEndsAt),
  };
}
