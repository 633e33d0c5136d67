import { type SQL, sql } from 'drizzle-orm';
import { isActiveMembership } from '../../accounts/membership-status.ts';

/** Whether a membership `m` is active. */
export const isActiveNow = (now: SQL) =>
  isActiveMembership(now, { suspendedAt: sql`m.suspended_at`, endsAt: sql`m.ends_at` });

/** Joins the account as `a`, and the user's active membership in it as `m`. */
export const membershipOf = (account: SQL, user: SQL, now: SQL) => sql`
  left join accounts a on a.id = ${account}
  left join memberships m on m.account_id = ${account} and m.user_id = ${user} and ${isActiveNow(now)}`;

/**
 * Selects the enabled user with an id, address or external id; the other two are null. A union, so
 * that each look-up uses its own index.
 */
export const userBy = (id: SQL, email: SQL, externalId: SQL) => sql`(
  select users.id from users where users.id = ${id} and users.disabled_at is null
  union all select users.id from users where users.email = ${email} and users.disabled_at is null
  union all select users.id from users where users.external_id = ${externalId} and users.disabled_at is null)`;
