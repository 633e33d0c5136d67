import type { Db } from '../database/database.ts';
import type { AccountId } from '../ids/ids.ts';
import { invalidField } from '../problems/problem.ts';
import { type Access, accountWideAccess, type EffectiveAccess } from './access.ts';
import { isInFuture } from './granted-permission.ts';
import { type ExistingAccess, findExistingAccess } from './store.ts';

/** What an access comes to, in an account: every permission of it, and of its roles. What does not exist gives nothing. */
export async function resolveAccess(db: Db, accountId: AccountId, access: Access): Promise<EffectiveAccess> {
  return combineAccess(access, await findExisting(db, accountId, access));
}

/** The permissions and roles of an access that exist in an account, and what they come to. */
export async function resolveExistingAccess(db: Db, accountId: AccountId, access: Access) {
  const givable = await findExisting(db, accountId, access);
  const permissions = access.permissions.filter((it) => givable.permissions.includes(it));
  const roles = access.roles.filter((it) => idsOf(givable).includes(it));
  return { existing: { permissions, roles }, effect: combineAccess(access, givable) };
}

/**
 * The same for an access that is asked for, which has to name what there is, and to end in the future.
 * @throws invalid-request for a permission that the catalogue does not have, a role that is not the account's, or an end that is over.
 */
export async function resolveRequestedAccess(
  db: Db,
  accountId: AccountId,
  access: Access,
  { now, pointer = '/access' }: { now: Date; pointer?: string },
): Promise<EffectiveAccess> {
  requireFutureEnd(access.endsAt, now, `${pointer}/endsAt`);
  const givable = await findExisting(db, accountId, access);
  requireAllExist(access.permissions, givable.permissions, `${pointer}/permissions`, notInCatalogue);
  requireAllExist(access.roles, idsOf(givable), `${pointer}/roles`, 'holds a role that this account does not have');
  return combineAccess(access, givable);
}

/** @throws invalid-request for a time that is over, or is none. */
export function requireFutureEnd(endsAt: Date | null, now: Date, pointer: string): void {
  if (endsAt !== null && !isInFuture(endsAt, now)) throw invalidField(pointer, 'must be a time in the future');
}

export const notInCatalogue = 'holds a permission that the catalogue does not have';

/** @throws invalid-request where a list holds something that is not among what there is. */
export function requireAllExist(
  wanted: readonly string[],
  there: readonly string[],
  pointer: string,
  detail: string,
): void {
  if (wanted.some((it) => !there.includes(it))) throw invalidField(pointer, detail);
}

const nothing: ExistingAccess = { permissions: [], roles: [] };

async function findExisting(db: Db, accountId: AccountId, access: Access): Promise<ExistingAccess> {
  const isEmpty = access.permissions.length + access.roles.length === 0;
  return isEmpty ? nothing : findExistingAccess(db, { accountId, ...access });
}

/** What an access comes to, of what there is. */
export function combineAccess(
  { allPermissions, endsAt }: Access,
  { permissions, roles }: ExistingAccess,
): EffectiveAccess {
  if (allPermissions) return { allPermissions, endsAt, grantedPermissions: [] };
  return accountWideAccess([...new Set([...permissions, ...roles.flatMap((it) => it.permissions)])], endsAt);
}

const idsOf = ({ roles }: ExistingAccess) => roles.map((it) => it.id);
