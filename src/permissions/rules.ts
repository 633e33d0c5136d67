import { invalidField, Problem } from '../problems.ts';
import { type Access, hasPermission, missingPermissions } from './access.ts';
import type { Catalogue, OwnPermission } from './catalogue.ts';

/** @throws permission-missing, naming it. */
export function requirePermission(acting: Access, permission: OwnPermission): void {
  if (!hasPermission(acting, permission)) {
    throw new Problem('permission-missing', `This needs the permission ${permission}.`, { permission });
  }
}

/** Nobody hands out what they do not hold. @throws cannot-grant, naming what is missing. */
export function requireGrantable(acting: Access, given: Access): void {
  const missing = missingPermissions(acting, given);
  if (missing.length > 0) throw new Problem('cannot-grant', `You do not hold ${named(missing)} yourself.`, { missing });
}

/** A member can't change or remove someone who holds more than they do. @throws cannot-grant, naming what is missing. */
export function requireNotAbove(acting: Access, target: Access): void {
  const missing = missingPermissions(acting, target);
  if (missing.length > 0) {
    throw new Problem('cannot-grant', `This person holds ${named(missing)}, which you do not.`, { missing });
  }
}

/** What an invite gives is compared once more with what its inviter holds at that moment. @throws inviter-cannot-grant. */
export function requireInviterCanGrant(inviter: Access | undefined, given: Access): void {
  if (!inviter || missingPermissions(inviter, given).length > 0) throw new Problem('inviter-cannot-grant');
}

/** @throws invalid-request for a permission that the catalogue does not have. */
export function requireInCatalogue(catalogue: Catalogue, { permissions }: Access): void {
  const unknown = permissions.find((it) => !catalogue.has(it));
  if (unknown !== undefined)
    throw invalidField('/access/permissions', 'holds a permission that the catalogue does not have');
}

const named = (missing: string[]) => (missing[0] === '*' ? 'all permissions' : missing.join(', '));
