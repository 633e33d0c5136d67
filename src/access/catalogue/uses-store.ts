import { sql } from 'drizzle-orm';
import type { Db, Tx } from '../../database/database.ts';
import { accountKeys, grants, invites, memberships, rolePresets, roles } from '../../database/schema.ts';
import { type AccountId, idOf, type UserId } from '../../ids/ids.ts';
import { hasStatus } from '../../invites/status.ts';

/**
 * How often a permission is granted by name: memberships, invites, roles, API keys and grants that
 * list it. One that only implies it does not count.
 */
export interface PermissionUses {
  permission: string;
  members: number;
  pendingInvites: number;
  roles: number;
  keys: number;
  grants: number;
  /** The first members who have the permission directly or by a grant. */
  firstMembers: { accountId: AccountId; userId: UserId }[];
}

export const isUsed = (it: PermissionUses) => it.members + it.pendingInvites + it.roles + it.keys + it.grants > 0;

/** The maximum length of `firstMembers`. */
const maxFirstMembers = 100;

/**
 * The uses of each permission, in the given order. One statement, which reads each table once,
 * however many permissions there are.
 */
export async function findPermissionUses(db: Db, permissions: readonly string[], now: Date): Promise<PermissionUses[]> {
  if (permissions.length === 0) return [];
  const keys = sql`${sql.param(permissions)}::text[]`;
  const { rows } = (await db.execute(sql`
    with wanted as (select key, place from unnest(${keys}) with ordinality as it(key, place)),
    member as (select account_id, user_id, key from memberships, unnest(permissions) key where permissions && ${keys}),
    granted as (select account_id, user_id, permission as key from grants where permission = any(${keys})),
    members as (select key, count(*)::int as count from member group by key),
    grants as (select key, count(*)::int as count from granted group by key),
    invites as (
      select key, count(*)::int as count from invites, unnest(permissions) key where permissions && ${keys} and ${hasStatus('pending', now)} group by key),
    roles as (
      select key, count(*)::int as count
      from (select permissions from roles union all select permissions from role_presets) it, unnest(permissions) key
      where permissions && ${keys} group by key),
    keys as (
      select key, count(*)::int as count from account_keys, unnest(scopes) key where scopes && ${keys} and revoked_at is null group by key),
    first as (
      select key, jsonb_agg(jsonb_build_object('accountId', account_id, 'userId', user_id) order by account_id, user_id) as list
      from (
        select *, row_number() over (partition by key order by account_id, user_id) as n
        from (select * from member union select * from granted) it) it
      where n <= ${maxFirstMembers} group by key)
    select w.key as permission, coalesce(m.count, 0) as members, coalesce(i.count, 0) as "pendingInvites", coalesce(r.count, 0) as roles,
      coalesce(k.count, 0) as keys, coalesce(g.count, 0) as grants, coalesce(f.list, '[]') as "firstMembers"
    from wanted w
    left join members m on m.key = w.key left join invites i on i.key = w.key left join roles r on r.key = w.key
    left join keys k on k.key = w.key left join grants g on g.key = w.key left join first f on f.key = w.key
    order by w.place`)) as unknown as { rows: PermissionUses[] };
  return rows.map((it) => ({ ...it, firstMembers: it.firstMembers.map(toIds) }));
}

const toIds = ({ accountId, userId }: { accountId: string; userId: string }) => ({
  accountId: idOf('acc', accountId),
  userId: idOf('usr', userId),
});

/**
 * Locks the accounts that use one of the permissions, before these are removed, and increments
 * their epochs, as every change of their members does, so that an accept in progress is decided
 * again. The caller has locked the catalogue, like every transaction that locks several accounts:
 * Citus can't lock rows of several accounts in one order.
 */
export async function lockPermissionUses(tx: Tx, permissions: readonly string[]): Promise<void> {
  const keys = sql`${sql.param(permissions)}::text[]`;
  await tx.execute(sql`
    update accounts set epoch = epoch + 1 where id in (
      select account_id from ${memberships} where ${memberships.permissions} && ${keys}
      union select account_id from ${invites} where ${invites.permissions} && ${keys}
      union select account_id from ${roles} where ${roles.permissions} && ${keys}
      union select account_id from ${accountKeys} where ${accountKeys.scopes} && ${keys}
      union select account_id from ${grants} where ${grants.permission} = any(${keys}))`);
}

/** Removes permissions from everything that lists them. One statement per table. */
export async function stripPermissions(tx: Tx, permissions: readonly string[]): Promise<void> {
  const keys = sql`${sql.param(permissions)}::text[]`;
  const without = (column: string) =>
    sql.raw(`array(select it from unnest("${column}") it where not it = any(`).append(sql`${keys}))`);
  await tx.execute(
    sql`update ${memberships} set permissions = ${without('permissions')} where ${memberships.permissions} && ${keys}`,
  );
  // Keys before invites, the lock order of every change of an invite by a key.
  await tx.execute(sql`update ${accountKeys} set scopes = ${without('scopes')} where ${accountKeys.scopes} && ${keys}`);
  await tx.execute(
    sql`update ${invites} set permissions = ${without('permissions')} where ${invites.permissions} && ${keys}`,
  );
  await tx.execute(
    sql`update ${roles} set permissions = ${without('permissions')} where ${roles.permissions} && ${keys}`,
  );
  await tx.execute(
    sql`update ${rolePresets} set permissions = ${without('permissions')} where ${rolePresets.permissions} && ${keys}`,
  );
  await tx.execute(sql`delete from ${grants} where ${grants.permission} = any(${keys})`);
}
