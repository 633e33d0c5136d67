import type { Caller, RequestContext } from '../../credentials/caller.ts';
import type { Db } from '../../database/database.ts';
import { inLockQueue } from '../../database/lock-queue.ts';
import { transaction } from '../../database/transaction.ts';
import type { AccountId, InviteId, UserId } from '../../ids/ids.ts';
import { toMemberView } from '../../memberships/view.ts';
import { takeOver } from '../../ownership/take-over.ts';
import { Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { requireCredentials } from '../../users/passwords/log-in.ts';
import { requireGoodPassword } from '../../users/passwords/policy.ts';
import { requirePasswordLogin } from '../../users/rules.ts';
import { openSession, requirePerson, requireUser } from '../../users/sessions/session.ts';
import { insertUser, newUserRow, type UserRow } from '../../users/store.ts';
import { findAccountOfInvite, lockAccountAndInvite } from '../invitee-store.ts';
import type { InviteAcceptance } from '../schemas.ts';
import { admit, findFacts, lockInvitee } from './accept-store.ts';
import { type Decision, decide } from './decide.ts';
import { recordingFailure } from './failed-attempt.ts';
import { type OpenedLink, requireLink, requireLive, requireOffer } from './open-link.ts';

/** The invite, and the link that the invitee follows; undefined if they name the invite by its id. */
interface Target {
  accountId: AccountId;
  inviteId: InviteId;
  link: OpenedLink | undefined;
}

/** A user whose password was just verified, or a new user, whom the link proves. They get a session. */
interface VerifiedUser {
  user: UserRow;
  isNew: boolean;
}

/**
 * Accepts an invite by its link: as a new user, by logging in, or as the caller.
 * @throws invite-token-invalid, the problems that name why the link is dead, wrong-credentials, unauthenticated, login-exists,
 * invite-for-another-address, already-member, inviter-cannot-grant, password-login-off, user-disabled, too-many-requests.
 */
export async function acceptInvite(
  service: Service,
  body: InviteAcceptance,
  caller: Caller | undefined,
  requestContext: RequestContext,
) {
  if (caller) requirePerson(caller);
  const link = await requireLink(service, body.token, requestContext.now);
  return recordingFailure(service, link, requestContext.now, async () => {
    const accepting = await identify(service, body, caller, link, requestContext);
    const accepted = await join(service, { ...link, link }, accepting, requestContext);
    if ('isNew' in accepting) logAuthentication(accepting, requestContext);
    return accepted;
  });
}

function logAuthentication({ user: { id: userId }, isNew }: VerifiedUser, requestContext: RequestContext): void {
  if (isNew) requestContext.logSecurityEvent('user_created', { userId, by: 'invite' });
  else requestContext.logSecurityEvent('authn_login_success', { userId, by: 'password' });
}

/** The same for a caller whose verified address it is, by its id. @throws not-found where there is none for them. */
export async function acceptMyInvite(service: Service, caller: Caller, inviteId: InviteId) {
  const user = await requireUser(service.db, caller);
  const accountId = await findAccountOfInvite(service.db, inviteId, user.email);
  if (accountId === undefined) throw new Problem('not-found');
  const invite = { accountId, inviteId, link: undefined };
  return recordingFailure(service, invite, caller.now, () => join(service, invite, caller, caller));
}

async function identify(
  service: Service,
  { register, login }: InviteAcceptance,
  caller: Caller | undefined,
  link: OpenedLink,
  requestContext: RequestContext,
): Promise<Caller | VerifiedUser> {
  if (login) return { user: await requireCredentials(service, login, requestContext), isNew: false };
  if (caller) return caller;
  if (!register) throw new Problem('invalid-request', 'Send `register`, `login` or a bearer access token.');
  requirePasswordLogin(service.config);
  const { name, password } = register;
  // Looked at before the costly hash, and again below, where it counts.
  const { invite, account, hasLogin } = await requireOffer(service, link, requestContext.now);
  const { email } = invite;
  const locale = invite.locale ?? account.locale;
  requireGoodPassword(password, '/register/password', { email, name, accounts: [account.name] });
  requireLive(invite, link, requestContext.now);
  if (hasLogin) throw new Problem('login-exists');
  const passwordHash = await service.passwords.hash(password);
  return { user: newUserRow({ email, name, passwordHash, locale, createdAt: requestContext.now }), isNew: true };
}

/**
 * The invite is consumed and the membership made, or neither. First decided on facts that are not
 * locked, and written if they are still true: that waits for nobody. If they are not true any more,
 * if others have locked the account or the invite, or if more is written, it is decided again with
 * everything locked.
 */
async function join(
  service: Service,
  { accountId, inviteId, link }: Target,
  invitee: Caller | VerifiedUser,
  requestContext: RequestContext,
) {
  const { db } = service;
  const { now } = requestContext;
  const proven = 'isNew' in invitee ? invitee : undefined;
  const newUser = proven?.isNew ? proven.user : undefined;
  const acceptance = { accountId, inviteId, ...credentialOf(invitee) };
  const decideOn = async (on: Db) => decide(await findFacts(on, acceptance, now), acceptance, { link, newUser, now });

  if (!proven) {
    const decision = await decideOn(db);
    const { invite, account } = decision.facts;
    if (!invite.ownership && (await admit(db, acceptance, decision))) return shown(decision, account.ownerId);
  }
  const acceptLocked = () =>
    transaction(db, async (tx) => {
      await lockAccountAndInvite(tx, accountId, inviteId);
      if (!newUser) await lockInvitee(tx, acceptance);
      const decision = await decideOn(tx);
      if (newUser && !(await insertUser(tx, newUser))) throw new Problem('login-exists');
      if (!(await admit(tx, acceptance, decision))) throw new CatalogueChanged();
      const { invite, account } = decision.facts;
      const ownerId = invite.ownership ? await takeOver(tx, account, decision.user.id) : account.ownerId;
      const accepted = shown(decision, ownerId);
      if (!proven) return accepted;
      // The user as read under the lock, with the password hash that was verified.
      const user = { ...decision.user, passwordHash: proven.user.passwordHash };
      return { ...accepted, session: await openSession(service, tx, user, requestContext) };
    });
  return inLockQueue(db, accountId, () => again(tries, acceptLocked));
}

/** The catalogue, which an accept does not lock, has changed since the facts were read. */
class CatalogueChanged extends Error {}

/** How often an accept is decided with everything locked. */
const tries = 3;

/** @throws unavailable if the catalogue changes each time. */
async function again<T>(left: number, accept: () => Promise<T>): Promise<T> {
  try {
    return await accept();
  } catch (error) {
    if (!(error instanceof CatalogueChanged)) throw error;
    if (left === 1) throw new Problem('unavailable', 'The catalogue is being changed at this moment.');
    return again(left - 1, accept);
  }
}

const credentialOf = (invitee: Caller | VerifiedUser) =>
  'isNew' in invitee
    ? { userId: invitee.user.id, sessionId: null, identityId: null, isVerified: true }
    : { userId: invitee.userId, sessionId: invitee.sessionId, identityId: invitee.identityId, isVerified: false };

/** The account and the new member, as the API shows them. */
function shown({ facts: { account, inviter }, user, member }: Decision, ownerId: UserId) {
  const membership = { ...member, suspendedAt: null };
  const isOwner = ownerId === user.id;
  return { account, membership: toMemberView({ membership, user, inviter, isOwner }, member.createdAt) };
}
