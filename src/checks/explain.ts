import { enterAccount } from '../accounts/enter.ts';
import { isActiveMember } from '../accounts/store.ts';
import type { AccountId, UserId } from '../ids.ts';
import { namedMemberToRead } from '../memberships/named.ts';
import { findMember } from '../memberships/store.ts';
import { earlier } from '../permissions/holding.ts';
import { type Reason, reasonOf, type Source } from '../permissions/sources.ts';
import { listSources } from '../permissions/sources-store.ts';
import { listKeys } from '../permissions/store.ts';
import { Problem } from '../problems.ts';
import type { Caller, Service } from '../service.ts';

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
  const userId = namedMemberToRead(memberId, caller, await enterAccount(db, caller, accountId));
  const member = await findMember(db, accountId, userId);
  if (!member) throw new Problem('not-found');
  if (!(await isActiveMember(db, accountId, userId, caller.now))) return [];
  const { endsAt, allPermissions } = member.membership;
  const keys = await listKeys(db);
  if (member.isOwner) return keys.map((it) => ({ permission: it, reasons: [{ by: 'owner' as const, endsAt: null }] }));
  if (allPermissions) {
    return keys.map((it) => ({ permission: it, reasons: [{ by: 'all-permissions' as const, endsAt }] }));
  }
  const sources = await listSources(db, accountId, userId, caller.now);
  const reasons = reasonsOf(sources, endsAt);
  return keys.flatMap((permission) => {
    const found = reasons.get(permission);
    return found ? [{ permission, reasons: found }] : [];
  });
}

/** How many reasons an answer gives for one permission. */
const mostReasons = 1000;

/**
 * The reasons for each permission, in one pass over the sources: a member may have thousands of
 * grants.
 */
function reasonsOf(sources: readonly Source[], membershipEndsAt: Date | null): Map<string, Explained[]> {
  const reasons = new Map<string, Explained[]>();
  for (const source of sources) {
    const limits = limitsOf(source, membershipEndsAt);
    for (const permission of source.covers) {
      const found = reasons.get(permission) ?? [];
      if (found.length < mostReasons) found.push({ ...reasonOf(source, permission), ...limits });
      reasons.set(permission, found);
    }
  }
  return reasons;
}

function limitsOf({ resourceType, resourceId, condition, endsAt }: Source, membershipEndsAt: Date | null) {
  return {
    ...(resourceType !== null && { resource: { type: resourceType, ...(resourceId !== null && { id: resourceId }) } }),
    ...(Object.keys(condition).length > 0 && { condition }),
    endsAt: earlier(endsAt === null ? null : new Date(endsAt), membershipEndsAt),
  };
}
