import { Problem } from '../problems/problem.ts';
import { type EffectiveAccess, hasPermission } from './access.ts';
import { asOf, missingPermissions } from './comparison.ts';
import type { UsherPermission } from './usher-permissions.ts';

/** @throws permission-missing, naming it. */
export function requirePermission(context: EffectiveAccess, permission: UsherPermission): void {
  if (!hasPermission(context, permission)) {
    throw new Problem('permission-missing', `This needs the permission ${permission}.`, { permission });
  }
}

/** Nobody hands out what they do not hold, nor for longer than they hold it. @throws cannot-grant, naming what is missing. */
export function requireGrantable(context: EffectiveAccess, given: EffectiveAccess): void {
  const missing = missingPermissions(context, given);
  if (missing.length === 0) return;
  throw new Problem('cannot-grant', `You do not hold ${named(missing)} yourself, or not for as long.`, { missing });
}

/** A member can't change or remove someone who holds more than they do. @throws cannot-grant, naming what is missing. */
export function requireNotAbove(context: EffectiveAccess & { now: Date }, target: EffectiveAccess): void {
  const missing = missingPermissions(context, asOf(context.now, target));
  if (missing.length > 0) {
    throw new Problem('cannot-grant', `This person holds ${named(missing)}, which you do not.`, { missing });
  }
}

/** What an invite gives is compared once more with what its inviter holds at that moment. @throws inviter-cannot-grant. */
export function requireInviterCanGrant(inviter: EffectiveAccess | undefined, given: EffectiveAccess): void {
  if (!inviter || missingPermissions(inviter, given).length > 0) throw new Problem('inviter-cannot-grant');
}

/** How many permissions a sentence names. */
const namedAtMost = 10;

function named(missing: string[]): string {
  if (missing[0] === '*') return 'all permissions';
  const more = missing.length - namedAtMost;
  return missing.slice(0, namedAtMost).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
