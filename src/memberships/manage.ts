import type { Acting } from '../accounts/enter.ts';
import type { Tx } from '../database/database.ts';
import type { UserId } from '../ids.ts';
import type { EffectiveAccess } from '../permissions/access.ts';
import { requireNotAbove, requirePermission } from '../permissions/rules.ts';
import { effectiveAccess } from '../permissions/sources.ts';
import { listSources } from '../permissions/sources-store.ts';
import { Problem } from '../problems.ts';
import { requireNotOwner } from './rules.ts';
import { findMember, type MemberRow } from './store.ts';

/** A member whom the caller may change or remove: the rules that all such changes share, in order. */
export async function requireManageable(tx: Tx, acting: Acting, userId: UserId): Promise<MemberRow> {
  requirePermission(acting, 'members:manage');
  const member = await findMember(tx, acting.account.id, userId);
  if (!member) throw new Problem('not-found');
  requireNotOwner(acting.account, userId);
  requireNotAbove(acting, await effectiveAccessOf(tx, acting, member.membership));
  return member;
}

/** What a member may do, on single resources too. Whoever has all permissions is above nobody, so that it need not be read. */
export async function effectiveAccessOf(
  tx: Tx,
  { account, now }: Acting,
  { userId, allPermissions, endsAt }: MemberRow['membership'],
): Promise<EffectiveAccess> {
  const sources = allPermissions ? null : await listSources(tx, account.id, userId, now);
  return effectiveAccess({ isOwner: account.ownerId === userId, allPermissions, endsAt, sources });
}
