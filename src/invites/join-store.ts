import { and, eq, isNull, or, sql } from 'drizzle-orm';
import { mayActInName } from '../accounts/store.ts';
import type { Db } from '../database/database.ts';
import { rowSet } from '../database/row-set.ts';
import { accounts, catalogue, identities, invites, memberships, sessions, users } from '../database/schema.ts';
import { listPlaceholder as list, placeholderFor, prepared } from '../database/statements.ts';
import {
  type AccountId,
  type IdentityId,
  type InviteId,
  type MembershipId,
  type SessionId,
  type UserId,
  uuidOf,
} from '../ids.ts';
import { effectiveAccess } from '../permissions/sources.ts';
import { sourcesColumn } from '../permissions/sources-store.ts';
import { givableColumns, givableIn } from '../permissions/store.ts';
import { isLoggedIn } from '../users/store.ts';
import { inviterColumns, inviters } from './store.ts';

const now = sql`${placeholderFor(memberships.endsAt, 'now')}`;
const account = sql`${placeholderFor(accounts.id, 'accountId')}`;

const asAsked = { sessionId: sql`asked.session_id`, identityId: sql`asked.identity_id`, now };

const facts = prepared('find_facts_of_accepts', (db) =>
  db
    .select({
      account: accounts,
      invite: invites,
      version: sql<string>`${invites}.xmin::text`,
      inviter: inviterColumns,
      membership: { allPermissions: memberships.allPermissions, endsAt: memberships.endsAt },
      sources: sourcesColumn(account, now),
      isInviterActive: mayActInName(inviters, now),
      given: givableColumns(account, { permissions: sql`${invites.permissions}`, roles: sql`${invites.roles}` }),
      isMember: sql<boolean>`exists (select from memberships m where m.account_id = ${account} and m.user_id = asked.user_id)`,
      catalogueVersion: catalogue.version,
      place: sql<number>`asked.place`.mapWith(Number),
      invitee: users,
    })
    .from(
      sql`unnest(${list('inviteIds', 'uuid')}, ${list('userIds', 'uuid')}, ${list('sessionIds', 'uuid')}, ${list('identityIds', 'uuid')}, ${list('proven', 'text')})
        with ordinality as asked (invite_id, user_id, session_id, identity_id, proven, place)`,
    )
    .innerJoin(invites, and(eq(invites.accountId, account), sql`${invites.id} = asked.invite_id`))
    .innerJoin(accounts, eq(accounts.id, account))
    .innerJoin(catalogue, sql`true`)
    .innerJoin(inviters, eq(inviters.id, invites.invitedBy))
    .leftJoin(memberships, and(eq(memberships.accountId, account), eq(memberships.userId, inviters.id)))
    .leftJoin(
      users,
      and(
        sql`${users.id} = asked.user_id`,
        isNull(users.disabledAt),
        or(sql`asked.proven::boolean`, isLoggedIn(asAsked)),
      ),
    ),
);

/**
 * An invite, and the user who accepts it: with a session or an identity, or with a password that
 * was just verified.
 */
export interface AskedFacts {
  inviteId: InviteId;
  userId: UserId;
  sessionId: SessionId | null;
  identityId: IdentityId | null;
  isProven: boolean;
}

/**
 * What accepts of invites of one account are decided on: the account, the invite and its version,
 * its inviter with their access now (undefined where they are not active), what still exists of
 * what it gives, the invitee (undefined where they are not active or not logged in), and whether
 * they are a member already; with the place in `asked`, from 1. One statement.
 */
export async function findFacts(db: Db, accountId: AccountId, asked: readonly AskedFacts[], now: Date) {
  const rows = await facts(db).execute({
    accountId,
    now,
    inviteIds: asked.map((it) => uuidOf('inv', it.inviteId)),
    userIds: asked.map((it) => uuidOf('usr', it.userId)),
    sessionIds: asked.map(({ sessionId }) => (sessionId ? uuidOf('ses', sessionId) : null)),
    identityIds: asked.map(({ identityId }) => (identityId ? uuidOf('idn', identityId) : null)),
    proven: asked.map(({ isProven }) => String(isProven)),
  });
  return rows.map(({ membership, sources, isInviterActive, given, ...row }) => {
    const isOwner = row.account.ownerId === row.inviter.id;
    const inviterAccess =
      membership && isInviterActive ? effectiveAccess({ ...membership, sources, isOwner }) : undefined;
    const { sessionId, identityId } = asked[row.place - 1] as AskedFacts;
    return { ...row, inviterAccess, given: givableIn(given), sessionId, identityId };
  });
}

export type Facts = Awaited<ReturnType<typeof findFacts>>[number];

const newMembers = rowSet(memberships, 'members', [
  ...(['accountId', 'userId', 'id', 'allPermissions', 'permissions', 'roles', 'endsAt'] as const),
  ...(['invitedBy', 'createdAt'] as const),
]);

export type NewMember = Parameters<typeof newMembers.valueOf>[0][number];

const invitees = sql`${list('userIds', 'uuid')}, ${list('userEmails', 'text')}, ${list('sessionIds', 'uuid')}, ${list('identityIds', 'uuid')}`;

const admitted = prepared('admit', (db) => {
  const moved = db.$with('moved', { id: accounts.id }).as(sql`
    update accounts set epoch = epoch + 1
    where id = ${account} and epoch = ${sql.placeholder('epoch')}::bigint
      and exists (select from catalogue where version = ${sql.placeholder('catalogueVersion')}::bigint)
    returning id`);
  // The account first, then the invites by their ids, the order of every statement that locks
  // several of them. Each query that locks rows selects from one table: Citus fails where rows are
  // locked in a join with anything that is not a table.
  const held = db.$with('held', { id: invites.id }).as(sql`
    select id, xmin::text as version from invites
    where account_id = ${account} and id = any(array(select unnest(${list('inviteIds', 'uuid')}))) and exists (select from moved)
    order by id for no key update`);
  // Then the invitees, and after them their logins: none of them was disabled, given another
  // address or logged out meanwhile. Compared by value: on Citus, the row versions of a table that
  // every node has differ between nodes.
  const present = db.$with('present', { id: users.id }).as(sql`
    select id, email from users
    where id = any(array(select unnest(${list('userIds', 'uuid')}))) and disabled_at is null and exists (select from held)
    order by id for share`);
  const activeSessions = db.$with('active_sessions', { id: sessions.id }).as(sql`
    select id from sessions
    where id = any(array(select unnest(${list('sessionIds', 'uuid')}))) and exists (select from present)
      and ended_at is null and expires_at > ${now}
    order by id for share`);
  const activeIdentities = db.$with('active_identities', { id: identities.id }).as(sql`
    select id from identities
    where id = any(array(select unnest(${list('identityIds', 'uuid')}))) and exists (select from present)
    order by id for share`);
  const accepted = db.$with('accepted', { id: memberships.id }).as(sql`
    update invites set status = 'accepted', decided_at = ${now}
    from held
      join unnest(${list('inviteIds', 'uuid')}, ${list('versions', 'text')}, ${list('memberIds', 'uuid')}, ${invitees})
        as asked (invite_id, version, id, user_id, user_email, session_id, identity_id)
        on asked.invite_id = held.id and asked.version = held.version
      join present on present.id = asked.user_id and (asked.user_email is null or asked.user_email = present.email)
    where invites.account_id = ${account} and invites.id = held.id
      and (asked.session_id is null or asked.session_id in (select id from active_sessions))
      and (asked.identity_id is null or asked.identity_id in (select id from active_identities))
    returning asked.id`);
  const made = db.$with('made', { id: memberships.id }).as(sql`
    insert into memberships (${newMembers.columns})
    select ${newMembers.columns} from ${newMembers.rows} member where id in (select id from accepted)
    returning id`);
  return db.with(moved, held, present, activeSessions, activeIdentities, accepted, made).select().from(made);
});

/**
 * Consumes invites of one account and makes their memberships, which moves its epoch: as far as
 * account, catalogue, invite and invitee are still what the facts say (optimistic locking). Locks
 * the account first. One statement, and so a transaction by itself. A user who was created in this
 * transaction is not in the facts, and nobody else can change them.
 * @returns the memberships that were made.
 */
export async function admit(
  db: Db,
  decided: readonly { facts: Facts; member: NewMember }[],
  now: Date,
): Promise<Set<MembershipId>> {
  const [first] = decided;
  if (!first) return new Set();
  const { account, catalogueVersion } = first.facts;
  const made = await admitted(db).execute({
    ...{ accountId: account.id, epoch: account.epoch, catalogueVersion, now },
    inviteIds: decided.map(({ facts }) => uuidOf('inv', facts.invite.id)),
    versions: decided.map(({ facts }) => facts.version),
    memberIds: decided.map(({ member }) => uuidOf('mem', member.id)),
    userIds: decided.map(({ member }) => uuidOf('usr', member.userId)),
    userEmails: decided.map(({ facts }) => facts.invitee?.email ?? null),
    sessionIds: decided.map(({ facts: { sessionId } }) => (sessionId ? uuidOf('ses', sessionId) : null)),
    identityIds: decided.map(({ facts: { identityId } }) => (identityId ? uuidOf('idn', identityId) : null)),
    members: newMembers.valueOf(decided.map((it) => it.member)),
  });
  return new Set(made.map((it) => it.id));
}
