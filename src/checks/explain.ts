import { enterAccount } from '../accounts/enter.ts';
import { isActiveMember } from '../accounts/store.ts';
import type { AccountId, UserId } from '../ids.ts';
import { findMember } from '../memberships/store.ts';
import { earlier } from '../permissions/holding.ts';
import { requirePermission } from '../permissions/rules.ts';
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
 * Each permission that a member has, in the catalogue's order, and why: by being the owner, by all permissions, by a role, by name,
 * by a grant, or implied by another one. A member who is suspended or disabled, or whose membership has ended, has none.
 * @throws not-found, permission-missing for asking about others.
 */
export async function explainPermissions({ db }: Service, caller: Caller, accountId: AccountId, userId: UserId) {
  const acting = await enterAccount(db, caller, accountId);
  const isSelf = userId === acting.userId && acting.isPerson;
  if (!isSelf) requirePermission(acting, 'members:read');
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
  return keys
    .map((permission) => ({ permission, reasons: reasonsFor(permission, sources, endsAt) }))
    .filter((it) => it.reasons.length > 0);
}

/** How many reasons an answer gives for one permission. */
const mostReasons = 1000;

function reasonsFor(permission: string, sources: readonly Source[], membershipEndsAt: Date | null): Explained[] {
  return sources
    .filter((it) => it.covers.includes(permission))
    .slice(0, mostReasons)
    .map((it) => ({ ...reasonOf(it, permission), ...limitsOf(it, membershipEndsAt) }));
}

function limitsOf({ resourceType, resourceId, condition, endsAt }: Source, membershipEndsAt: Date | null) {
  return {
    ...(resourceType !== null && { resource: { type: resourceType, ...(resourceId !== null && { id: resourceId }) } }),
    ...(Object.keys(condition).length > 0 && { condition }),
    endsAt: earlier(endsAt === null ? null : new Date(endsAt), membershipEndsAt),
  };
}
