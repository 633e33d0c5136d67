import { and, asc, eq, gt, isNull, type SQL, sql } from 'drizzle-orm';
import { alias } from 'drizzle-orm/pg-core';
import { isActiveApiKey } from '../credentials/api-key-status.ts';
import type { ApiKey, Caller } from '../credentials/caller.ts';
import { callerValues, isValidCaller } from '../credentials/store.ts';
import { markVerified } from '../credentials/verification.ts';
import type { Db, Tx } from '../database/database.ts';
import { accountKeys, accounts, memberships, ownershipTransfers, platformKeys, users } from '../database/schema.ts';
import { placeholderFor, prepared } from '../database/statements.ts';
import type { AccountId, MembershipId, UserId } from '../ids/ids.ts';
import { sourcesColumn } from '../permissions/effective-access.ts';
import { isActiveUserRow } from '../users/user-status.ts';
import { isActiveMembership } from './membership-status.ts';

export type AccountRow = typeof accounts.$inferSelect;

const now = sql`${placeholderFor(memberships.endsAt, 'now')}`;
const account = sql`${placeholderFor(accounts.id, 'accountId')}`;

/**
 * The rule for everything that is done in a member's name (accepting their invite, sending their
 * mail, an ownership offer), as an SQL condition: both the membership and the user are active.
 * False without a membership.
 * @param user `users` or an alias of it, joined with `memberships`.
 */
export const mayActInName = (user: Parameters<typeof isActiveUserRow>[0], when: SQL) =>
  sql<boolean>`coalesce(${memberships.userId} = ${user.id} and ${isActiveMembership(when)} and ${isActiveUserRow(user)}, false)`;

/** Whether `mayActInName` is true for one user in one account. */
export async function isActiveMember(db: Db, accountId: AccountId, userId: UserId, when: Date): Promise<boolean> {
  const [found] = await db
    .select({ isActive: mayActInName(users, sql`${sql.param(when, memberships.endsAt)}`) })
    .from(memberships)
    .innerJoin(users, eq(users.id, memberships.userId))
    .where(and(eq(memberships.accountId, accountId), eq(memberships.userId, userId)));
  return found?.isActive ?? false;
}

/**
 * The permissions that the scopes of the calling account key cover. Null if the caller is not an
 * account key, or if the key has the scope `*`.
 */
export const scopesOfKey = sql<string[] | null>`(
  select array(select distinct unnest(p.covers) from permissions p where p.key = any(k.scopes))
  from account_keys k
  where k.account_id = ${placeholderFor(accountKeys.accountId, 'keyAccountId')} and k.id = ${placeholderFor(accountKeys.id, 'keyId')}
    and not '*' = any(k.scopes))`;

const entry = prepared('find_entry', (db) =>
  db
    .select({
      user: { name: users.name },
      membership: { allPermissions: memberships.allPermissions, endsAt: memberships.endsAt },
      sources: sourcesColumn(account, now),
      scopes: scopesOfKey,
      account: accounts,
    })
    .from(users)
    .leftJoin(
      memberships,
      and(
        eq(memberships.accountId, placeholderFor(memberships.accountId, 'accountId')),
        eq(memberships.userId, users.id),
        isActiveMembership(now),
      ),
    )
    .leftJoin(accounts, eq(accounts.id, memberships.accountId))
    .where(isValidCaller()),
);

/**
 * What `enterAccount` decides by, read in one statement: the caller's user, the account with their
 * active membership, the sources of their permissions and the scopes of their key. `account` and
 * `membership` are null without an active membership. Undefined if the credential is not valid.
 */
export function findEntry(db: Db, caller: Caller, accountId: AccountId) {
  const found = entry(db).execute({ ...callerValues(caller), accountId });
  return markVerified(
    caller,
    found.then(([entry]) => entry),
  );
}

/**
 * A condition for prepared queries about the caller: the platform key they sent, if it is active.
 */
export const isCallingPlatform = () =>
  and(
    eq(platformKeys.id, placeholderFor(platformKeys.id, 'keyId')),
    eq(platformKeys.hash, sql.placeholder('keyHash')),
    isActiveApiKey(platformKeys, now),
  );

const platformEntry = prepared('find_platform_entry', (db) =>
  db
    .select({
      scopes: platformKeys.scopes,
      account: accounts,
      owner: { id: users.id, name: users.name, disabledAt: users.disabledAt },
    })
    .from(platformKeys)
    .leftJoin(accounts, eq(accounts.id, placeholderFor(accounts.id, 'accountId')))
    .leftJoin(users, eq(users.id, accounts.ownerId))
    .where(isCallingPlatform()),
);

/**
 * The scopes of the calling platform key, and the account with its owner (null if there is no such
 * account). Undefined if the key is not active.
 */
export function findPlatformEntry(db: Db, caller: Caller, accountId: AccountId | null) {
  const found = platformEntry(db).execute({ ...callerValues(caller), accountId });
  return markVerified(
    caller,
    found.then(([entry]) => entry),
  );
}

/**
 * Locks the calling key against revocation until the transaction ends. A revocation waits, and then
 * sees what was created with the key. A made-up secret locks nothing.
 */
export async function lockCallingKey(tx: Tx, key: ApiKey): Promise<void> {
  const keys = key.kind === 'account' ? accountKeys : platformKeys;
  const account = key.kind === 'account' ? eq(accountKeys.accountId, key.accountId) : undefined;
  await tx
    .select({ id: keys.id })
    .from(keys)
    .where(and(account, eq(keys.id, key.id), eq(keys.hash, key.hash), isNull(keys.revokedAt)))
    .for('share');
}

/**
 * Locks the account until the transaction ends, and increments its epoch. Creating an invite does
 * not take this lock and does not wait.
 */
export async function lockAccountRow(tx: Tx, id: AccountId): Promise<void> {
  await tx
    .update(accounts)
    .set({ epoch: sql`${accounts.epoch} + 1` })
    .where(eq(accounts.id, id));
}

/** Inserts an account and its owner's membership. Each refers to the other, hence one statement. */
export async function insertAccountWithOwner(db: Db, account: AccountRow, membershipId: MembershipId): Promise<void> {
  const owner = db.$with('owner').as(
    db
      .insert(memberships)
      .values({
        accountId: account.id,
        userId: account.ownerId,
        id: membershipId,
        allPermissions: true,
        permissions: [],
        roles: [],
        createdAt: account.createdAt,
      })
      .returning({ id: memberships.id }),
  );
  await db.with(owner).insert(accounts).values(account);
}

export async function updateAccount(tx: Tx, id: AccountId, changes: Partial<AccountRow>): Promise<AccountRow> {
  const [account] = await tx.update(accounts).set(changes).where(eq(accounts.id, id)).returning();
  return account as AccountRow;
}

const owners = alias(users, 'owners');

/**
 * The ownership offer of an account, with what its mail needs. It is valid only while `isActive`:
 * both the owner, in whose name it was made, and the member must be active.
 */
export async function findOwnershipTransfer(db: Db, accountId: AccountId, when: Date) {
  const at = sql`${sql.param(when, memberships.endsAt)}`;
  const [found] = await db
    .select({
      user: { id: users.id, email: users.email, name: users.name },
      locale: users.locale,
      offeredAt: ownershipTransfers.createdAt,
      account: { name: accounts.name, locale: accounts.locale },
      owner: { id: owners.id, name: owners.name },
      isActive: sql<boolean>`${mayActInName(users, at)} and ${isActiveUserRow(owners)}`,
    })
    .from(ownershipTransfers)
    .innerJoin(accounts, eq(accounts.id, ownershipTransfers.accountId))
    .innerJoin(owners, eq(owners.id, accounts.ownerId))
    .innerJoin(users, eq(users.id, ownershipTransfers.userId))
    .innerJoin(
      memberships,
      and(eq(memberships.accountId, ownershipTransfers.accountId), eq(memberships.userId, ownershipTransfers.userId)),
    )
    .where(eq(ownershipTransfers.accountId, accountId));
  return found;
}

/**
 * The accounts in which a user is an active member, oldest membership first, and one more than
 * `limit`. The cursor is a membership id.
 */
export function listAccountsOfUser(
  db: Db,
  userId: UserId,
  { limit, cursor, when }: { limit: number; cursor?: MembershipId; when: Date },
) {
  const at = sql`${sql.param(when, memberships.endsAt)}`;
  return db
    .select({
      account: accounts,
      membership: memberships,
      sources: sourcesColumn(sql`memberships.account_id`, at),
      catalogue: sql<string[]>`(select array_agg(p.key order by p.position) from permissions p)`,
    })
    .from(memberships)
    .innerJoin(accounts, eq(accounts.id, memberships.accountId))
    .where(
      and(
        eq(memberships.userId, userId),
        isActiveMembership(at),
        cursor === undefined ? undefined : gt(memberships.id, cursor),
      ),
    )
    .orderBy(asc(memberships.id))
    .limit(limit + 1);
}
