import { and, eq, type SQL, sql } from 'drizzle-orm';
import type { Db } from '../database/database.ts';
import { grants, memberships } from '../database/schema.ts';
import type { AccountId, UserId } from '../ids.ts';
import type { Source } from './sources.ts';

/**
 * The sources of a membership's permissions, as a column of a query that has `memberships`: what it
 * was given, by roles and by grants in the whole account. Null if there are none. Grants on
 * resources or conditions are left out: there may be many.
 * @param account the account of the membership. A parameter wherever the query names one account:
 * in a query that also has a table shared by all accounts, Citus can't plan a subquery that takes
 * it from `memberships`.
 */
export const sourcesColumn = (account: SQL, now: SQL) =>
  sources(account, now, sql`g.resource_type is null and g.resource_id is null and g.condition = '{}'`);

// Concatenated lists instead of a union: Citus can't plan a union with a table shared by all
// accounts. Raw column names, since Drizzle writes the columns of a query on one table without its
// name.
const sources = (account: SQL, now: SQL, whichGrants: SQL) => sql<Source[] | null>`(
  coalesce((
    select jsonb_agg(${sourceOf('direct', {})}) from permissions p where p.key = any(memberships.permissions)), '[]')
  || coalesce((
    select jsonb_agg(${sourceOf('role', { id: 'r.id', name: 'r.name' })}) from roles r join permissions p on p.key = any(r.permissions)
    where r.account_id = ${account} and r.id = any(memberships.roles)), '[]')
  || coalesce((
    select jsonb_agg(${sourceOf('role', { id: 'r.id', name: 'r.name' })}) from role_presets r join permissions p on p.key = any(r.permissions)
    where r.id = any(memberships.roles)), '[]')
  || coalesce((
    select jsonb_agg(${sourceOf('grant', {
      id: 'g.id',
      resourceType: 'g.resource_type',
      resourceId: 'g.resource_id',
      condition: 'g.condition',
      endsAt: 'g.ends_at',
    })}) from grants g join permissions p on p.key = g.permission
    where g.account_id = ${account} and g.user_id = memberships.user_id
      and (g.ends_at is null or g.ends_at > ${now}) and ${whichGrants}), '[]'))`;

/**
 * A source as JSON, in a query that has its permission as `p`. Columns that are not given are null.
 */
function sourceOf(by: Source['by'], given: Partial<Record<keyof Source, string>>): SQL {
  const columns = { id: 'null', name: 'null', resourceType: 'null', resourceId: 'null', endsAt: 'null' };
  const all = { permission: 'p.key', covers: 'p.covers', ...columns, condition: `'{}'::jsonb`, ...given };
  const pairs = Object.entries(all).map(([name, value]) => `'${name}', ${value}`);
  return sql.raw(`jsonb_build_object('by', '${by}', ${pairs.join(', ')})`);
}

/** All that a member's permissions come from, grants on resources and conditions too. */
export async function listSources(db: Db, accountId: AccountId, userId: UserId, now: Date): Promise<Source[]> {
  const [found] = await db
    .select({
      sources: sources(
        sql`${sql.param(accountId, grants.accountId)}`,
        sql`${sql.param(now, grants.endsAt)}`,
        sql`true`,
      ),
    })
    .from(memberships)
    .where(and(eq(memberships.accountId, accountId), eq(memberships.userId, userId)));
  return found?.sources ?? [];
}
