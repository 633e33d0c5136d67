import { Problem } from '../problems/problem.ts';
import { type EffectiveAccess, hasPermission } from './access.ts';
import { asOf, missingPermissions } from './comparison.ts';
import type { UsherPermission } from './usher-permissions.ts';

/**
 * @throws permission-missing with the permission, unless the caller has it in the whole account.
 */
export function requirePermission(context: EffectiveAccess, permission: UsherPermission): void {
  if (!hasPermission(context, permission)) {
    throw new Problem('permission-missing', `This call requires the permission ${permission}.`, { permission });
  }
}

/**
 * Nobody can grant a permission that they do not have, nor grant it in more places, on weaker
 * conditions or for longer than they have it.
 * @param context the effective access of the caller.
 * @param granted what the change would give.
 * @throws cannot-grant with the missing permissions.
 */
export function requireGrantable(context: EffectiveAccess, granted: EffectiveAccess): void {
  const missing = missingPermissions(context, granted);
  if (missing.length === 0) return;
  throw new Problem('cannot-grant', `You do not have ${toListText(missing)} yourself, or not to the same extent.`, {
    missing,
  });
}

/**
 * Nobody can change or remove a member who now has more permissions than they have. When
 * permissions end is not compared.
 * @param context the effective access of the caller.
 * @param target the effective access of the member.
 * @throws cannot-grant with the missing permissions.
 */
export function requireNotAbove(context: EffectiveAccess & { now: Date }, target: EffectiveAccess): void {
  const missing = missingPermissions(context, asOf(context.now, target));
  if (missing.length > 0) {
    throw new Problem(
      'cannot-grant',
      `This member has ${toListText(missing)}, which you do not have to the same extent.`,
      { missing },
    );
  }
}

/**
 * On accept, the inviter must still be able to grant what the invite gives.
 * @param inviter the effective access of the inviter now; undefined if they are not active.
 * @throws inviter-cannot-grant.
 */
export function requireInviterCanGrant(inviter: EffectiveAccess | undefined, granted: EffectiveAccess): void {
  if (!inviter || missingPermissions(inviter, granted).length > 0) throw new Problem('inviter-cannot-grant');
}

/** The most permissions that a message lists. */
const maxListed = 10;

function toListText(missing: string[]): string {
  if (missing[0] === '*') return 'all permissions';
  const more = missing.length - maxListed;
  return missing.slice(0, maxListed).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
