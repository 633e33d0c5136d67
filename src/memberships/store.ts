import { and, asc, eq, gt, ilike, isNull, or, sql } from 'drizzle-orm';
import { alias } from 'drizzle-orm/pg-core';
import type { Db, Tx } from '../database/database.ts';
import { accounts, invites, memberships, users } from '../database/schema.ts';
import { equalsLiteral, literalLimit, placeholderFor, prepared } from '../database/statements.ts';
import type { AccountId, MembershipId, UserId } from '../ids/ids.ts';
import type { Access } from '../permissions/access.ts';

const inviters = alias(users, 'inviters');

/** What is shown of a member: a list has many, and each column of each costs. */
const memberColumns = {
  membership: {
    id: memberships.id,
    allPermissions: memberships.allPermissions,
    permissions: memberships.permissions,
    roles: memberships.roles,
    endsAt: memberships.endsAt,
    createdAt: memberships.createdAt,
    suspendedAt: memberships.suspendedAt,
  },
  user: { id: users.id, email: users.email, name: users.name },
  inviter: { id: inviters.id, name: inviters.name },
  isOwner: sql<boolean>`${memberships.userId} = ${accounts.ownerId}`,
};

const selectMembers = (db: Db) =>
  db
    .select(memberColumns)
    .from(memberships)
    .innerJoin(accounts, eq(accounts.id, memberships.accountId))
    .innerJoin(users, eq(users.id, memberships.userId))
    .leftJoin(inviters, eq(inviters.id, memberships.invitedBy));

export type MemberRow = Awaited<ReturnType<typeof listMembers>>[number];

export async function findMember(db: Db, accountId: AccountId, userId: UserId): Promise<MemberRow | undefined> {
  const [member] = await selectMembers(db).where(
    and(eq(memberships.accountId, accountId), eq(memberships.userId, userId)),
  );
  return member;
}

const pages = new Map<number, ReturnType<typeof pageOf>>();

const pageOf = (limit: number) =>
  prepared(`list_members_${limit}`, (db) =>
    selectMembers(db)
      .where(
        and(
          eq(memberships.accountId, placeholderFor(memberships.accountId, 'accountId')),
          gt(memberships.id, placeholderFor(memberships.id, 'cursor')),
        ),
      )
      .orderBy(asc(memberships.id))
      .limit(literalLimit(limit)),
  );

/** The statement for a page, of which there is one for each size. */
function pageFor(limit: number) {
  const page = pages.get(limit) ?? pageOf(limit);
  pages.set(limit, page);
  return page;
}

/** Sorts before every membership's id. */
const beforeAll = 'mem_00000000000000000000000000' as MembershipId;

/** The members of an account, longest in first, one more than `limit`; `q` is looked for in name and address. */
export function listMembers(
  db: Db,
  accountId: AccountId,
  { q, limit, cursor = beforeAll }: { q?: string; limit: number; cursor?: MembershipId },
) {
  if (q === undefined) return pageFor(limit + 1)(db).execute({ accountId, cursor });
  const anywhere = `%${q.replaceAll(/[\\%_]/g, '\\$&')}%`;
  return selectMembers(db)
    .where(
      and(
        eq(memberships.accountId, accountId),
        gt(memberships.id, cursor),
        or(ilike(users.name, anywhere), ilike(users.email, anywhere)),
      ),
    )
    .orderBy(asc(memberships.id))
    .limit(limit + 1);
}

export async function updateMembership(
  tx: Tx,
  accountId: AccountId,
  userId: UserId,
  changes: Partial<Access & { suspendedAt: Date | null }>,
): Promise<void> {
  await tx
    .update(memberships)
    .set(changes)
    .where(and(eq(memberships.accountId, accountId), eq(memberships.userId, userId)));
}

/** Someone who is in an account no more, with what the mail about it says. */
export async function findRemoved(db: Db, accountId: AccountId, userId: UserId) {
  const [found] = await db
    .select({
      account: { name: accounts.name, locale: accounts.locale },
      user: { email: users.email, locale: users.locale },
    })
    .from(accounts)
    .innerJoin(users, eq(users.id, userId))
    .leftJoin(memberships, and(eq(memberships.accountId, accounts.id), eq(memberships.userId, users.id)))
    .where(and(eq(accounts.id, accountId), isNull(memberships.id), isNull(users.disabledAt)));
  return found;
}

/**
 * Removes a member and revokes the invites that they had pending. The membership is held in a statement of its own first: an
 * invite that they are making holds it too, and must be there to be seen.
 */
export async function deleteMembership(tx: Tx, accountId: AccountId, userId: UserId, now: Date): Promise<void> {
  const isTheirs = and(eq(memberships.accountId, accountId), eq(memberships.userId, userId));
  await tx.select({ id: memberships.id }).from(memberships).where(isTheirs).for('update');
  const revoked = tx.$with('revoked').as(
    tx
      .update(invites)
      .set({ status: 'revoked', decidedAt: now })
      .where(
        and(eq(invites.accountId, accountId), eq(invites.invitedBy, userId), equalsLiteral(invites.status, 'pending')),
      )
      .returning({ id: invites.id }),
  );
  await tx.with(revoked).delete(memberships).where(isTheirs);
}

/** Locks a membership against removal until the transaction ends. It can still be changed. */
export async function lockMembership(tx: Tx, accountId: AccountId, userId: UserId): Promise<void> {
  await tx
    .select({ id: memberships.id })
    .from(memberships)
    .where(and(eq(memberships.accountId, accountId), eq(memberships.userId, userId)))
    .for('key share');
}
