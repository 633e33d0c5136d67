import type { Db } from '../database/database.ts';
import type { AccountId } from '../ids/ids.ts';
import { invalidField } from '../problems/problem.ts';
import { type Access, type EffectiveAccess, effective } from './access.ts';
import { isAhead } from './granted-permission.ts';
import { findGivable, type Givable } from './store.ts';

/** What an access comes to, in an account: every permission of it, and of its roles. What does not exist gives nothing. */
export async function effectOf(db: Db, accountId: AccountId, access: Access): Promise<EffectiveAccess> {
  return effectFrom(access, await givableOf(db, accountId, access));
}

/** The permissions and roles of an access that exist in an account, and what they come to. */
export async function existingAccess(db: Db, accountId: AccountId, access: Access) {
  const givable = await givableOf(db, accountId, access);
  const permissions = access.permissions.filter((it) => givable.permissions.includes(it));
  const roles = access.roles.filter((it) => idsOf(givable).includes(it));
  return { existing: { permissions, roles }, effect: effectFrom(access, givable) };
}

/**
 * The same for an access that is asked for, which has to name what there is, and to end in the future.
 * @throws invalid-request for a permission that the catalogue does not have, a role that is not the account's, or an end that is over.
 */
export async function requireEffect(
  db: Db,
  accountId: AccountId,
  access: Access,
  { now, pointer = '/access' }: { now: Date; pointer?: string },
): Promise<EffectiveAccess> {
  requireFuture(access.endsAt, now, `${pointer}/endsAt`);
  const givable = await givableOf(db, accountId, access);
  requireAll(access.permissions, givable.permissions, `${pointer}/permissions`, inCatalogue);
  requireAll(access.roles, idsOf(givable), `${pointer}/roles`, 'holds a role that this account does not have');
  return effectFrom(access, givable);
}

/** @throws invalid-request for a time that is over, or is none. */
export function requireFuture(endsAt: Date | null, now: Date, pointer: string): void {
  if (endsAt !== null && !isAhead(endsAt, now)) throw invalidField(pointer, 'must be a time in the future');
}

export const inCatalogue = 'holds a permission that the catalogue does not have';

/** @throws invalid-request where a list holds something that is not among what there is. */
export function requireAll(wanted: readonly string[], there: readonly string[], pointer: string, detail: string): void {
  if (wanted.some((it) => !there.includes(it))) throw invalidField(pointer, detail);
}

const nothing: Givable = { permissions: [], roles: [] };

async function givableOf(db: Db, accountId: AccountId, access: Access): Promise<Givable> {
  const isEmpty = access.permissions.length + access.roles.length === 0;
  return isEmpty ? nothing : findGivable(db, { accountId, ...access });
}

/** What an access comes to, of what there is. */
export function effectFrom({ allPermissions, endsAt }: Access, { permissions, roles }: Givable): EffectiveAccess {
  if (allPermissions) return { allPermissions, endsAt, holdings: [] };
  return effective([...new Set([...permissions, ...roles.flatMap((it) => it.permissions)])], endsAt);
}

const idsOf = ({ roles }: Givable) => roles.map((it) => it.id);
