import type { AccountRow } from '../accounts/store.ts';
import type { Tx } from '../database/database.ts';
import { together } from '../database/together.ts';
import { type AccountId, type InviteId, newId, type UserId } from '../ids.ts';
import { memberOf } from '../memberships/member.ts';
import { effectFrom } from '../permissions/given.ts';
import { requireInviterCanGrant } from '../permissions/rules.ts';
import type { Givable } from '../permissions/store.ts';
import { Problem } from '../problems.ts';
import type { UserRow } from '../users/store.ts';
import {
  findInvitersAndMembers,
  type InviterNow,
  insertMembershipsOf,
  lockAccountAndInvites,
  type NewMember,
} from './invitee-store.ts';
import { type OpenedLink, requireLive } from './open-link.ts';
import { requireAddressee, requireKeptByPlatform } from './rules.ts';
import type { InviteRow } from './store.ts';

/** Someone who accepts an invite. */
export interface Joining {
  accountId: AccountId;
  inviteId: InviteId;
  /** The link that they follow, where they follow one. */
  link: OpenedLink | undefined;
  user: UserRow;
  now: Date;
}

/** What came of an accept: who is in now, as the API shows them; the problem; or that it takes a transaction of its own. */
type Outcome = { account: AccountRow; membership: ReturnType<typeof memberOf> } | Problem | 'alone';

/**
 * Lets people in whom an invite makes members and nothing more. Each change of who is in an account holds it, so that they come
 * one after the other: those who accept at once share one transaction, and are decided on in turn.
 */
export const joinTogether = together<Joining, Outcome>({
  laneOf: ({ accountId }) => accountId,
  most: 100,
  ask: (db, all) => db.transaction((tx) => joinAll(tx, all)),
});

async function joinAll(tx: Tx, all: readonly Joining[]): Promise<Outcome[]> {
  const held = await hold(tx, all);
  const decided = all.map((joining): Decision | Problem | 'alone' => {
    if (held?.inviteOf(joining)?.ownership) return 'alone';
    return problemOr(() => decide(held, joining));
  });
  const accepted = decided.flatMap((it) => (it === 'alone' || it instanceof Problem ? [] : [it]));
  await admit(tx, accepted);
  return decided.map((it) => (it === 'alone' || it instanceof Problem ? it : shown(it)));
}

/** An accept that every rule lets pass, and that is written by nothing yet. */
export interface Decision {
  joining: Joining;
  account: AccountRow;
  invite: InviteRow;
  inviter: InviterNow;
  member: NewMember;
}

/** Holds the account first, then the invites, and reads what is decided on. Undefined where there is no such account. */
export async function hold(tx: Tx, all: readonly Joining[]) {
  const { accountId, now } = all.at(-1) as Joining;
  const found = await lockAccountAndInvites(
    tx,
    accountId,
    all.map((it) => it.inviteId),
  );
  if (!found) return undefined;
  const userIds = all.map((it) => it.user.id);
  const facts = await findInvitersAndMembers(tx, found.account, { invites: found.invites, userIds, now });
  const invites = new Map(found.invites.map((it) => [it.id, it]));
  return { ...facts, account: found.account, inviteOf: ({ inviteId }: Joining) => invites.get(inviteId), invites };
}

export type Held = NonNullable<Awaited<ReturnType<typeof hold>>>;

/**
 * The rules of an accept, in order. One that passes counts for those who are decided on after it.
 * @throws invite-token-invalid, the problems that name why the invite is dead, invite-for-another-address, already-member,
 * inviter-cannot-grant.
 */
export function decide(held: Held | undefined, joining: Joining): Decision {
  const { link, user, now } = joining;
  const invite = held?.inviteOf(joining);
  if (!held || !invite) throw new Problem('invite-token-invalid');
  const { account, inviters, given, memberIds } = held;
  requireLive(invite, link, now);
  requireAddressee(invite, account, user);
  if (memberIds.has(user.id)) throw new Problem('already-member');
  const inviter = inviters.get(invite.invitedBy) as InviterNow;
  const ofInvite = ofWhatIsThere(given, invite);
  requireInviterCanGrant(inviter.access, effectFrom(invite, ofInvite));
  requireKeptByPlatform(account, invite);
  held.invites.set(invite.id, { ...invite, status: 'accepted' });
  memberIds.add(user.id);
  const { accountId, allPermissions, permissions, endsAt, invitedBy } = invite;
  const roles = ofInvite.roles.map((it) => it.id);
  const access = { allPermissions, permissions, roles, endsAt };
  const member = { accountId, userId: user.id, id: newId('mem'), ...access, invitedBy, createdAt: now };
  return { joining, account, invite, inviter, member };
}

/** What there is of what one invite gives. */
function ofWhatIsThere({ permissions, roles }: Givable, invite: InviteRow): Givable {
  return {
    permissions: permissions.filter((it) => invite.permissions.includes(it)),
    roles: roles.filter((it) => invite.roles.includes(it.id)),
  };
}

/** Writes what was decided, of one account. */
export async function admit(tx: Tx, decided: readonly Decision[]): Promise<void> {
  const [first] = decided;
  if (!first) return;
  const accepted = decided.map(({ invite, member }) => ({ inviteId: invite.id, member }));
  const { now } = (decided.at(-1) as Decision).joining;
  await insertMembershipsOf(tx, first.account.id, accepted, now);
}

/** The account and the member, as the API shows them. */
export function shown({ joining, account, inviter, member }: Decision, ownerId: UserId = account.ownerId) {
  const { user, now } = joining;
  const membership = { ...member, suspendedAt: null };
  const isOwner = ownerId === user.id;
  const by = { id: inviter.id, name: inviter.name };
  return { account, membership: memberOf({ membership, user, inviter: by, isOwner }, now) };
}

function problemOr<T>(decide: () => T): T | Problem {
  try {
    return decide();
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
}
