import { sql } from 'drizzle-orm';
import type { Db, Tx } from '../database/database.ts';
import { accountKeys, accounts, grants, invites, memberships, rolePresets, roles } from '../database/schema.ts';
import { type AccountId, idOf, type UserId } from '../ids.ts';

/** Who has a permission: by name in what they were given, not by what implies it. */
export interface Holders {
  permission: string;
  members: number;
  pendingInvites: number;
  roles: number;
  keys: number;
  grants: number;
  /** The first of the members, and of those who were granted it. */
  firstMembers: { accountId: AccountId; userId: UserId }[];
}

export const isHeld = (it: Holders) => it.members + it.pendingInvites + it.roles + it.keys + it.grants > 0;

/** How many members an answer names. */
const firstMembers = 100;

/** Whom it touches that some permissions go. One statement, however many they are. */
export async function findHolders(db: Db, permissions: readonly string[]): Promise<Holders[]> {
  if (permissions.length === 0) return [];
  const { rows } = (await db.execute(sql`
    select key as permission,
      (select count(*)::int from ${memberships} where ${memberships.permissions} @> array[key]) as members,
      (select count(*)::int from ${invites} where ${invites.permissions} @> array[key] and ${invites.status} = 'pending') as "pendingInvites",
      (select count(*)::int from ${roles} where ${roles.permissions} @> array[key])
        + (select count(*)::int from ${rolePresets} where ${rolePresets.permissions} @> array[key]) as roles,
      (select count(*)::int from ${accountKeys} where ${accountKeys.scopes} @> array[key] and ${accountKeys.revokedAt} is null) as keys,
      (select count(*)::int from ${grants} where ${grants.permission} = key) as grants,
      coalesce((select jsonb_agg(jsonb_build_object('accountId', it.account_id, 'userId', it.user_id)) from (
        select account_id, user_id from ${memberships} where ${memberships.permissions} @> array[key]
        union select account_id, user_id from ${grants} where ${grants.permission} = key
        order by account_id, user_id limit ${sql.raw(String(firstMembers))}) it), '[]') as "firstMembers"
    from unnest(${sql.param(permissions)}::text[]) with ordinality as wanted(key, place) order by place`)) as unknown as {
    rows: Holders[];
  };
  return rows.map((it) => ({ ...it, firstMembers: it.firstMembers.map(idsOf) }));
}

const idsOf = ({ accountId, userId }: { accountId: string; userId: string }) => ({
  accountId: idOf('acc', accountId),
  userId: idOf('usr', userId),
});

/** Holds the accounts in which someone has one of some permissions, as every change of who is in them does, before they are taken. */
export async function lockHolders(tx: Tx, permissions: readonly string[]): Promise<void> {
  const keys = sql`${sql.param(permissions)}::text[]`;
  await tx.execute(sql`
    select from ${accounts} where ${accounts.id} in (
      select account_id from ${memberships} where ${memberships.permissions} && ${keys}
      union select account_id from ${invites} where ${invites.permissions} && ${keys}
      union select account_id from ${roles} where ${roles.permissions} && ${keys}
      union select account_id from ${accountKeys} where ${accountKeys.scopes} && ${keys}
      union select account_id from ${grants} where ${grants.permission} = any(${keys}))
    order by ${accounts.id} for no key update`);
}

/** Takes some permissions from everyone who has them. As many statements as there are tables. */
export async function stripPermissions(tx: Tx, permissions: readonly string[]): Promise<void> {
  const keys = sql`${sql.param(permissions)}::text[]`;
  const without = (column: string) =>
    sql.raw(`array(select it from unnest("${column}") it where not it = any(`).append(sql`${keys}))`);
  await tx.execute(
    sql`update ${memberships} set permissions = ${without('permissions')} where ${memberships.permissions} && ${keys}`,
  );
  await tx.execute(
    sql`update ${invites} set permissions = ${without('permissions')} where ${invites.permissions} && ${keys}`,
  );
  await tx.execute(
    sql`update ${roles} set permissions = ${without('permissions')} where ${roles.permissions} && ${keys}`,
  );
  await tx.execute(
    sql`update ${rolePresets} set permissions = ${without('permissions')} where ${rolePresets.permissions} && ${keys}`,
  );
  await tx.execute(sql`update ${accountKeys} set scopes = ${without('scopes')} where ${accountKeys.scopes} && ${keys}`);
  await tx.execute(sql`delete from ${grants} where ${grants.permission} = any(${keys})`);
}
