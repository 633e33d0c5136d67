import { type SQL, sql } from 'drizzle-orm';

/**
 * Whether the member has a grant of a kind. Each kind has its own index look-up: a member may have
 * 10,000 grants, and one request may ask a hundred questions. With an `or` of the kinds, each
 * question would be compared with each grant.
 */
const isGranted = (account: SQL, now: SQL, kind: SQL) => sql`exists (
      select from grants g
      where g.account_id = ${account} and g.user_id = m.user_id and g.permission = any(p.covered_by)
        and coalesce(g.ends_at, 'infinity') > ${now} and ${kind})`;

/**
 * The decision on a question, as a condition: the one place where access is decided in SQL. It is
 * asked of a query that has `q` (a question), `m` (the active membership), `a` (its account) and
 * `p` (the permission asked about), which may each be missing.
 * @param account the account asked about: a parameter, since Citus can't plan a subquery that takes
 * it from `m` in a query that also has a table shared by all accounts.
 */
export const isAllowed = (account: SQL, now: SQL) =>
  isAllowedBy(
    account,
    sql`${isGranted(account, now, sql`g.condition = '{}' and g.resource_type is null and g.resource_id is null`)}
    or ${isGranted(account, now, sql`g.condition = '{}' and g.resource_type = q.resource_type and g.resource_id is null`)}
    or ${isGranted(account, now, sql`g.condition = '{}' and g.resource_type = q.resource_type and g.resource_id = q.resource_id`)}
    or ${isGranted(
      account,
      now,
      sql`g.condition <> '{}' and q.properties @> g.condition
        and (g.resource_type is null or (g.resource_type = q.resource_type and (g.resource_id is null or g.resource_id = q.resource_id)))`,
    )}`,
  );

/**
 * The same for a question about the account itself, to which grants on resources don't apply: Citus
 * can't plan their look-up.
 */
export const isAllowedInAccount = (account: SQL, now: SQL) =>
  isAllowedBy(
    account,
    isGranted(account, now, sql`g.resource_type is null and (g.condition = '{}' or q.properties @> g.condition)`),
  );

const isAllowedBy = (account: SQL, grants: SQL) => sql`coalesce(
  m.user_id is not null and p.key is not null and (
    a.owner_id = m.user_id
    or m.all_permissions
    or m.permissions && p.covered_by
    or exists (select from roles r where r.account_id = ${account} and r.id = any(m.roles) and r.permissions && p.covered_by)
    or exists (select from role_presets r where r.id = any(m.roles) and r.permissions && p.covered_by)
    or ${grants}
  ), false)`;

/** `isActive` of a membership `m`, in words. */
export const isActiveNow = (now: SQL) => sql`m.suspended_at is null and (m.ends_at is null or m.ends_at > ${now})`;

/** The account asked about, and the active membership of a user in it. */
export const membershipOf = (account: SQL, user: SQL, now: SQL) => sql`
  left join accounts a on a.id = ${account}
  left join memberships m on m.account_id = ${account} and m.user_id = ${user} and ${isActiveNow(now)}`;

/** Users by id, by address or by external id, whichever of the three is given. One index each. */
export const userNamed = (id: SQL, email: SQL, externalId: SQL) => sql`(
  select users.id from users where users.id = ${id} and users.disabled_at is null
  union all select users.id from users where users.email = ${email} and users.disabled_at is null
  union all select users.id from users where users.external_id = ${externalId} and users.disabled_at is null)`;
