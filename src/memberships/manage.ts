import type { AccountContext } from '../accounts/enter.ts';
import type { Tx } from '../database/database.ts';
import type { UserId } from '../ids/ids.ts';
import type { EffectiveAccess } from '../permissions/access.ts';
import { effectiveAccess } from '../permissions/effective-access.ts';
import { isAccountWide } from '../permissions/granted-permission.ts';
import { requireNotAbove } from '../permissions/rules.ts';
import { findSources } from '../permissions/sources-store.ts';
import { Problem } from '../problems/problem.ts';
import { requireNotOwner } from './rules.ts';
import { findMember, type MemberRow } from './store.ts';

/**
 * Finds a member and requires that the caller may change or remove them: they are not the owner,
 * and they have no more permissions than the caller. The caller must have `members:manage`, which
 * is not checked here.
 * @throws not-found, owner-protected, cannot-grant.
 */
export async function requireManageable(tx: Tx, context: AccountContext, userId: UserId): Promise<MemberRow> {
  const member = await findMember(tx, context.account.id, userId);
  if (!member) throw new Problem('not-found');
  requireNotOwner(context.account, userId);
  const target = await findEffectiveAccess(tx, context, member);
  const own = target.grantedPermissions.every(isAccountWide) ? context : await withResourceGrants(tx, context);
  requireNotAbove({ ...own, now: context.now }, target);
  return member;
}

/**
 * The caller's access including grants on resources and on conditions, which `enterAccount` does
 * not read. An API key gets none of these: it is limited to what it has in the whole account.
 */
export async function withResourceGrants(tx: Tx, context: AccountContext): Promise<EffectiveAccess> {
  if (context.allPermissions || !context.isPerson) return context;
  const sources = await findSources(tx, context.account.id, context.userId, context.now);
  return effectiveAccess({ isOwner: false, allPermissions: false, endsAt: context.endsAt, sources });
}

/**
 * The effective access of a member, including grants on resources and on conditions. Grants of a
 * member with all permissions are not read, since they add nothing.
 */
export async function findEffectiveAccess(
  tx: Tx,
  { account, now }: AccountContext,
  { user, membership: { allPermissions, endsAt } }: Pick<MemberRow, 'user' | 'membership'>,
): Promise<EffectiveAccess> {
  const sources = allPermissions ? null : await findSources(tx, account.id, user.id, now);
  return effectiveAccess({ isOwner: account.ownerId === user.id, allPermissions, endsAt, sources });
}

/** What the grants of a member would give if the membership ended at `endsAt`. */
export async function findGrantedAccess(
  tx: Tx,
  { account, now }: AccountContext,
  userId: UserId,
  endsAt: Date | null,
): Promise<EffectiveAccess> {
  const sources = await findSources(tx, account.id, userId, now);
  const grants = sources?.grants ?? [];
  return effectiveAccess({ isOwner: false, allPermissions: false, endsAt, sources: { permissions: [], grants } });
}
