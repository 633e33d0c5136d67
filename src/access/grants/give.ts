import { changeAccount } from '../../accounts/enter.ts';
import type { Caller } from '../../credentials/caller.ts';
import type { Tx } from '../../database/database.ts';
import { type AccountId, type GrantId, newId, type UserId } from '../../ids/ids.ts';
import { requireManageable, withResourceGrants } from '../../memberships/manage.ts';
import type { EffectiveAccess } from '../../permissions/access.ts';
import { type GrantedPermission, isResourceType, reservedType } from '../../permissions/granted-permission.ts';
import { notInCatalogue, requireFutureEnd } from '../../permissions/resolve-access.ts';
import { requireGrantable } from '../../permissions/rules.ts';
import { listPermissionKeys } from '../../permissions/store.ts';
import { invalidField, Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import type { NewGrant, NewGrants } from './schemas.ts';
import { countGrants, deleteGrant, findGrant, type GrantCounts, type GrantRow, insertGrants } from './store.ts';

/**
 * How many grants a member may have. Grants on resources are found by an index. Two kinds have a
 * lower limit: each decision compares all grants on a condition, and each request of the member
 * reads all unconditional grants in the whole account.
 */
const mostGrants: GrantCounts = { all: 10_000, conditional: 100, inWholeAccount: 500 };

const grantKinds = ['all', 'conditional', 'inWholeAccount'] as const;

/**
 * Gives a member single permissions: for a time, on some resources, or on a condition. All of them, or none.
 * @throws permission-missing, not-found, owner-protected, cannot-grant for what the caller does not hold there and for as long,
 * too-many-grants, invalid-request.
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
    await requireGivable(tx, grants, caller.now);
    const rows = grants.map((it) => newRow(it, { accountId, userId, createdAt: caller.now }));
    requireGrantable(await withResourceGrants(tx, context), givenBy(rows));
    await insertGrants(tx, rows);
    const counts = await countGrants(tx, accountId, userId);
    if (grantKinds.some((it) => counts[it] > mostGrants[it])) throw new Problem('too-many-grants');
    return rows;
  });
}

/** Takes one back. @throws permission-missing, not-found, owner-protected, cannot-grant for someone who holds more than the caller. */
export function withdrawGrant({ db }: Service, caller: Caller, accountId: AccountId, userId: UserId, grantId: GrantId) {
  return changeAccount(db, caller, accountId, 'members:manage', async (tx, context) => {
    await requireManageable(tx, context, userId);
    const grant = await findGrant(tx, accountId, userId, grantId);
    if (!grant) throw new Problem('not-found');
    await deleteGrant(tx, grant);
  });
}

async function requireGivable(tx: Tx, grants: readonly NewGrant[], now: Date): Promise<void> {
  const keys = new Set(await listPermissionKeys(tx));
  for (const [i, { permission, resource, endsAt }] of grants.entries()) {
    if (resource && !isResourceType(resource.type)) throw invalidField(`/grants/${i}/resource/type`, reservedType);
    if (!keys.has(permission)) throw invalidField(`/grants/${i}/permission`, notInCatalogue);
    requireFutureEnd(endsAt === undefined ? null : new Date(endsAt), now, `/grants/${i}/endsAt`);
  }
}

function newRow(
  { permission, resource, condition = {}, endsAt }: NewGrant,
  whose: Pick<GrantRow, 'accountId' | 'userId' | 'createdAt'>,
): GrantRow {
  return {
    ...whose,
    id: newId('grt'),
    permission,
    resourceType: resource?.type ?? null,
    resourceId: resource?.id ?? null,
    condition,
    endsAt: endsAt === undefined ? null : new Date(endsAt),
  };
}

/** What grants come to, as far as it is to be held by whoever gives them: what they imply comes with it. */
function givenBy(rows: readonly GrantRow[]): EffectiveAccess {
  return { allPermissions: false, endsAt: null, grantedPermissions: rows.map(holdingOf) };
}

function holdingOf({ permission, resourceType, resourceId, condition, endsAt }: GrantRow): GrantedPermission {
  return {
    permission,
    resource: resourceType === null ? null : { type: resourceType, id: resourceId },
    condition,
    endsAt,
  };
}
