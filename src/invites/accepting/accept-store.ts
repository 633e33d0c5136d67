import { and, eq, isNull, or, sql } from 'drizzle-orm';
import { mayActInName } from '../../accounts/store.ts';
import { isActiveSession } from '../../credentials/session-status.ts';
import { isLoggedIn } from '../../credentials/store.ts';
import type { Db, Tx } from '../../database/database.ts';
import { isDuplicate } from '../../database/errors.ts';
import { accounts, catalogue, identities, invites, memberships, sessions, users } from '../../database/schema.ts';
import { placeholderFor, prepared } from '../../database/statements.ts';
import type { AccountId, IdentityId, InviteId, SessionId, UserId } from '../../ids/ids.ts';
import { effectiveAccess, sourcesColumn } from '../../permissions/effective-access.ts';
import { existingAccessColumns, toExistingAccess } from '../../permissions/store.ts';
import { inviterColumns, inviters } from '../store.ts';

/**
 * An attempt of a user to accept an invite. The user has a session, an identity, or a password that
 * was just verified.
 */
export interface Acceptance {
  accountId: AccountId;
  inviteId: InviteId;
  userId: UserId;
  sessionId: SessionId | null;
  identityId: IdentityId | null;
  isVerified: boolean;
}

const timeParam = (name: string) => sql`${placeholderFor(memberships.endsAt, name)}::timestamptz`;
const account = sql`${placeholderFor(accounts.id, 'accountId')}::uuid`;
const invite = sql`${placeholderFor(invites.id, 'inviteId')}::uuid`;
const user = sql`${placeholderFor(users.id, 'userId')}::uuid`;
const session = sql`${placeholderFor(sessions.id, 'sessionId')}::uuid`;
const identity = sql`${placeholderFor(identities.id, 'identityId')}::uuid`;

const acceptFacts = prepared('find_facts_of_accept', (db) =>
  db
    .select({
      account: accounts,
      invite: invites,
      version: sql<string>`${invites}.xmin::text`,
      inviter: inviterColumns,
      membership: { allPermissions: memberships.allPermissions, endsAt: memberships.endsAt },
      sources: sourcesColumn(account, timeParam('now')),
      isInviterActive: mayActInName(inviters, timeParam('now')),
      existingAccess: existingAccessColumns(account, {
        permissions: sql`${invites.permissions}`,
        roles: sql`${invites.roles}`,
      }),
      isMember: sql<boolean>`exists (select from memberships m where m.account_id = ${account} and m.user_id = ${user})`,
      catalogueVersion: catalogue.version,
      invitee: users,
    })
    .from(invites)
    .innerJoin(accounts, eq(accounts.id, account))
    .innerJoin(catalogue, sql`true`)
    .innerJoin(inviters, eq(inviters.id, invites.invitedBy))
    .leftJoin(memberships, and(eq(memberships.accountId, account), eq(memberships.userId, inviters.id)))
    .leftJoin(
      users,
      and(
        eq(users.id, user),
        isNull(users.disabledAt),
        or(
          sql`${sql.placeholder('isVerified')}::boolean`,
          isLoggedIn({ sessionId: session, identityId: identity, now: timeParam('now') }),
        ),
      ),
    )
    .where(and(eq(invites.accountId, account), eq(invites.id, invite))),
);

/**
 * Reads, in one statement and without locks, everything that decides an accept: the account, the
 * invite and its row version, the inviter and their effective access (undefined if they are not
 * active), the permissions and roles of the invite that still exist, the invitee (null if they are
 * disabled or not logged in), and whether they are a member.
 * @returns undefined if the invite does not exist.
 */
export async function findFacts(db: Db, acceptance: Acceptance, now: Date) {
  const [found] = await acceptFacts(db).execute({ ...acceptance, now });
  if (!found) return undefined;
  const { membership, sources, isInviterActive, existingAccess, ...row } = found;
  const isOwner = row.account.ownerId === row.inviter.id;
  const inviterAccess =
    membership && isInviterActive ? effectiveAccess({ ...membership, sources, isOwner }) : undefined;
  return { ...row, inviterAccess, existingAccess: toExistingAccess(existingAccess) };
}

export type Facts = NonNullable<Awaited<ReturnType<typeof findFacts>>>;
export type NewMember = Omit<typeof memberships.$inferSelect, 'suspendedAt'>;

const admission = prepared('admit', (db) => {
  const unchanged = db.$with('unchanged', { id: accounts.id }).as(sql`
    select id from accounts
    where id = ${account} and epoch = ${sql.placeholder('epoch')}::bigint
      and exists (select from catalogue where version = ${sql.placeholder('catalogueVersion')}::bigint)
    for share skip locked`);
  // Each query that locks rows selects from a single table. On Citus, locking rows fails in a join
  // with anything but a table.
  const locked = db.$with('locked', { id: invites.id }).as(sql`
    select id, xmin::text as version from invites
    where account_id = ${account} and id = ${invite} and exists (select from unchanged)
    for no key update skip locked`);
  // Empty if the invitee was disabled meanwhile. Below, the address is compared by value, not by
  // row version: on Citus, the row versions of a reference table differ between nodes.
  const present = db.$with('present', { id: users.id }).as(sql`
    select id, email from users
    where id = ${user} and disabled_at is null and exists (select from locked)
    for share`);
  const activeSession = db.$with('active_session', { id: sessions.id }).as(sql`
    select id from sessions
    where id = ${session} and exists (select from present) and ${isActiveSession(timeParam('now'))}
    for share`);
  const activeIdentity = db.$with('active_identity', { id: identities.id }).as(sql`
    select id from identities
    where id = ${identity} and exists (select from present)
    for share`);
  const accepted = db.$with('accepted', { id: invites.id }).as(sql`
    update invites set status = 'accepted', decided_at = ${timeParam('now')}
    from locked
    where invites.account_id = ${account} and invites.id = locked.id and locked.version = ${sql.placeholder('version')}::text
      and exists (select from present
        where ${sql.placeholder('userEmail')}::text is null or email = ${sql.placeholder('userEmail')}::text)
      and (${session} is null or exists (select from active_session))
      and (${identity} is null or exists (select from active_identity))
    returning invites.id`);
  const made = db.$with('made', { id: memberships.id }).as(sql`
    insert into memberships (account_id, user_id, id, all_permissions, permissions, roles, ends_at, invited_by, created_at)
    select ${account}, ${user}, ${placeholderFor(memberships.id, 'id')}::uuid,
      ${placeholderFor(memberships.allPermissions, 'allPermissions')}::boolean,
      ${placeholderFor(memberships.permissions, 'permissions')}::text[],
      ${placeholderFor(memberships.roles, 'roles')}::uuid[],
      ${timeParam('endsAt')}, ${placeholderFor(memberships.invitedBy, 'invitedBy')}::uuid, ${timeParam('now')}
    from accepted
    returning id`);
  return db.with(unchanged, locked, present, activeSession, activeIdentity, accepted, made).select().from(made);
});

/**
 * Consumes the invite and creates the membership, in one statement and so atomically, if account,
 * catalogue, invite and invitee have not changed since the facts were read (optimistic locking).
 * Locks the account first, with a shared lock: accepts into one account do not wait for each other.
 * Does not wait if the account or the invite is locked by another transaction. A user created in
 * this transaction is not part of the facts and needs no check.
 * @returns false if nothing was written, because something changed, is locked, or the user became a
 * member meanwhile.
 */
export async function admit(
  db: Db | Tx,
  acceptance: Acceptance,
  { facts, member }: { facts: Facts; member: NewMember },
): Promise<boolean> {
  const { account, catalogueVersion, version, invitee } = facts;
  const { epoch } = account;
  const expected = { epoch, catalogueVersion, version, userEmail: invitee?.email ?? null };
  const rows = admission(db).execute({ ...member, ...acceptance, ...expected, now: member.createdAt });
  return rows.then(
    (rows) => rows.length === 1,
    (error) => {
      // Another invite made the user a member at the same time.
      if (isDuplicate(error, 'memberships_account_id_user_id_pk')) return false;
      throw error;
    },
  );
}

/** Locks the invitee, then their session or identity, until the transaction ends. */
export async function lockInvitee(tx: Tx, { userId, sessionId, identityId }: Acceptance): Promise<void> {
  await tx.select({ id: users.id }).from(users).where(eq(users.id, userId)).for('share');
  if (sessionId) await tx.select({ id: sessions.id }).from(sessions).where(eq(sessions.id, sessionId)).for('share');
  if (identityId) {
    await tx.select({ id: identities.id }).from(identities).where(eq(identities.id, identityId)).for('share');
  }
}
