import { and, asc, eq, gt, ilike, isNull, or, sql } from 'drizzle-orm';
import { alias } from 'drizzle-orm/pg-core';
import type { Db, Tx } from '../database/database.ts';
import { accounts, invites, memberships, users } from '../database/schema.ts';
import { equalsLiteral, literalLimit, placeholderFor, prepared } from '../database/statements.ts';
import type { AccountId, MembershipId, UserId } from '../ids/ids.ts';
import type { Access } from '../permissions/access.ts';

const inviters = alias(users, 'inviters');

/** The columns that the API shows. Reading all columns would slow down long lists. */
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

const pageStatements = new Map<number, ReturnType<typeof preparePage>>();

const preparePage = (limit: number) =>
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

/** The prepared statement for pages of one size. */
function pageStatement(limit: number) {
  const page = pageStatements.get(limit) ?? preparePage(limit);
  pageStatements.set(limit, page);
  return page;
}

/** Sorts before every membership id. */
const lowestId = 'mem_00000000000000000000000000' as MembershipId;

/**
 * The members of an account, oldest membership first, and one more than `limit`.
 * @param q text that the name or the e-mail address must contain, in any case.
 */
export function listMembers(
  db: Db,
  accountId: AccountId,
  { q, limit, cursor = lowestId }: { q?: string; limit: number; cursor?: MembershipId },
) {
  if (q === undefined) return pageStatement(limit + 1)(db).execute({ accountId, cursor });
  const pattern = `%${q.replaceAll(/[\\%_]/g, '\\$&')}%`;
  return selectMembers(db)
    .where(
      and(
        eq(memberships.accountId, accountId),
        gt(memberships.id, cursor),
        or(ilike(users.name, pattern), ilike(users.email, pattern)),
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

/** A user who is not a member of the account, with what the mail about their removal needs. */
export async function findFormerMember(db: Db, accountId: AccountId, userId: UserId) {
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
 * Removes a member and revokes their pending invites. A separate statement locks the membership
 * first: creating an invite locks it too, and the second statement must see that invite.
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
