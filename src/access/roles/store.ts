import { and, asc, eq, gt, type SQL, sql } from 'drizzle-orm';
import { unionAll } from 'drizzle-orm/pg-core';
import type { Db, Tx } from '../../database/database.ts';
import { accounts, invites, memberships, rolePresets, roles } from '../../database/schema.ts';
import type { AccountId, RoleId } from '../../ids/ids.ts';
import { hasStatus } from '../../invites/status.ts';
import type { EffectiveAccess } from '../../permissions/access.ts';
import { hasMoreThan } from '../../permissions/comparison.ts';

type Paging = { limit: number; cursor?: RoleId };

/** A role of an account, or a preset, which belongs to no account. */
export interface RoleRow {
  id: RoleId;
  name: string;
  description: string;
  permissions: string[];
  createdAt: Date;
  isPreset: boolean;
}

const roleColumns = <T extends typeof roles | typeof rolePresets>(table: T, isPreset: boolean) => ({
  id: table.id,
  name: table.name,
  description: table.description,
  permissions: table.permissions,
  createdAt: table.createdAt,
  isPreset: sql<boolean>`${sql.raw(String(isPreset))}`.as('is_preset'),
});

const after = (column: typeof roles.id | typeof rolePresets.id, cursor: RoleId | undefined): SQL | undefined =>
  cursor === undefined ? undefined : gt(column, cursor);

const selectRoles = (db: Db, where: SQL | undefined) => db.select(roleColumns(roles, false)).from(roles).where(where);
const selectPresets = (db: Db, where: SQL | undefined) =>
  db.select(roleColumns(rolePresets, true)).from(rolePresets).where(where);

/** An account's own roles and the presets, oldest first, at most `limit` + 1. */
export function listRoles(db: Db, accountId: AccountId, { limit, cursor }: Paging): Promise<RoleRow[]> {
  return unionAll(
    selectRoles(db, and(eq(roles.accountId, accountId), after(roles.id, cursor))),
    selectPresets(db, after(rolePresets.id, cursor)),
  )
    .orderBy(sql`id`)
    .limit(limit + 1);
}

/** The presets, oldest first, at most `limit` + 1. */
export function listPresets(db: Db, { limit, cursor }: Paging): Promise<RoleRow[]> {
  return selectPresets(db, after(rolePresets.id, cursor))
    .orderBy(asc(rolePresets.id))
    .limit(limit + 1);
}

/** A role of the account, or a preset. */
export async function findRole(db: Db, accountId: AccountId, id: RoleId): Promise<RoleRow | undefined> {
  const [found] = await unionAll(
    selectRoles(db, and(eq(roles.accountId, accountId), eq(roles.id, id))),
    selectPresets(db, eq(rolePresets.id, id)),
  );
  return found;
}

export async function findPreset(db: Db, id: RoleId): Promise<RoleRow | undefined> {
  const [found] = await selectPresets(db, eq(rolePresets.id, id));
  return found;
}

type NewRoleRow = Omit<RoleRow, 'isPreset'>;
type Changes = Partial<Pick<RoleRow, 'name' | 'description' | 'permissions'>>;

export async function insertRole(tx: Tx, accountId: AccountId, role: NewRoleRow): Promise<void> {
  await tx.insert(roles).values({ ...role, accountId });
}

export async function insertPreset(tx: Tx, role: NewRoleRow): Promise<void> {
  await tx.insert(rolePresets).values(role);
}

export async function updateRole(tx: Tx, accountId: AccountId, id: RoleId, changes: Changes): Promise<void> {
  await tx
    .update(roles)
    .set(changes)
    .where(and(eq(roles.accountId, accountId), eq(roles.id, id)));
}

/** @returns whether it existed. */
export async function updatePreset(tx: Tx, id: RoleId, changes: Changes): Promise<boolean> {
  const updated = await tx
    .update(rolePresets)
    .set(changes)
    .where(eq(rolePresets.id, id))
    .returning({ id: rolePresets.id });
  return updated.length === 1;
}

export async function deleteRoleRow(tx: Tx, accountId: AccountId, id: RoleId): Promise<void> {
  await tx.delete(roles).where(and(eq(roles.accountId, accountId), eq(roles.id, id)));
}

/** @returns whether it existed. */
export async function deletePresetRow(tx: Tx, id: RoleId): Promise<boolean> {
  const deleted = await tx.delete(rolePresets).where(eq(rolePresets.id, id)).returning({ id: rolePresets.id });
  return deleted.length === 1;
}

/**
 * Whether a member or a pending invite has a role.
 * @param accountId null to look in all accounts, for a preset.
 */
export async function isRoleInUse(db: Db, accountId: AccountId | null, id: RoleId, now: Date): Promise<boolean> {
  const hasRole = (column: typeof memberships.roles | typeof invites.roles) =>
    sql`${column} @> array[${sql.param(id, roles.id)}::uuid]`;
  const members = and(
    hasRole(memberships.roles),
    accountId === null ? undefined : eq(memberships.accountId, accountId),
  );
  const pending = and(
    hasRole(invites.roles),
    hasStatus('pending', now),
    accountId === null ? undefined : eq(invites.accountId, accountId),
  );
  const [found] = await db
    .select({
      // `select 1` instead of `select`: for a preset, Citus materialises rows of all accounts, and
      // it can't materialise rows without columns.
      isUsed: sql<boolean>`exists (select 1 from ${memberships} where ${members}) or exists (select 1 from ${invites} where ${pending})`,
    })
    .from(sql`(select) one`);
  return found?.isUsed ?? false;
}

/** Whether a member with a role, except the owner, has permissions that `access` lacks. */
export async function hasMemberAbove(
  tx: Tx,
  account: Pick<typeof accounts.$inferSelect, 'id' | 'ownerId'>,
  id: RoleId,
  { access, now }: { access: EffectiveAccess; now: Date },
): Promise<boolean> {
  const accountId = sql`${sql.param(account.id, accounts.id)}::uuid`;
  const { rows } = (await tx.execute(sql`
    select exists (
      select from memberships m
      where m.account_id = ${accountId} and m.roles @> array[${sql.param(id, roles.id)}::uuid]
        and m.user_id <> ${sql.param(account.ownerId, accounts.ownerId)}::uuid
        and ${hasMoreThan(access, { account: accountId, now })}
    ) as found`)) as unknown as { rows: { found: boolean }[] };
  return rows[0]?.found ?? false;
}
