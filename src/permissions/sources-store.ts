import { and, eq, sql } from 'drizzle-orm';
import type { Db } from '../database/database.ts';
import { grants, memberships } from '../database/schema.ts';
import type { AccountId, UserId } from '../ids/ids.ts';
import { allSourcesColumn, grantsColumn, type Sources } from './effective-access.ts';
import { existingAccessColumns, toExistingAccess } from './store.ts';

const isMembership = (accountId: AccountId, userId: UserId) =>
  and(eq(memberships.accountId, accountId), eq(memberships.userId, userId));

const toParameters = (accountId: AccountId, now: Date) =>
  [sql`${sql.param(accountId, grants.accountId)}`, sql`${sql.param(now, grants.endsAt)}`] as const;

/**
 * The sources of a member's permissions, with grants on resources and on conditions.
 * @returns null if there is no such member.
 */
export async function findSources(db: Db, accountId: AccountId, userId: UserId, now: Date): Promise<Sources | null> {
  const [found] = await db
    .select({ sources: allSourcesColumn(...toParameters(accountId, now)) })
    .from(memberships)
    .where(isMembership(accountId, userId));
  return found?.sources ?? null;
}

/**
 * The direct permissions, roles and grants of a member separately, to explain where each permission
 * comes from; and what every permission of the catalogue covers.
 * @returns undefined if there is no such member.
 */
export async function findOrigins(db: Db, accountId: AccountId, userId: UserId, now: Date) {
  const [account, at] = toParameters(accountId, now);
  const [found] = await db
    .select({
      existing: existingAccessColumns(account, {
        permissions: sql`memberships.permissions`,
        roles: sql`memberships.roles`,
      }),
      grants: grantsColumn(account, at, sql`true`),
      covers: sql<Record<string, string[]>>`(select jsonb_object_agg(key, covers) from permissions)`,
    })
    .from(memberships)
    .where(isMembership(accountId, userId));
  return found && { ...toExistingAccess(found.existing), grants: found.grants, covers: found.covers };
}
