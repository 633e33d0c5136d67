import { changeAccount } from '../../accounts/enter.ts';
import type { Caller } from '../../credentials/caller.ts';
import type { Tx } from '../../database/database.ts';
import { type AccountId, type GrantId, newId, type UserId } from '../../ids/ids.ts';
import { requireManageable, withResourceGrants } from '../../memberships/manage.ts';
import type { EffectiveAccess } from '../../permissions/access.ts';
import { type GrantedPermission, isResourceType, reservedTypeMessage } from '../../permissions/granted-permission.ts';
import { notInCatalogueMessage, requireFutureEnd } from '../../permissions/resolve-access.ts';
import { requireGrantable } from '../../permissions/rules.ts';
import { listPermissionKeys } from '../../permissions/store.ts';
import { invalidField, Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import type { NewGrant, NewGrants } from './schemas.ts';
import { countGrants, deleteGrant, findGrant, type GrantCounts, type GrantRow, insertGrants } from './store.ts';

/**
 * The maximum number of grants of a member. Grants on resources are looked up by an index. Two
 * kinds have a lower limit: each decision compares all conditional grants, and each request of the
 * member reads all unconditional grants in the whole account.
 */
const maxGrants: GrantCounts = { all: 10_000, conditional: 100, inWholeAccount: 500 };

const grantKinds = ['all', 'conditional', 'inWholeAccount'] as const;

/**
 * Grants single permissions to a member, each optionally limited to a time, to resources or to a
 * condition. Creates all of the grants, or none.
 * @throws permission-missing, not-found, owner-protected, too-many-grants, invalid-request, and
 * cannot-grant if the caller lacks one of the permissions on that resource or for that time.
 */
export function giveGrants(
  { db }: Service,
  caller: Caller,
  accountId: AccountId,
  userId: UserId,
  { grants }: NewGrants,
): Promise<GrantRow[]> {
  return changeAccount(db, caller, accountId, 'members:manage', async (tx, context) => {
    await requireManageable(tx, context, userId);
    await requireValidGrants(tx, grants, caller.now);
    const rows = grants.map((it) => newRow(it, { accountId, userId, createdAt: caller.now }));
    requireGrantable(await withResourceGrants(tx, context), toEffectiveAccess(rows));
    await insertGrants(tx, rows);
    const counts = await countGrants(tx, accountId, userId);
    if (grantKinds.some((it) => counts[it] > maxGrants[it])) throw new Problem('too-many-grants');
    return rows;
  });
}

/**
 * Deletes a grant.
 * @throws permission-missing, not-found, owner-protected, and cannot-grant if the member has more
 * permissions than the caller.
 */
export function withdrawGrant({ db }: Service, caller: Caller, accountId: AccountId, userId: UserId, grantId: GrantId) {
  return changeAccount(db, caller, accountId, 'members:manage', async (tx, context) => {
    await requireManageable(tx, context, userId);
    const grant = await findGrant(tx, accountId, userId, grantId);
    if (!grant) throw new Problem('not-found');
    await deleteGrant(tx, grant);
  });
}

/** @throws invalid-request for a reserved type, an unknown permission or an end in the past. */
async function requireValidGrants(tx: Tx, grants: readonly NewGrant[], now: Date): Promise<void> {
  const keys = new Set(await listPermissionKeys(tx));
  for (const [i, { permission, resource, endsAt }] of grants.entries()) {
    if (resource && !isResourceType(resource.type))
      throw invalidField(`/grants/${i}/resource/type`, reservedTypeMessage);
    if (!keys.has(permission)) throw invalidField(`/grants/${i}/permission`, notInCatalogueMessage);
    requireFutureEnd(endsAt === undefined ? null : new Date(endsAt), now, `/grants/${i}/endsAt`);
  }
}

function newRow(
  { permission, resource, condition = {}, endsAt }: NewGrant,
  member: Pick<GrantRow, 'accountId' | 'userId' | 'createdAt'>,
): GrantRow {
  return {
    ...member,
    id: newId('grt'),
    permission,
    resourceType: resource?.type ?? null,
    resourceId: resource?.id ?? null,
    condition,
    endsAt: endsAt === undefined ? null : new Date(endsAt),
  };
}

/**
 * The access that the caller must have to create these grants. Implied permissions are left out: a
 * caller who has a permission also has those that it implies.
 */
function toEffectiveAccess(rows: readonly GrantRow[]): EffectiveAccess {
  return { allPermissions: false, endsAt: null, grantedPermissions: rows.map(toGrantedPermission) };
}

function toGrantedPermission({ permission, resourceType, resourceId, condition, endsAt }: GrantRow): GrantedPermission {
  return {
    permission,
    resource: resourceType === null ? null : { type: resourceType, id: resourceId },
    condition,
    endsAt,
  };
}
