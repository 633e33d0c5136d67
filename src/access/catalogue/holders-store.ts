import { sql } from 'drizzle-orm';
import type { Db, Tx } from '../../database/database.ts';
import { accountKeys, grants, invites, memberships, rolePresets, roles } from '../../database/schema.ts';
import { type AccountId, idOf, type UserId } from '../../ids/ids.ts';
import { hasStatus } from '../../invites/status.ts';

/** Who has a permission: by name in what they were given, not by what implies it. */
export interface PermissionUses {
  permission: string;
  members: number;
  pendingInvites: number;
  roles: number;
  keys: number;
  grants: number;
  /** The first of the members, and of those who were granted it. */
  firstMembers: { accountId: AccountId; userId: UserId }[];
}

export const isUsed = (it: PermissionUses) => it.members + it.pendingInvites + it.roles + it.keys + it.grants > 0;

/** How many members an answer names. */
const firstMembers = 100;

/** Whom it touches that some permissions go. One statement, which reads each table once, however many they are. */
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
      where n <= ${firstMembers} group by key)
    select w.key as permission, coalesce(m.count, 0) as members, coalesce(i.count, 0) as "pendingInvites", coalesce(r.count, 0) as roles,
      coalesce(k.count, 0) as keys, coalesce(g.count, 0) as grants, coalesce(f.list, '[]') as "firstMembers"
    from wanted w
    left join members m on m.key = w.key left join invites i on i.key = w.key left join roles r on r.key = w.key
    left join keys k on k.key = w.key left join grants g on g.key = w.key left join first f on f.key = w.key
    order by w.place`)) as unknown as { rows: PermissionUses[] };
  return rows.map((it) => ({ ...it, firstMembers: it.firstMembers.map(idsOf) }));
}

const idsOf = ({ accountId, userId }: { accountId: string; userId: string }) => ({
  accountId: idOf('acc', accountId),
  userId: idOf('usr', userId),
});

/**
 * Locks the accounts in which someone has one of some permissions, before these are removed, and
 * moves their epochs, as every change of their members does: an accept in progress is then decided
 * again. The caller has locked the catalogue, as every transaction that locks several accounts
 * does: Citus can't lock rows of several accounts in one order.
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

/** Takes some permissions from everyone who has them. As many statements as there are tables. */
export async function stripPermissions(tx: Tx, permissions: readonly string[]): Promise<void> {
  const keys = sql`${sql.param(permissions)}::text[]`;
  const without = (column: string) =>
    sql.raw(`array(select it from unnest("${column}") it where not it = any(`).append(sql`${keys}))`);
  await tx.execute(
    sql`update ${memberships} set permissions = ${without('permissions')} where ${memberships.permissions} && ${keys}`,
  );
  // Keys before invites, like every change of an invite with a key.
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
