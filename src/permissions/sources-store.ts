import { and, eq, type SQL, sql } from 'drizzle-orm';
import type { Db } from '../database/database.ts';
import { grants, memberships } from '../database/schema.ts';
import type { AccountId, UserId } from '../ids.ts';
import type { Source } from './sources.ts';

/**
 * What a membership's permissions come from, as a column of a query that has `memberships`: what it was given, by roles and by
 * grants in the whole account. Null where it is nothing. Grants on resources or conditions are left out: there may be many.
 */
export const sourcesColumn = (now: SQL) =>
  sources(now, sql`g.resource_type is null and g.resource_id is null and g.condition = '{}'`);

// In words, since the columns of a query on one table are written without its name.
const sources = (now: SQL, whichGrants: SQL) => sql<Source[] | null>`(
  select jsonb_agg(jsonb_build_object('by', it.by, 'permission', it.key, 'covers', p.covers, 'id', it.id, 'name', it.name,
    'resourceType', it.resource_type, 'resourceId', it.resource_id, 'condition', it.condition, 'endsAt', it.ends_at))
  from (
    select 'direct' as by, null::uuid as id, null::text as name, key, null::text as resource_type, null::text as resource_id,
      '{}'::jsonb as condition, null::timestamptz as ends_at
    from unnest(memberships.permissions) as key
    union all
    select 'role', r.id, r.name, unnest(r.permissions), null, null, '{}', null
    from roles r where r.account_id = memberships.account_id and r.id = any(memberships.roles)
    union all
    select 'role', r.id, r.name, unnest(r.permissions), null, null, '{}', null
    from role_presets r where r.id = any(memberships.roles)
    union all
    select 'grant', g.id, null, g.permission, g.resource_type, g.resource_id, g.condition, g.ends_at
    from grants g where g.account_id = memberships.account_id and g.user_id = memberships.user_id
      and (g.ends_at is null or g.ends_at > ${now}) and ${whichGrants}
  ) it join permissions p on p.key = it.key)`;

/** All that a member's permissions come from, grants on resources and conditions too. */
export async function listSources(db: Db, accountId: AccountId, userId: UserId, now: Date): Promise<Source[]> {
  const [found] = await db
    .select({ sources: sources(sql`${sql.param(now, grants.endsAt)}`, sql`true`) })
    .from(memberships)
    .where(and(eq(memberships.accountId, accountId), eq(memberships.userId, userId)));
  return found?.sources ?? [];
}
