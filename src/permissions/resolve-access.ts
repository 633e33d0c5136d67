import type { Db } from '../database/database.ts';
import type { AccountId } from '../ids/ids.ts';
import { invalidField } from '../problems/problem.ts';
import { type Access, accountWideAccess, type EffectiveAccess } from './access.ts';
import { isInFuture } from './granted-permission.ts';
import { type ExistingAccess, findExistingAccess } from './store.ts';

/**
 * What a stored access gives in an account: its permissions and those of its roles, without implied
 * ones. Permissions and roles that do not exist are ignored.
 */
export async function resolveAccess(db: Db, accountId: AccountId, access: Access): Promise<EffectiveAccess> {
  return combineAccess(access, await findExisting(db, accountId, access));
}

/**
 * Like `resolveAccess`, and also lists what exists.
 * @returns the permissions and roles of the access that exist in the account (`existing`), and what
 * they give (`effect`).
 */
export async function resolveExistingAccess(db: Db, accountId: AccountId, access: Access) {
  const existing = await findExisting(db, accountId, access);
  const permissions = access.permissions.filter((it) => existing.permissions.includes(it));
  const roles = access.roles.filter((it) => roleIds(existing).includes(it));
  return { existing: { permissions, roles }, effect: combineAccess(access, existing) };
}

/**
 * Like `resolveAccess`, for an access in a request. Everything in it must exist, and it must not
 * end in the past.
 * @param pointer the JSON pointer of the access in the request body.
 * @throws invalid-request for a permission that is not in the catalogue, a role that the account
 * does not have, or an end that is not in the future.
 */
export async function resolveRequestedAccess(
  db: Db,
  accountId: AccountId,
  access: Access,
  { now, pointer = '/access' }: { now: Date; pointer?: string },
): Promise<EffectiveAccess> {
  requireFutureEnd(access.endsAt, now, `${pointer}/endsAt`);
  const existing = await findExisting(db, accountId, access);
  requireAllExist(access.permissions, existing.permissions, `${pointer}/permissions`, notInCatalogueMessage);
  requireAllExist(
    access.roles,
    roleIds(existing),
    `${pointer}/roles`,
    'contains a role that the account does not have',
  );
  return combineAccess(access, existing);
}

/** @throws invalid-request if an end is not a time in the future. Null (never) is accepted. */
export function requireFutureEnd(endsAt: Date | null, now: Date, pointer: string): void {
  if (endsAt !== null && !isInFuture(endsAt, now)) throw invalidField(pointer, 'must be a time in the future');
}

export const notInCatalogueMessage = 'contains a permission that is not in the catalogue';

/**
 * @throws invalid-request with `detail` if `values` contains anything that is not in `existing`.
 */
export function requireAllExist(
  values: readonly string[],
  existing: readonly string[],
  pointer: string,
  detail: string,
): void {
  if (values.some((it) => !existing.includes(it))) throw invalidField(pointer, detail);
}

const noAccess: ExistingAccess = { permissions: [], roles: [] };

async function findExisting(db: Db, accountId: AccountId, access: Access): Promise<ExistingAccess> {
  const isEmpty = access.permissions.length + access.roles.length === 0;
  return isEmpty ? noAccess : findExistingAccess(db, { accountId, ...access });
}

/** What an access gives, computed from its permissions and roles that exist. */
export function combineAccess(
  { allPermissions, endsAt }: Access,
  { permissions, roles }: ExistingAccess,
): EffectiveAccess {
  if (allPermissions) return { allPermissions, endsAt, grantedPermissions: [] };
  return accountWideAccess([...new Set([...permissions, ...roles.flatMap((it) => it.permissions)])], endsAt);
}

const roleIds = ({ roles }: ExistingAccess) => roles.map((it) => it.id);
