import type { Acting } from '../accounts/enter.ts';
import type { Tx } from '../database/database.ts';
import type { UserId } from '../ids.ts';
import { requireNotAbove, requirePermission } from '../permissions/rules.ts';
import { Problem } from '../problems.ts';
import { requireNotOwner } from './rules.ts';
import { findMember, type MemberRow } from './store.ts';

/** A member whom the caller may change or remove: the rules that all such changes share, in order. */
export async function requireManageable(tx: Tx, acting: Acting, userId: UserId): Promise<MemberRow> {
  requirePermission(acting, 'members:manage');
  const member = await findMember(tx, acting.account.id, userId);
  if (!member) throw new Problem('not-found');
  requireNotOwner(acting.account, userId);
  requireNotAbove(acting, member.membership);
  return member;
}
