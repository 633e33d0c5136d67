import { and, asc, eq, gt, isNull } from 'drizzle-orm';
import { type Db, placeholderFor, prepared, type Tx } from '../database/database.ts';
import { accounts, memberships, ownershipTransfers, users } from '../database/schema.ts';
import type { AccountId, MembershipId, UserId } from '../ids.ts';
import type { Caller } from '../service.ts';
import { isStanding, standingOf } from '../users/store.ts';

export type AccountRow = typeof accounts.$inferSelect;

const entry = prepared((db) =>
  db
    .select({
      user: { name: users.name },
      membership: { allPermissions: memberships.allPermissions, permissions: memberships.permissions },
      account: accounts,
    })
    .from(users)
    .leftJoin(
      memberships,
      and(
        eq(memberships.accountId, placeholderFor(memberships.accountId, 'accountId')),
        eq(memberships.userId, users.id),
        isNull(memberships.suspendedAt),
      ),
    )
    .leftJoin(accounts, eq(accounts.id, memberships.accountId))
    .where(isStanding())
    .prepare('find_entry'),
);

/** The caller's user, and the account with their active membership in it where there is one; undefined where they stand no more. */
export async function findEntry(db: Db, caller: Caller, accountId: AccountId) {
  const [found] = await entry(db).execute({ ...standingOf(caller), accountId });
  return found;
}

/** Holds the account until the transaction ends. Invites can be made meanwhile: they take no such lock. */
export async function lockAccountRow(tx: Tx, id: AccountId): Promise<AccountRow | undefined> {
  const [account] = await tx.select().from(accounts).where(eq(accounts.id, id)).for('no key update');
  return account;
}

/** An account and its owner's membership. Each refers to the other, which only one statement can satisfy. */
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

/** The offer of the account's ownership that stands, with whom it was made to. */
export async function findOwnershipTransfer(db: Db, accountId: AccountId) {
  const [found] = await db
    .select({ user: { id: users.id, email: users.email, name: users.name }, offeredAt: ownershipTransfers.createdAt })
    .from(ownershipTransfers)
    .innerJoin(users, eq(users.id, ownershipTransfers.userId))
    .where(eq(ownershipTransfers.accountId, accountId));
  return found;
}

/** The accounts that someone is an active member of, oldest membership first; the cursor is a membership's id. */
export function listAccountsOf(db: Db, userId: UserId, { limit, cursor }: { limit: number; cursor?: MembershipId }) {
  return db
    .select({ account: accounts, membership: memberships })
    .from(memberships)
    .innerJoin(accounts, eq(accounts.id, memberships.accountId))
    .where(
      and(
        eq(memberships.userId, userId),
        isNull(memberships.suspendedAt),
        cursor === undefined ? undefined : gt(memberships.id, cursor),
      ),
    )
    .orderBy(asc(memberships.id))
    .limit(limit + 1);
}
