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

/** Why a member has a permission. */
type Reason =
  | { by: 'owner' | 'all-permissions' }
  | { by: 'direct'; impliedBy?: string }
  | { by: 'role'; role: { id: RoleId; name: string }; impliedBy?: string }
  | { by: 'grant'; grantId: GrantId; impliedBy?: string };

/** A reason, with the resource, condition and time that it is limited to. */
type LimitedReason = Reason & {
  resource?: { type: string; id?: string };
  condition?: object;
  endsAt: Date | null;
};

/**
 * Lists the permissions of a member, in the catalogue's order, with the reasons for each: as the
 * owner, by all permissions, by a role, directly, by a grant, or implied by another permission.
 * Empty for a member who is suspended or disabled, or whose membership has ended.
 * @throws not-found, permission-missing if the caller may not read other members.
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
  const reasons = origins ? collectReasons(origins, endsAt) : new Map<string, LimitedReason[]>();
  return keys.flatMap((permission) => {
    const found = reasons.get(permission);
    return found ? [{ permission, reasons: found }] : [];
  });
}

/** The maximum number of reasons for one permission, and in total. */
const maxReasons = { each: 1_000, all: 10_000 };

type Origins = NonNullable<Awaited<ReturnType<typeof findOrigins>>>;

/**
 * Collects the reasons for each permission in one pass, since a member may have thousands of
 * grants. Above the total limit, each permission still gets its first reason.
 */
function collectReasons(
  { permissions, roles, grants, covers }: Origins,
  endsAt: Date | null,
): Map<string, LimitedReason[]> {
  const reasons = new Map<string, LimitedReason[]>();
  let count = 0;
  const add = (origin: string, reason: LimitedReason) => {
    for (const permission of covers[origin] ?? []) {
      const found = reasons.get(permission) ?? [];
      if (found.length >= maxReasons.each || (count >= maxReasons.all && found.length > 0)) continue;
      found.push(permission === origin ? reason : ({ ...reason, impliedBy: origin } as LimitedReason));
      reasons.set(permission, found);
      count += 1;
    }
  };
  for (const it of permissions) add(it, { by: 'direct', endsAt });
  for (const { id, name, permissions } of roles) {
    for (const it of permissions) add(it, { by: 'role', role: { id, name }, endsAt });
  }
  for (const it of grants) add(it.permission, { by: 'grant', grantId: idOf('grt', it.id), ...toLimits(it, endsAt) });
  return reasons;
}

function toLimits({ resourceType, resourceId, condition, endsAt }: GrantSource, membershipEndsAt: Date | null) {
  return {
    ...(resourceType !== null && { resource: { type: resourceType, ...(resourceId !== null && { id: resourceId }) } }),
    ...(Object.keys(condition).length > 0 && { condition }),
    endsAt: earlierEnd(endsAt === null ? null : new Date(endsAt), membershipEndsAt),
  };
}
