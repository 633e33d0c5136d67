import { and, eq, type SQL, sql } from 'drizzle-orm';
import type { Db } from '../database/database.ts';
import { grants, memberships } from '../database/schema.ts';
import type { AccountId, UserId } from '../ids.ts';
import type { GrantSource, Sources } from './sources.ts';
import { givableColumns, givableIn } from './store.ts';

// Raw column names, since Drizzle writes the columns of a query on one table without its name.
// Concatenated lists instead of a union: Citus can't plan a union with a table shared by all
// accounts.

/**
 * What a membership has, as a column of a query that has `memberships`: every permission that it
 * has by name or by a role, with those that they imply, and its grants in the whole account. Grants
 * on resources or conditions are left out: there may be many.
 * @param account the account of the membership. A parameter wherever the query names one account:
 * in a query that also has a table shared by all accounts, Citus can't plan a subquery that takes
 * it from `memberships`.
 */
export const sourcesColumn = (account: SQL, now: SQL) =>
  sources(account, now, sql`g.resource_type is null and g.resource_id is null and g.condition = '{}'`);

const sources = (account: SQL, now: SQL, whichGrants: SQL) => sql<Sources | null>`jsonb_build_object(
  'permissions', array(select distinct unnest(p.covers) from permissions p where p.key = any(memberships.permissions))
    || array(
      select distinct unnest(p.covers) from roles r join permissions p on p.key = any(r.permissions)
      where r.account_id = ${account} and r.id = any(memberships.roles))
    || array(
      select distinct unnest(p.covers) from role_presets r join permissions p on p.key = any(r.permissions)
      where r.id = any(memberships.roles)),
  'grants', ${grantsColumn(account, now, whichGrants)})`;

const grantsColumn = (account: SQL, now: SQL, which: SQL) => sql<GrantSource[]>`coalesce((
  select jsonb_agg(jsonb_build_object('id', g.id, 'permission', p.key, 'covers', p.covers, 'resourceType', g.resource_type,
    'resourceId', g.resource_id, 'condition', g.condition, 'endsAt', g.ends_at))
  from grants g join permissions p on p.key = g.permission
  where g.account_id = ${account} and g.user_id = memberships.user_id
    and (g.ends_at is null or g.ends_at > ${now}) and ${which}), '[]')`;

const isMembership = (accountId: AccountId, userId: UserId) =>
  and(eq(memberships.accountId, accountId), eq(memberships.userId, userId));

const valuesOf = (accountId: AccountId, now: Date) =>
  [sql`${sql.param(accountId, grants.accountId)}`, sql`${sql.param(now, grants.endsAt)}`, sql`true`] as const;

/** What a member has, with grants on resources and conditions too. */
export async function findSources(db: Db, accountId: AccountId, userId: UserId, now: Date): Promise<Sources | null> {
  const [found] = await db
    .select({ sources: sources(...valuesOf(accountId, now)) })
    .from(memberships)
    .where(isMembership(accountId, userId));
  return found?.sources ?? null;
}

/**
 * The same with where each permission comes from: by name, by which roles, by which grants; and what
 * every permission of the catalogue covers.
 */
export async function findOrigins(db: Db, accountId: AccountId, userId: UserId, now: Date) {
  const [account, at, all] = valuesOf(accountId, now);
  const [found] = await db
    .select({
      given: givableColumns(account, {
        permissions: sql`memberships.permissions`,
        roles: sql`memberships.roles`,
      }),
      grants: grantsColumn(account, at, all),
      covers: sql<Record<string, string[]>>`(select jsonb_object_agg(key, covers) from permissions)`,
    })
    .from(memberships)
    .where(isMembership(accountId, userId));
  return found && { ...givableIn(found.given), grants: found.grants, covers: found.covers };
}
