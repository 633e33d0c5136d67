import { type SQL, sql } from 'drizzle-orm';
import type { Caller } from '../../credentials/caller.ts';
import type { Db } from '../../database/database.ts';
import { memberships, users } from '../../database/schema.ts';
import { placeholderFor } from '../../database/statements.ts';
import type { AccountId } from '../../ids/ids.ts';
import { isAllowed, isAllowedInAccount } from '../../permissions/effective-access.ts';
import { isActiveNow, membershipOf, userBy } from '../checks/decision-store.ts';
import { account, atNow, prepareQuestionStatement } from '../checks/store.ts';

// Each search except `searchAccounts` is one statement: it verifies the caller, reads their rights,
// and finds a page of results, at most `limit` + 1. `q` is the question.

const text = (name: string) => sql`${sql.placeholder(name)}::text`;
const limit = sql`${sql.placeholder('limit')}::int`;

/**
 * The question as a subquery. With `offset 0`, Postgres computes it once instead of parsing the
 * properties again for each comparison with a grant.
 */
const question = () => sql`
  select ${text('resourceType')} as resource_type, ${text('resourceId')} as resource_id, ${text('questionProperties')}::jsonb as properties
  offset 0`;

/** The user that the search is about. */
const user = userBy(sql`${placeholderFor(users.id, 'subjectId')}::uuid`, text('email'), text('externalId'));

/**
 * The maximum number of members or resources that one page examines. It limits the work of a
 * request, so a page may be short or empty.
 */
const maxCandidates = sql.raw('500');

/**
 * Selects the allowed candidates and, if there may be more candidates, the last one with
 * `isAllowed: false`: the next page begins after it.
 * @param candidates a query ordered by id, limited to `maxCandidates`.
 * @param allowed a query of `candidates`, limited to `limit`.
 */
const selectAllowed = (candidates: SQL, allowed: SQL) => sql<SearchResult[] | null>`(
    with candidates as (${candidates}), allowed as (${allowed})
    select jsonb_agg(jsonb_build_object('id', it.id, 'externalId', it.external_id, 'isAllowed', it.is_allowed) order by not it.is_allowed, it.place)
    from (
      select id, external_id, true as is_allowed, row_number() over (order by id) as place from allowed
      union all
      (select id, null, false, null from candidates where (select count(*) from candidates) = ${maxCandidates} order by id desc limit 1)) it)`;

export interface SearchResult {
  id: string;
  externalId?: string | null;
  isAllowed?: boolean;
}

/** Finds the members who have a permission: their external ids, and their ids to page by. */
export const searchSubjects = prepareQuestionStatement(
  'search_subjects',
  selectAllowed(
    sql`
      select m.user_id as id, u.external_id, m.user_id, m.all_permissions, m.permissions, m.roles
      from memberships m
      join users u on u.id = m.user_id and u.disabled_at is null
      where m.account_id = ${account} and ${isActiveNow(atNow)} and (${text('after')} is null or m.user_id > ${text('after')}::uuid)
      order by m.user_id limit ${maxCandidates}`,
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

/**
 * Finds the resources of a type, registered or named in a grant, on which a user has a permission.
 */
export const searchResources = prepareQuestionStatement(
  'search_resources',
  selectAllowed(
    sql`
      select c.id, null::text as external_id from (
        (select r.id from resources r
          where r.account_id = ${account} and r.type = ${text('resourceType')} and (${text('after')} is null or r.id > ${text('after')})
          order by r.id limit ${maxCandidates})
        union
        (select distinct g.resource_id from grants g
          where g.account_id = ${account} and g.resource_type = ${text('resourceType')} and g.resource_id is not null
            and (${text('after')} is null or g.resource_id > ${text('after')})
          order by g.resource_id limit ${maxCandidates})) c
      order by c.id limit ${maxCandidates}`,
    sql`
      select c.id, c.external_id
      from candidates c
      cross join (${question()}) asked
      cross join lateral (select asked.resource_type, c.id as resource_id, asked.properties) q
      join lateral ${user} u on true
      ${membershipOf(account, sql`u.id`, atNow)}
      join permissions p on p.key = ${text('permission')}
      where ${isAllowed(account, atNow)}
      order by c.id limit ${limit}`,
  ),
);

/** Finds the account, if a user has a permission in it. */
export const searchAccount = prepareQuestionStatement(
  'search_account',
  sql<{ id: string }[] | null>`(
    select jsonb_agg(jsonb_build_object('id', a.id))
    from (${question()}) q
    join lateral ${user} u on true
    join accounts a on a.id = ${account}
    join memberships m on m.account_id = ${account} and m.user_id = u.id and ${isActiveNow(atNow)}
    join permissions p on p.key = ${text('permission')}
    where (${text('after')} is null or a.id > ${text('after')}::uuid) and ${isAllowed(account, atNow)})`,
);

/** Finds the user's id and the permissions that cover the requested one, for `searchAccounts`. */
const findUserAndCover = prepareQuestionStatement(
  'find_searched',
  sql<{ userId: string | null; coveredBy: string[] | null } | null>`(
    select jsonb_build_object('userId', (select id from ${user} u),
      'coveredBy', (select covered_by from permissions where key = ${text('permission')})))`,
);

interface SearchValues {
  questionProperties: string;
  after: string | null;
  limit: number;
}

/**
 * Finds the accounts in which a user has a permission. Takes two statements: the second one reads
 * all accounts of the user, and has no table shared by all accounts in FROM, so that Citus can plan
 * it for every node.
 */
export async function searchAccounts(
  db: Db,
  caller: Caller,
  accountId: AccountId | null,
  questions: Parameters<typeof findUserAndCover>[3],
  values: SearchValues & Record<string, unknown>,
) {
  const found = await findUserAndCover(db, caller, accountId, questions, values);
  const { userId, coveredBy } = found?.extra ?? {};
  if (!found || !userId || !coveredBy) return found && { ...found, extra: null };
  return { ...found, extra: await listAllowedAccounts(db, { ...values, userId, coveredBy }, caller.now) };
}

async function listAllowedAccounts(
  db: Db,
  { userId, coveredBy, questionProperties, after, limit }: SearchValues & { userId: string; coveredBy: string[] },
  now: Date,
): Promise<{ id: string }[]> {
  const at = sql`${sql.param(now, memberships.endsAt)}`;
  const covered = sql`${sql.param(coveredBy)}::text[]`;
  const { rows } = (await db.execute(sql`
    with q as materialized (select ${questionProperties}::jsonb as properties)
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

/** Finds the permissions that a user has on a resource. */
export const searchActions = prepareQuestionStatement(
  'search_actions',
  sql<{ id: string }[] | null>`(
    select jsonb_agg(jsonb_build_object('id', it.key) order by it.key collate "C") from (
      select p.key
      from (${question()}) q
      join lateral ${user} u on true
      ${membershipOf(account, sql`u.id`, atNow)}
      cross join permissions p
      where (${text('after')} is null or p.key collate "C" > ${text('after')}) and ${isAllowed(account, atNow)}
      order by p.key collate "C" limit ${limit}) it)`,
);
