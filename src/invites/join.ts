import type { AccountRow } from '../accounts/store.ts';
import type { Db, Tx } from '../database/database.ts';
import { isOfStatement } from '../database/errors.ts';
import { inLockQueue } from '../database/lock-queue.ts';
import { latest, together } from '../database/together.ts';
import { type AccountId, type InviteId, newId, type UserId } from '../ids.ts';
import { memberOf } from '../memberships/member.ts';
import { effectFrom } from '../permissions/given.ts';
import { requireInviterCanGrant } from '../permissions/rules.ts';
import { Problem } from '../problems.ts';
import type { Caller } from '../service.ts';
import { sessionEnded } from '../users/sessions/session.ts';
import type { UserRow } from '../users/store.ts';
import { lockAccountAndInvites, lockInvitees } from './invitee-store.ts';
import { type AskedFacts, admit, type Facts, findFacts, type NewMember } from './join-store.ts';
import { type OpenedLink, requireLive } from './open-link.ts';
import { requireAddressee, requireKeptByPlatform } from './rules.ts';

/** Someone who accepts an invite. */
export interface Joining {
  accountId: AccountId;
  inviteId: InviteId;
  /** The link that they follow, where they follow one. */
  link: OpenedLink | undefined;
  /** A user whose password was just verified, or the caller. Both are read again with the facts. */
  who: UserRow | Caller;
  /** Whether that user is created in the transaction of the accept. */
  isNew?: boolean;
  now: Date;
}

/** An accept that every rule lets pass, and the membership that comes of it. */
interface Decision {
  joining: Joining;
  user: UserRow;
  facts: Facts;
  member: NewMember;
}

/**
 * Who is in now, as the API shows them; a refusal; what failed; or that it has to be decided again, or takes a transaction of its own.
 */
type Outcome = Joined | Problem | { failure: unknown } | 'again' | 'alone';

interface Joined {
  account: AccountRow;
  membership: ReturnType<typeof memberOf>;
}

/**
 * Lets people in whom an invite makes members and nothing more: all who accept at once together, each decided on in turn. Nothing is
 * held meanwhile: what was decided is written if account and invite are what they were. Where they are not, the account is held, and
 * it is decided again.
 */
export const joinTogether = together<Joining, Outcome>({
  laneOf: ({ accountId }) => accountId,
  most: 100,
  ask: (db, all) => inLockQueue(db, accountOf(all), () => joinInTurn(db, all)),
});

async function joinInTurn(db: Db, all: readonly Joining[]): Promise<Outcome[]> {
  const outcomes = await joinAll(db, all);
  if (!outcomes.includes('again')) return outcomes;
  const again = all.filter((_, i) => isOpen(outcomes[i]));
  const settled = await joinHeld(db, again);
  return outcomes.map((it) => (isOpen(it) ? (settled.shift() as Outcome) : it));
}

/** With the account held. Where it fails, nobody who is in already is told so, and each of the others is let in by themselves. */
async function joinHeld(db: Db, all: readonly Joining[]): Promise<Outcome[]> {
  try {
    return await db.transaction(async (tx) => {
      await hold(tx, all);
      return joinAll(tx, all);
    });
  } catch (failure) {
    if (all.length === 1 || !isOfStatement(failure)) return all.map(() => ({ failure }));
    return (await Promise.all(all.map((it) => joinHeld(db, [it])))).flat();
  }
}

/** Whether it may come out otherwise, now that somebody else was not let in. */
const isOpen = (outcome: Outcome | undefined) => outcome === 'again' || outcome instanceof Problem;

async function joinAll(db: Db, all: readonly Joining[]): Promise<Outcome[]> {
  const found = await readFacts(db, all);
  const inTurn = newTurn();
  const decided = all.map((joining, i) => {
    const facts = found[i];
    return facts?.invite.ownership ? ('alone' as const) : problemOr(() => decide(facts, joining, inTurn));
  });
  const passed = decided.flatMap((it) => (it === 'alone' || it instanceof Problem ? [] : [it]));
  const made = await admit(db, passed, nowOf(all));
  return decided.map((it) => {
    if (it === 'alone' || it instanceof Problem) return it;
    return made.has(it.member.id) ? shown(it) : 'again';
  });
}

/**
 * One accept inside a transaction in which more is written. Holds the account.
 * @param before writes what has to be there before the membership.
 * @throws what `decide` throws.
 */
export async function joinAlone(tx: Tx, joining: Joining, before: () => Promise<void>): Promise<Decision> {
  await hold(tx, [joining]);
  const [facts] = await readFacts(tx, [joining]);
  const decision = decide(facts, joining, newTurn());
  await before();
  const made = await admit(tx, [decision], joining.now);
  if (made.size === 0) throw new Error('an account or an invite changed while it was held');
  return decision;
}

/** The account first, then the invites, the invitees and their logins. */
async function hold(tx: Tx, all: readonly Joining[]): Promise<void> {
  const ids = all.map((it) => it.inviteId);
  await lockAccountAndInvites(tx, accountOf(all), ids);
  await lockInvitees(tx, all.filter((it) => !it.isNew).map(askedOf));
}

/** The facts of each, undefined where there is no such invite. */
async function readFacts(db: Db, all: readonly Joining[]) {
  const found = await findFacts(db, accountOf(all), all.map(askedOf), nowOf(all));
  const byPlace = new Map(found.map((it) => [it.place, it]));
  return all.map((_, i) => byPlace.get(i + 1));
}

function askedOf({ inviteId, who }: Joining): AskedFacts {
  if ('email' in who) return { inviteId, userId: who.id, sessionId: null, identityId: null, isProven: true };
  const { userId, sessionId, identityId } = who;
  return { inviteId, userId, sessionId, identityId, isProven: false };
}

const accountOf = (all: readonly Joining[]) => (all[0] as Joining).accountId;
const nowOf = (all: readonly Joining[]) => latest(all, (it) => it.now.getTime()).now;

/** Whose turn has been: what they took and who they are is not in the facts of those who come after them. */
const newTurn = () => ({ inviteIds: new Set<InviteId>(), userIds: new Set<UserId>() });

/**
 * The rules of an accept, in order.
 * @throws invite-token-invalid, unauthenticated, user-disabled, the problems that name why the
 * invite is dead, invite-for-another-address, already-member, inviter-cannot-grant.
 */
function decide(facts: Facts | undefined, joining: Joining, inTurn: ReturnType<typeof newTurn>): Decision {
  if (!facts) throw new Problem('invite-token-invalid');
  const { link, who, now } = joining;
  const { account, given, inviterAccess, isMember } = facts;
  const user = joining.isNew && 'email' in who ? who : facts.invitee;
  if (!user) throw 'email' in who ? new Problem('user-disabled', undefined, {}, { userId: who.id }) : sessionEnded();
  const invite = inTurn.inviteIds.has(facts.invite.id)
    ? { ...facts.invite, status: 'accepted' as const }
    : facts.invite;
  requireLive(invite, link, now);
  requireAddressee(invite, account, user);
  if (isMember || inTurn.userIds.has(user.id)) throw new Problem('already-member');
  requireInviterCanGrant(inviterAccess, effectFrom(invite, given));
  requireKeptByPlatform(account, invite);
  inTurn.inviteIds.add(invite.id);
  inTurn.userIds.add(user.id);
  const { accountId, allPermissions, permissions, endsAt, invitedBy } = invite;
  const access = { allPermissions, permissions, roles: given.roles.map((it) => it.id), endsAt };
  const member = { accountId, userId: user.id, id: newId('mem'), ...access, invitedBy, createdAt: now };
  return { joining, user, facts, member };
}

/** The account and the member, as the API shows them. */
export function shown({ joining: { now }, user, facts, member }: Decision, ownerId: UserId = facts.account.ownerId) {
  const { account, inviter } = facts;
  const membership = { ...member, suspendedAt: null };
  return { account, membership: memberOf({ membership, user, inviter, isOwner: ownerId === user.id }, now) };
}

function problemOr<T>(decide: () => T): T | Problem {
  try {
    return decide();
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
}
