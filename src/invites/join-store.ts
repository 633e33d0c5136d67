import { and, eq, isNull, or, sql } from 'drizzle-orm';
import { mayActInName } from '../accounts/store.ts';
import { type Db, listPlaceholder as list, placeholderFor, prepared } from '../database/database.ts';
import { rowSet } from '../database/row-set.ts';
import { accounts, catalogue, invites, memberships, users } from '../database/schema.ts';
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

const facts = prepared((db) =>
  db
    .select({
      account: accounts,
      invite: invites,
      version: sql<string>`${invites}.xmin::text`,
      inviter: inviterColumns,
      membership: { allPermissions: memberships.allPermissions, endsAt: memberships.endsAt },
      sources: sourcesColumn(now),
      isInviterActive: mayActInName(inviters, now),
      given: givableColumns(account, { permissions: sql`${invites.permissions}`, roles: sql`${invites.roles}` }),
      isMember: sql<boolean>`exists (select from memberships m where m.account_id = ${account} and m.user_id = asked.user_id)`,
      catalogueVersion: catalogue.version,
      place: sql<number>`asked.place`.mapWith(Number),
      invitee: users,
      inviteeVersion: sql<string | null>`${users}.xmin::text`,
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
    )
    .prepare('find_facts_of_accepts'),
);

/** An invite, and who accepts it: by a session or an identity, or by a password that was just proven. */
export interface AskedFacts {
  inviteId: InviteId;
  userId: UserId;
  sessionId: SessionId | null;
  identityId: IdentityId | null;
  isProven: boolean;
}

/**
 * What accepts of invites of one account are decided on: the account, the invite and its version, its inviter with their access now
 * (undefined where they are not active), what there is of what it gives, the invitee and the version of their row where they are
 * active and logged in, and whether they are a member already; with the place, from 1, of what it is about. One statement.
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

const invitees = sql`${list('userIds', 'uuid')}, ${list('userVersions', 'text')}, ${list('sessionIds', 'uuid')}, ${list('identityIds', 'uuid')}`;

const admitted = prepared((db) => {
  const moved = db.$with('moved', { id: accounts.id }).as(sql`
    update accounts set epoch = epoch + 1
    where id = ${account} and epoch = ${sql.placeholder('epoch')}::bigint
      and exists (select from catalogue where version = ${sql.placeholder('catalogueVersion')}::bigint)
    returning id`);
  // The account first, then the invites by their ids, as whoever holds several of them does.
  const held = db.$with('held', { id: memberships.id }).as(sql`
    select invites.account_id, invites.id as invite_id, asked.id, asked.user_id, asked.user_version, asked.session_id, asked.identity_id
    from moved, invites, unnest(${list('inviteIds', 'uuid')}, ${list('versions', 'text')}, ${list('memberIds', 'uuid')}, ${invitees})
      as asked (invite_id, version, id, user_id, user_version, session_id, identity_id)
    where invites.account_id = moved.id and invites.id = asked.invite_id and invites.xmin::text = asked.version
    order by invites.id for no key update of invites`);
  // Then the invitees, and after them their logins: none of them was disabled, given another address or logged out meanwhile.
  const present = db.$with('present', { id: memberships.id }).as(sql`
    select held.* from held, users
    where users.id = held.user_id and (held.user_version is null or users.xmin::text = held.user_version)
    for share of users`);
  const bySession = db.$with('by_session', { id: memberships.id }).as(sql`
    select present.id from present, sessions
    where sessions.id = present.session_id and sessions.ended_at is null and sessions.expires_at > ${now}
    for share of sessions`);
  const byIdentity = db.$with('by_identity', { id: memberships.id }).as(sql`
    select present.id from present, identities where identities.id = present.identity_id for share of identities`);
  const accepted = db.$with('accepted', { id: memberships.id }).as(sql`
    update invites set status = 'accepted', decided_at = ${now}
    from present where invites.account_id = present.account_id and invites.id = present.invite_id
      and (present.session_id is null or present.id in (select id from by_session))
      and (present.identity_id is null or present.id in (select id from by_identity))
    returning present.id`);
  const made = db.$with('made', { id: memberships.id }).as(sql`
    insert into memberships (${newMembers.columns})
    select ${newMembers.columns} from ${newMembers.rows} member where id in (select id from accepted)
    returning id`);
  return db.with(moved, held, present, bySession, byIdentity, accepted, made).select().from(made).prepare('admit');
});

/**
 * Consumes invites of one account and makes their memberships, which moves its epoch: as far as account, catalogue, invite and invitee
 * are still what the facts say (optimistic locking). Locks the account first. One statement, and so a transaction by itself.
 * A user that was made in this transaction is in no facts, and nobody else changes them.
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
    userVersions: decided.map(({ facts }) => facts.inviteeVersion),
    sessionIds: decided.map(({ facts: { sessionId } }) => (sessionId ? uuidOf('ses', sessionId) : null)),
    identityIds: decided.map(({ facts: { identityId } }) => (identityId ? uuidOf('idn', identityId) : null)),
    members: newMembers.valueOf(decided.map((it) => it.member)),
  });
  return new Set(made.map((it) => it.id));
}
