import { and, asc, desc, eq, isNotNull, lt, ne, type SQL, sql } from 'drizzle-orm';
import { isActive } from '../accounts/store.ts';
import { type Db, placeholderFor, prepared, type Tx } from '../database/database.ts';
import { rowSet } from '../database/row-set.ts';
import { accounts, invites, memberships, users } from '../database/schema.ts';
import { type AccountId, type InviteId, type UserId, uuidOf } from '../ids.ts';
import type { EffectiveAccess } from '../permissions/access.ts';
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

const heldAccountAndInvites = prepared((tx) =>
  tx
    .select({ account: accounts, invite: invites })
    .from(accounts)
    .innerJoin(invites, eq(invites.accountId, accounts.id))
    .where(
      and(
        eq(accounts.id, placeholderFor(accounts.id, 'accountId')),
        sql`${invites.id} = any(${sql.placeholder('inviteIds')}::uuid[])`,
      ),
    )
    .orderBy(asc(invites.id))
    .for('no key update')
    .prepare('hold_account_and_invites'),
);

/**
 * Invites and their account, all held until the transaction ends, and all as they are once they are held. The account
 * first, like every change of who is in it.
 */
export async function lockAccountAndInvites(tx: Tx, accountId: AccountId, ids: readonly InviteId[]) {
  const inviteIds = ids.map((it) => uuidOf('inv', it));
  const rows = await heldAccountAndInvites(tx).execute({ accountId, inviteIds });
  return rows[0] && { account: rows[0].account, invites: rows.map((it) => it.invite) };
}

/** The same for one. */
export async function lockAccountAndInvite(tx: Tx, accountId: AccountId, id: InviteId) {
  const held = await lockAccountAndInvites(tx, accountId, [id]);
  const invite = held?.invites[0];
  return held && invite && { account: held.account, invite };
}

const nowAsked = sql`${placeholderFor(memberships.endsAt, 'now')}`;
const accountAsked = sql`${placeholderFor(accounts.id, 'accountId')}`;

const invitersAndMembers = prepared((tx) =>
  tx
    .select({
      user: { id: users.id, name: users.name },
      membership: { allPermissions: memberships.allPermissions, endsAt: memberships.endsAt },
      sources: sourcesColumn(nowAsked),
      given: givableColumns(accountAsked, {
        permissions: sql`${sql.placeholder('permissions')}::text[]`,
        roles: sql`${sql.placeholder('roles')}::uuid[]`,
      }),
      isMember: isNotNull(memberships.id).mapWith(Boolean),
      isActive: isActive(nowAsked)?.mapWith(Boolean) as SQL<boolean>,
    })
    .from(users)
    .leftJoin(memberships, and(eq(memberships.accountId, accountAsked), eq(memberships.userId, users.id)))
    .where(sql`${users.id} = any(${sql.placeholder('userIds')}::uuid[])`)
    .prepare('find_inviters_and_members'),
);

/** Someone who has invited. */
export interface InviterNow {
  id: UserId;
  name: string;
  /** What they may do now; undefined where they are active in the account no more. */
  access: EffectiveAccess | undefined;
}

/**
 * What accepts are decided on: the inviters, with their access, what there is of what the invites give, and which of the users are
 * members already.
 */
export async function findInvitersAndMembers(
  tx: Tx,
  account: { id: AccountId; ownerId: UserId },
  { invites, userIds, now }: { invites: readonly InviteRow[]; userIds: readonly UserId[]; now: Date },
) {
  const inviterIds = new Set(invites.map((it) => it.invitedBy));
  const rows = await invitersAndMembers(tx).execute({
    accountId: account.id,
    userIds: [...new Set([...inviterIds, ...userIds])].map((it) => uuidOf('usr', it)),
    permissions: [...new Set(invites.flatMap((it) => it.permissions))],
    roles: [...new Set(invites.flatMap((it) => it.roles))].map((it) => uuidOf('rol', it)),
    now,
  });
  const inviters = rows
    .filter((it) => inviterIds.has(it.user.id))
    .map(({ user, membership, sources, isActive }): InviterNow => {
      const isOwner = account.ownerId === user.id;
      const access = membership && isActive ? effectiveAccess({ ...membership, sources, isOwner }) : undefined;
      return { ...user, access };
    });
  return {
    inviters: new Map(inviters.map((it) => [it.id, it])),
    given: givableIn(rows[0]?.given),
    memberIds: new Set(rows.filter((it) => it.isMember).map((it) => it.user.id)),
  };
}

const newMembers = rowSet(memberships, 'members', [
  ...(['accountId', 'userId', 'id', 'allPermissions', 'permissions', 'roles', 'endsAt'] as const),
  ...(['invitedBy', 'createdAt'] as const),
]);

export type NewMember = Parameters<typeof newMembers.valueOf>[0][number];

const membershipsOf = prepared((tx) => {
  const ofAccount = placeholderFor(invites.accountId, 'accountId');
  const accepted = tx.$with('accepted').as(
    tx
      .update(invites)
      .set({ status: 'accepted', decidedAt: sql`${placeholderFor(invites.decidedAt, 'now')}` })
      .where(and(eq(invites.accountId, ofAccount), sql`${invites.id} = any(${sql.placeholder('inviteIds')}::uuid[])`))
      .returning({ id: invites.id }),
  );
  const moved = tx.$with('moved').as(
    tx
      .update(accounts)
      .set({ epoch: sql`${accounts.epoch} + 1` })
      .where(eq(accounts.id, ofAccount))
      .returning({ id: accounts.id }),
  );
  const made = tx
    .$with('made', { id: memberships.id })
    .as(
      sql`insert into memberships (${newMembers.columns}) select ${newMembers.columns} from ${newMembers.rows} returning id`,
    );
  return tx.with(accepted, moved, made).select({ id: sql`id` }).from(made).prepare('insert_memberships_of');
});

/** Consumes invites of an account and makes their memberships, which moves its epoch, in one statement. */
export async function insertMembershipsOf(
  tx: Tx,
  accountId: AccountId,
  accepted: readonly { inviteId: InviteId; member: NewMember }[],
  now: Date,
): Promise<void> {
  const inviteIds = accepted.map((it) => uuidOf('inv', it.inviteId));
  const members = newMembers.valueOf(accepted.map((it) => it.member));
  await membershipsOf(tx).execute({ accountId, inviteIds, members, now });
}

/** Keeps why a try to accept failed, on an invite that was not accepted. */
export async function markAttempt(tx: Tx, accountId: AccountId, id: InviteId, reason: string, at: Date): Promise<void> {
  await tx
    .update(invites)
    .set({ lastAttemptAt: at, lastAttemptReason: reason })
    .where(and(eq(invites.accountId, accountId), eq(invites.id, id), ne(invites.status, 'accepted')));
}
