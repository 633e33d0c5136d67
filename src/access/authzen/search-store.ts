import { type SQL, sql } from 'drizzle-orm';
import type { Caller } from '../../credentials/caller.ts';
import type { Db } from '../../database/database.ts';
import { memberships, users } from '../../database/schema.ts';
import { placeholderFor } from '../../database/statements.ts';
import type { AccountId } from '../../ids/ids.ts';
import { isAllowed, isAllowedInAccount } from '../../permissions/effective-access.ts';
import { isActiveNow, membershipOf, userNamed } from '../checks/decision-store.ts';
import { account, asked, atNow } from '../checks/store.ts';

// Each search but `searchAccounts` is one statement: who asks, whether they may, and a page of
// results, one more than the limit. `q` is the question.

const text = (name: string) => sql`${sql.placeholder(name)}::text`;
const limit = sql`${sql.placeholder('limit')}::int`;

/**
 * The question. With `offset 0`, Postgres computes it once: otherwise it would parse the properties
 * again for each comparison with a grant.
 */
const question = () => sql`
  select ${text('resourceType')} as resource_type, ${text('resourceId')} as resource_id, ${text('askedProperties')}::jsonb as properties
  offset 0`;

/** Who is asked about. */
const who = userNamed(sql`${placeholderFor(users.id, 'subjectId')}::uuid`, text('email'), text('externalId'));

/**
 * How many members or resources one page looks at. It bounds the work of a request: a page may be
 * short, or empty.
 */
const lookedAt = sql.raw('500');

/**
 * Those of the candidates that may be found, and, where there are more candidates, the last one as not allowed: the next page
 * begins after it.
 * @param candidates in the order of their ids, as many as are looked at.
 * @param allowed a query of `candidates`, one more than the limit.
 */
const foundAmong = (candidates: SQL, allowed: SQL) => sql<Found[] | null>`(
    with candidates as (${candidates}), allowed as (${allowed})
    select jsonb_agg(jsonb_build_object('id', it.id, 'externalId', it.external_id, 'isAllowed', it.is_allowed) order by not it.is_allowed, it.place)
    from (
      select id, external_id, true as is_allowed, row_number() over (order by id) as place from allowed
      union all
      (select id, null, false, null from candidates where (select count(*) from candidates) = ${lookedAt} order by id desc limit 1)) it)`;

export interface Found {
  id: string;
  externalId?: string | null;
  isAllowed?: boolean;
}

/** Members who may do something: what they are called, and their ids to page by. */
export const searchSubjects = asked(
  'search_subjects',
  foundAmong(
    sql`
      select m.user_id as id, u.external_id, m.user_id, m.all_permissions, m.permissions, m.roles
      from memberships m
      join users u on u.id = m.user_id and u.disabled_at is null
      where m.account_id = ${account} and ${isActiveNow(atNow)} and (${text('after')} is null or m.user_id > ${text('after')}::uuid)
      order by m.user_id limit ${lookedAt}`,
    sql`
      select m.id, m.external_id
      from candidates m
      cross join (${question()}) q
      join accounts a on a.id = ${account}
      join permissions p on p.key = ${text('permission')}
      where ${isAllowed(account, atNow)}
      order by m.id limit ${limit}`,
  ),
);

/** Resources of a type on which someone may do something: those that are registered, and those that a grant names. */
export const searchResources = asked(
  'search_resources',
  foundAmong(
    sql`
      select c.id, null::text as external_id from (
        (select r.id from resources r
          where r.account_id = ${account} and r.type = ${text('resourceType')} and (${text('after')} is null or r.id > ${text('after')})
          order by r.id limit ${lookedAt})
        union
        (select distinct g.resource_id from grants g
          where g.account_id = ${account} and g.resource_type = ${text('resourceType')} and g.resource_id is not null
            and (${text('after')} is null or g.resource_id > ${text('after')})
          order by g.resource_id limit ${lookedAt})) c
      order by c.id limit ${lookedAt}`,
    sql`
      select c.id, c.external_id
      from candidates c
      cross join (${question()}) asked
      cross join lateral (select asked.resource_type, c.id as resource_id, asked.properties) q
      join lateral ${who} u on true
      ${membershipOf(account, sql`u.id`, atNow)}
      join permissions p on p.key = ${text('permission')}
      where ${isAllowed(account, atNow)}
      order by c.id limit ${limit}`,
  ),
);

/** The account, if someone may do something in it. */
export const searchAccount = asked(
  'search_account',
  sql<{ id: string }[] | null>`(
    select jsonb_agg(jsonb_build_object('id', a.id))
    from (${question()}) q
    join lateral ${who} u on true
    join accounts a on a.id = ${account}
    join memberships m on m.account_id = ${account} and m.user_id = u.id and ${isActiveNow(atNow)}
    join permissions p on p.key = ${text('permission')}
    where (${text('after')} is null or a.id > ${text('after')}::uuid) and ${isAllowed(account, atNow)})`,
);

/** Who is asked about, and what grants a permission, for a search through all accounts. */
const findSearched = asked(
  'find_searched',
  sql<{ userId: string | null; coveredBy: string[] | null } | null>`(
    select jsonb_build_object('userId', (select id from ${who} u),
      'coveredBy', (select covered_by from permissions where key = ${text('permission')})))`,
);

interface SearchValues {
  askedProperties: string;
  after: string | null;
  limit: number;
}

/**
 * Accounts in which someone may do something, of all accounts. Two statements: the second one reads
 * every account that the user is in, and has no table shared by all accounts in FROM, so that Citus
 * plans it for every node.
 */
export async function searchAccounts(
  db: Db,
  caller: Caller,
  accountId: AccountId | null,
  questions: Parameters<typeof findSearched>[3],
  values: SearchValues & Record<string, unknown>,
) {
  const found = await findSearched(db, caller, accountId, questions, values);
  const { userId, coveredBy } = found?.more ?? {};
  if (!found || !userId || !coveredBy) return found && { ...found, more: null };
  return { ...found, more: await listAllowedAccounts(db, { ...values, userId, coveredBy }, caller.now) };
}

async function listAllowedAccounts(
  db: Db,
  { userId, coveredBy, askedProperties, after, limit }: SearchValues & { userId: string; coveredBy: string[] },
  now: Date,
): Promise<{ id: string }[]> {
  const at = sql`${sql.param(now, memberships.endsAt)}`;
  const covered = sql`${sql.param(coveredBy)}::text[]`;
  const { rows } = (await db.execute(sql`
    with q as materialized (select ${askedProperties}::jsonb as properties)
    select a.id
    from memberships m
    join accounts a on a.id = m.account_id
    cross join q
    cross join lateral (select '' as key, ${covered} as covered_by) p
    where m.user_id = ${userId}::uuid and ${isActiveNow(at)}
      and (${after}::uuid is null or a.id > ${after}::uuid) and ${isAllowedInAccount(sql`m.account_id`, at)}
    order by a.id limit ${limit}`)) as unknown as { rows: { id: string }[] };
  return rows;
}

/** Permissions that someone has on a resource. */
export const searchActions = asked(
  'search_actions',
  sql<{ id: string }[] | null>`(
    select jsonb_agg(jsonb_build_object('id', it.key) order by it.key collate "C") from (
      select p.key
      from (${question()}) q
      join lateral ${who} u on true
      ${membershipOf(account, sql`u.id`, atNow)}
      cross join permissions p
      where (${text('after')} is null or p.key collate "C" > ${text('after')}) and ${isAllowed(account, atNow)}
      order by p.key collate "C" limit ${limit}) it)`,
);
