import { sql } from 'drizzle-orm';
import { isActiveNow, isAllowed, membershipOf, userNamed } from '../checks/decision-store.ts';
import { asked, atNow } from '../checks/store.ts';
import { placeholderFor } from '../database/database.ts';
import { accounts, users } from '../database/schema.ts';

// Each search is one statement: who asks, whether they may, and a page of results, one more than the limit. `q` is the question.

const account = sql`${placeholderFor(accounts.id, 'accountId')}::uuid`;
const text = (name: string) => sql`${sql.placeholder(name)}::text`;
const limit = sql`${sql.placeholder('limit')}::int`;

const question = () => sql`
  select ${account} as account_id, ${text('resourceType')} as resource_type, ${text('resourceId')} as resource_id, ${text('askedProperties')}::jsonb as properties`;

/** Who is asked about. */
const who = userNamed(sql`${placeholderFor(users.id, 'subjectId')}::uuid`, text('email'), text('externalId'));

/** Members who may do something: what they are called, and their ids to page by. */
export const searchSubjects = asked(
  'search_subjects',
  sql<{ id: string; externalId: string | null }[] | null>`(
    select jsonb_agg(jsonb_build_object('id', it.id, 'externalId', it.external_id) order by it.id) from (
      select u.id, u.external_id
      from (${question()}) q
      join accounts a on a.id = q.account_id
      join memberships m on m.account_id = a.id and ${isActiveNow(atNow)}
      join users u on u.id = m.user_id and u.disabled_at is null
      join permissions p on p.key = ${text('permission')}
      where (${text('after')} is null or m.user_id > ${text('after')}::uuid) and ${isAllowed(atNow)}
      order by m.user_id limit ${limit}) it)`,
);

/** Resources of a type on which someone may do something: those that are registered, and those that a grant names. */
export const searchResources = asked(
  'search_resources',
  sql<{ id: string }[] | null>`(
    select jsonb_agg(jsonb_build_object('id', it.id) order by it.id collate "C") from (
      select q.resource_id as id
      from (
        select c.id as resource_id, ${account} as account_id, ${text('resourceType')} as resource_type, ${text('askedProperties')}::jsonb as properties
        from (
          select r.id from resources r where r.account_id = ${account} and r.type = ${text('resourceType')}
          union
          select g.resource_id from grants g
          where g.account_id = ${account} and g.resource_type = ${text('resourceType')} and g.resource_id is not null) c) q
      join lateral ${who} u on true
      ${membershipOf(sql`u.id`, atNow)}
      join permissions p on p.key = ${text('permission')}
      where (${text('after')} is null or q.resource_id collate "C" > ${text('after')}) and ${isAllowed(atNow)}
      order by q.resource_id collate "C" limit ${limit}) it)`,
);

/** Accounts in which someone may do something: of one account, or, for the platform, of all. */
export const searchAccounts = asked(
  'search_accounts',
  sql<{ id: string }[] | null>`(
    select jsonb_agg(jsonb_build_object('id', it.id) order by it.id) from (
      select a.id
      from ${who} u
      join memberships m on m.user_id = u.id and ${isActiveNow(atNow)}
      join accounts a on a.id = m.account_id
      join permissions p on p.key = ${text('permission')}
      cross join (${question()}) q
      where (${account} is null or a.id = ${account}) and (${text('after')} is null or a.id > ${text('after')}::uuid) and ${isAllowed(atNow)}
      order by a.id limit ${limit}) it)`,
);

/** Permissions that someone has on a resource. */
export const searchActions = asked(
  'search_actions',
  sql<{ id: string }[] | null>`(
    select jsonb_agg(jsonb_build_object('id', it.key) order by it.key collate "C") from (
      select p.key
      from (${question()}) q
      join lateral ${who} u on true
      ${membershipOf(sql`u.id`, atNow)}
      cross join permissions p
      where (${text('after')} is null or p.key collate "C" > ${text('after')}) and ${isAllowed(atNow)}
      order by p.key collate "C" limit ${limit}) it)`,
);
