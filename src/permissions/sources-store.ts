import { and, eq, sql } from 'drizzle-orm';
import type { Db } from '../database/database.ts';
import { grants, memberships } from '../database/schema.ts';
import type { AccountId, UserId } from '../ids/ids.ts';
import { allSourcesColumn, grantsColumn, type Sources } from './effective-access.ts';
import { existingAccessColumns, toExistingAccess } from './store.ts';

const isMembership = (accountId: AccountId, userId: UserId) =>
  and(eq(memberships.accountId, accountId), eq(memberships.userId, userId));

const valuesOf = (accountId: AccountId, now: Date) =>
  [sql`${sql.param(accountId, grants.accountId)}`, sql`${sql.param(now, grants.endsAt)}`] as const;

/** What a member has, with grants on resources and conditions too. */
export async function findSources(db: Db, accountId: AccountId, userId: UserId, now: Date): Promise<Sources | null> {
  const [found] = await db
    .select({ sources: allSourcesColumn(...valuesOf(accountId, now)) })
    .from(memberships)
    .where(isMembership(accountId, userId));
  return found?.sources ?? null;
}

/**
 * The same with where each permission comes from: by name, by which roles, by which grants; and what
 * every permission of the catalogue covers.
 */
export async function findOrigins(db: Db, accountId: AccountId, userId: UserId, now: Date) {
  const [account, at] = valuesOf(accountId, now);
  const [found] = await db
    .select({
      given: existingAccessColumns(account, {
        permissions: sql`memberships.permissions`,
        roles: sql`memberships.roles`,
      }),
      grants: grantsColumn(account, at, sql`true`),
      covers: sql<Record<string, string[]>>`(select jsonb_object_agg(key, covers) from permissions)`,
    })
    .from(memberships)
    .where(isMembership(accountId, userId));
  return found && { ...toExistingAccess(found.given), grants: found.grants, covers: found.covers };
}
