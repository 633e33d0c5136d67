import { and, desc, eq, inArray, isNotNull, lt, ne } from 'drizzle-orm';
import { type Db, placeholderFor, prepared, type Tx } from '../database/database.ts';
import { accounts, invites, memberships, users } from '../database/schema.ts';
import type { AccountId, InviteId, MembershipId, UserId } from '../ids.ts';
import { hasStatus, type InviteRow, inviterColumns, inviters } from './store.ts';

/** Pending invites for an address in every account, newest first, one more than `limit`. */
export function listInvitesFor(
  db: Db,
  email: string,
  now: Date,
  { limit, cursor }: { limit: number; cursor?: InviteId },
) {
  return db
    .select({ invite: invites, inviter: inviterColumns, account: { id: accounts.id, name: accounts.name } })
    .from(invites)
    .innerJoin(inviters, eq(inviters.id, invites.invitedBy))
    .innerJoin(accounts, eq(accounts.id, invites.accountId))
    .where(
      and(
        eq(invites.email, email),
        hasStatus('pending', now),
        cursor === undefined ? undefined : lt(invites.id, cursor),
      ),
    )
    .orderBy(desc(invites.id))
    .limit(limit + 1);
}

/** Which account an invite for an address is of. */
export async function findAccountOfInvite(db: Db, id: InviteId, email: string): Promise<AccountId | undefined> {
  const [found] = await db
    .select({ accountId: invites.accountId })
    .from(invites)
    .where(and(eq(invites.email, email), eq(invites.id, id)));
  return found?.accountId;
}

const offer = prepared((db) =>
  db
    .select({
      invite: invites,
      inviter: inviterColumns,
      account: accounts,
      hasLogin: isNotNull(users.id).mapWith(Boolean),
    })
    .from(invites)
    .innerJoin(accounts, eq(accounts.id, invites.accountId))
    .innerJoin(inviters, eq(inviters.id, invites.invitedBy))
    .leftJoin(users, eq(users.email, invites.email))
    .where(
      and(
        eq(invites.accountId, placeholderFor(invites.accountId, 'accountId')),
        eq(invites.id, placeholderFor(invites.id, 'inviteId')),
      ),
    )
    .prepare('find_offer'),
);

/** An invite with all that its mail and its preview say. */
export async function findOffer(db: Db, accountId: AccountId, inviteId: InviteId) {
  const [found] = await offer(db).execute({ accountId, inviteId });
  return found;
}

/**
 * An invite and its account, both held until the transaction ends, and both as they are once they are held. The account
 * first, like every change of who is in it.
 */
export async function lockAccountAndInvite(tx: Tx, accountId: AccountId, id: InviteId) {
  const [found] = await tx
    .select({ account: accounts, invite: invites })
    .from(accounts)
    .innerJoin(invites, eq(invites.accountId, accounts.id))
    .where(and(eq(accounts.id, accountId), eq(invites.id, id)))
    .for('no key update');
  return found;
}

/** What an accept is decided on: the inviter, with their access if they are active, and whether the user is a member already. */
export async function findInviterAndMember(tx: Tx, accountId: AccountId, inviterId: UserId, userId: UserId) {
  const rows = await tx
    .select({ user: { id: users.id, name: users.name }, membership: memberships })
    .from(users)
    .leftJoin(memberships, and(eq(memberships.accountId, accountId), eq(memberships.userId, users.id)))
    .where(inArray(users.id, [inviterId, userId]));
  const inviter = rows.find((it) => it.user.id === inviterId);
  return {
    inviter: inviter?.user ?? null,
    inviterAccess: inviter?.membership?.suspendedAt === null ? inviter.membership : undefined,
    isMember: rows.some((it) => it.user.id === userId && it.membership !== null),
  };
}

/** Consumes an invite and makes the membership, in one statement. */
export async function insertMembershipOf(
  tx: Tx,
  invite: InviteRow,
  member: { id: MembershipId; userId: UserId },
  now: Date,
): Promise<typeof memberships.$inferSelect> {
  const { accountId, allPermissions, permissions, invitedBy } = invite;
  const accepted = tx.$with('accepted').as(
    tx
      .update(invites)
      .set({ status: 'accepted', decidedAt: now })
      .where(and(eq(invites.accountId, accountId), eq(invites.id, invite.id)))
      .returning({ id: invites.id }),
  );
  const [made] = await tx
    .with(accepted)
    .insert(memberships)
    .values({ ...member, accountId, allPermissions, permissions, invitedBy, createdAt: now })
    .returning();
  return made as typeof memberships.$inferSelect;
}

/** Keeps why a try to accept failed, on an invite that was not accepted. */
export async function markAttempt(tx: Tx, accountId: AccountId, id: InviteId, reason: string, at: Date): Promise<void> {
  await tx
    .update(invites)
    .set({ lastAttemptAt: at, lastAttemptReason: reason })
    .where(and(eq(invites.accountId, accountId), eq(invites.id, id), ne(invites.status, 'accepted')));
}
