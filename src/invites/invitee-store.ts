import { and, desc, eq, isNotNull, lt, ne, or, type SQL, sql } from 'drizzle-orm';
import { isActive } from '../accounts/store.ts';
import { type Db, placeholderFor, prepared, type Tx } from '../database/database.ts';
import { accounts, invites, memberships, users } from '../database/schema.ts';
import type { AccountId, InviteId, MembershipId, RoleId, UserId } from '../ids.ts';
import { effectiveAccess } from '../permissions/sources.ts';
import { sourcesColumn } from '../permissions/sources-store.ts';
import { givableColumns, givableIn } from '../permissions/store.ts';
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

const heldAccountAndInvite = prepared((tx) =>
  tx
    .select({ account: accounts, invite: invites })
    .from(accounts)
    .innerJoin(invites, eq(invites.accountId, accounts.id))
    .where(
      and(
        eq(accounts.id, placeholderFor(accounts.id, 'accountId')),
        eq(invites.id, placeholderFor(invites.id, 'inviteId')),
      ),
    )
    .for('no key update')
    .prepare('hold_account_and_invite'),
);

/**
 * An invite and its account, both held until the transaction ends, and both as they are once they are held. The account
 * first, like every change of who is in it.
 */
export async function lockAccountAndInvite(tx: Tx, accountId: AccountId, inviteId: InviteId) {
  const [found] = await heldAccountAndInvite(tx).execute({ accountId, inviteId });
  return found;
}

const nowAsked = sql`${placeholderFor(memberships.endsAt, 'now')}`;
const accountAsked = sql`${placeholderFor(accounts.id, 'accountId')}`;

const inviterAndMember = prepared((tx) =>
  tx
    .select({
      user: { id: users.id, name: users.name },
      membership: memberships,
      sources: sourcesColumn(nowAsked),
      given: givableColumns(accountAsked, {
        permissions: sql`${placeholderFor(invites.permissions, 'permissions')}::text[]`,
        roles: sql`${placeholderFor(invites.roles, 'roles')}::uuid[]`,
      }),
      isActive: isActive(nowAsked)?.mapWith(Boolean) as SQL<boolean>,
    })
    .from(users)
    .leftJoin(memberships, and(eq(memberships.accountId, accountAsked), eq(memberships.userId, users.id)))
    .where(or(eq(users.id, placeholderFor(users.id, 'inviterId')), eq(users.id, placeholderFor(users.id, 'userId'))))
    .prepare('find_inviter_and_member'),
);

/**
 * What an accept is decided on: the inviter, with their access if they are active, what there is of what the invite gives, and
 * whether the user is a member already.
 */
export async function findInviterAndMember(
  tx: Tx,
  account: { id: AccountId; ownerId: UserId },
  { invite, userId, now }: { invite: InviteRow; userId: UserId; now: Date },
) {
  const inviterId = invite.invitedBy;
  const isOwner = account.ownerId === inviterId;
  const { permissions, roles } = invite;
  const asked = { accountId: account.id, inviterId, userId, permissions, roles, now };
  const rows = await inviterAndMember(tx).execute(asked);
  const inviter = rows.find((it) => it.user.id === inviterId);
  const { membership, sources = null, isActive: isIn = false } = inviter ?? {};
  return {
    inviter: inviter?.user ?? null,
    inviterAccess: membership && isIn ? effectiveAccess({ ...membership, sources, isOwner }) : undefined,
    given: givableIn(rows[0]?.given),
    isMember: rows.some((it) => it.user.id === userId && it.membership !== null),
  };
}

const membershipOf = prepared((tx) => {
  const ofAccount = placeholderFor(invites.accountId, 'accountId');
  const accepted = tx.$with('accepted').as(
    tx
      .update(invites)
      .set({ status: 'accepted', decidedAt: sql`${placeholderFor(invites.decidedAt, 'now')}` })
      .where(and(eq(invites.accountId, ofAccount), eq(invites.id, placeholderFor(invites.id, 'inviteId'))))
      .returning({ id: invites.id }),
  );
  const moved = tx.$with('moved').as(
    tx
      .update(accounts)
      .set({ epoch: sql`${accounts.epoch} + 1` })
      .where(eq(accounts.id, ofAccount))
      .returning({ id: accounts.id }),
  );
  const value = (name: keyof typeof memberships.$inferInsert) => sql`${placeholderFor(memberships[name], name)}`;
  return tx
    .with(accepted, moved)
    .insert(memberships)
    .values({
      id: value('id'),
      accountId: value('accountId'),
      userId: value('userId'),
      allPermissions: value('allPermissions'),
      permissions: value('permissions'),
      roles: value('roles'),
      endsAt: value('endsAt'),
      invitedBy: value('invitedBy'),
      createdAt: nowAsked,
    })
    .returning()
    .prepare('insert_membership_of');
});

/** Consumes an invite and makes the membership, which moves the account's epoch, in one statement. */
export async function insertMembershipOf(
  tx: Tx,
  { id: inviteId, accountId, allPermissions, permissions, endsAt, invitedBy }: InviteRow,
  member: { id: MembershipId; userId: UserId; roles: RoleId[] },
  now: Date,
): Promise<typeof memberships.$inferSelect> {
  const values = { ...member, inviteId, accountId, allPermissions, permissions, endsAt, invitedBy, now };
  const [made] = await membershipOf(tx).execute(values);
  return made as typeof memberships.$inferSelect;
}

/** Keeps why a try to accept failed, on an invite that was not accepted. */
export async function markAttempt(tx: Tx, accountId: AccountId, id: InviteId, reason: string, at: Date): Promise<void> {
  await tx
    .update(invites)
    .set({ lastAttemptAt: at, lastAttemptReason: reason })
    .where(and(eq(invites.accountId, accountId), eq(invites.id, id), ne(invites.status, 'accepted')));
}
