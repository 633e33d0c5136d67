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
import { requirePerson, requireUser } from '../../users/require-user.ts';
import { requirePasswordLogin } from '../../users/rules.ts';
import { openSession } from '../../users/sessions/session.ts';
import { insertUser, newUserRow, type UserRow } from '../../users/store.ts';
import { findAccountOfInvite, lockAccountAndInvite } from '../invitee-store.ts';
import type { InviteAcceptance } from '../schemas.ts';
import { admit, findFacts, lockInvitee } from './accept-store.ts';
import { type Decision, decide } from './decide.ts';
import { withFailureRecord } from './failed-attempt.ts';
import { type OpenedLink, requireInviteDetails, requireLink, requireLive } from './open-link.ts';

interface Target {
  accountId: AccountId;
  inviteId: InviteId;
  /** undefined if the invite is accepted by its id, not by its link. */
  link: OpenedLink | undefined;
}

/**
 * A user whose password was just verified, or a new user whose address the link proves. They get a
 * session.
 */
interface VerifiedUser {
  user: UserRow;
  isNew: boolean;
}

/**
 * Accepts an invite by its link: as a new user, by logging in, or as the caller.
 * @throws invite-token-invalid, the problems of `requireLive`, wrong-credentials, unauthenticated,
 * login-exists, invite-for-another-address, already-member, inviter-cannot-grant,
 * password-login-off, user-disabled, too-many-requests, invalid-request, unavailable.
 */
export async function acceptInvite(
  service: Service,
  body: InviteAcceptance,
  caller: Caller | undefined,
  requestContext: RequestContext,
) {
  if (caller) requirePerson(caller);
  const link = await requireLink(service, body.token, requestContext.now);
  return withFailureRecord(service, link, requestContext.now, async () => {
    const invitee = await identify(service, body, caller, link, requestContext);
    const accepted = await join(service, { ...link, link }, invitee, requestContext);
    if ('isNew' in invitee) logAuthentication(invitee, requestContext);
    return accepted;
  });
}

function logAuthentication({ user: { id: userId }, isNew }: VerifiedUser, requestContext: RequestContext): void {
  if (isNew) requestContext.logSecurityEvent('user_created', { userId, by: 'invite' });
  else requestContext.logSecurityEvent('authn_login_success', { userId, by: 'password' });
}

/**
 * Accepts an invite for the caller's verified address, by its id.
 * @throws not-found if there is no such invite for the address, and what `acceptInvite` throws.
 */
export async function acceptMyInvite(service: Service, caller: Caller, inviteId: InviteId) {
  const user = await requireUser(service.db, caller);
  const accountId = await findAccountOfInvite(service.db, inviteId, user.email);
  if (accountId === undefined) throw new Problem('not-found');
  const invite = { accountId, inviteId, link: undefined };
  return withFailureRecord(service, invite, caller.now, () => join(service, invite, caller, caller));
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
  // Checked before the costly hash, and again when the invite is accepted.
  const { invite, account, hasLogin } = await requireInviteDetails(service, link, requestContext.now);
  const { email } = invite;
  const locale = invite.locale ?? account.locale;
  requireGoodPassword(password, '/register/password', { email, name, accounts: [account.name] });
  requireLive(invite, link, requestContext.now);
  if (hasLogin) throw new Problem('login-exists');
  const passwordHash = await service.passwords.hash(password);
  return { user: newUserRow({ email, name, passwordHash, locale, createdAt: requestContext.now }), isNew: true };
}

/**
 * Consumes the invite and creates the membership, or neither. For a caller, first reads without
 * locks and writes only if nothing changed since, so that accepts into one account do not wait for
 * each other. If that fails, and always for new users, password logins and ownership invites, which
 * write more rows, decides with everything locked.
 */
async function join(
  service: Service,
  { accountId, inviteId, link }: Target,
  invitee: Caller | VerifiedUser,
  requestContext: RequestContext,
) {
  const { db } = service;
  const { now } = requestContext;
  const verified = 'isNew' in invitee ? invitee : undefined;
  const newUser = verified?.isNew ? verified.user : undefined;
  const acceptance = { accountId, inviteId, ...toCredential(invitee) };
  const decideWith = async (reader: Db) =>
    decide(await findFacts(reader, acceptance, now), acceptance, { link, newUser, now });

  if (!verified) {
    const decision = await decideWith(db);
    const { invite, account } = decision.facts;
    if (!invite.ownership && (await admit(db, acceptance, decision))) return toView(decision, account.ownerId);
  }
  const acceptLocked = () =>
    transaction(db, async (tx) => {
      await lockAccountAndInvite(tx, accountId, inviteId);
      if (!newUser) await lockInvitee(tx, acceptance);
      const decision = await decideWith(tx);
      if (newUser && !(await insertUser(tx, newUser))) throw new Problem('login-exists');
      if (!(await admit(tx, acceptance, decision))) throw new CatalogueChanged();
      const { invite, account } = decision.facts;
      const ownerId = invite.ownership ? await takeOver(tx, account, decision.user.id) : account.ownerId;
      const accepted = toView(decision, ownerId);
      if (!verified) return accepted;
      // The locked row, but with the password hash that was verified.
      const user = { ...decision.user, passwordHash: verified.user.passwordHash };
      return { ...accepted, session: await openSession(service, tx, user, requestContext) };
    });
  return inLockQueue(db, accountId, () => retry(maxAttempts, acceptLocked));
}

/** The catalogue changed after the facts were read. An accept does not lock it. */
class CatalogueChanged extends Error {}

/** How often a locked accept is attempted while the catalogue changes. */
const maxAttempts = 3;

/** @throws unavailable if the catalogue changes during every attempt. */
async function retry<T>(attemptsLeft: number, accept: () => Promise<T>): Promise<T> {
  try {
    return await accept();
  } catch (error) {
    if (!(error instanceof CatalogueChanged)) throw error;
    if (attemptsLeft === 1) throw new Problem('unavailable', 'The catalogue is being changed. Try again.');
    return retry(attemptsLeft - 1, accept);
  }
}

const toCredential = (invitee: Caller | VerifiedUser) =>
  'isNew' in invitee
    ? { userId: invitee.user.id, sessionId: null, identityId: null, isVerified: true }
    : { userId: invitee.userId, sessionId: invitee.sessionId, identityId: invitee.identityId, isVerified: false };

function toView({ facts: { account, inviter }, user, member }: Decision, ownerId: UserId) {
  const membership = { ...member, suspendedAt: null };
  const isOwner = ownerId === user.id;
  return { account, membership: toMemberView({ membership, user, inviter, isOwner }, member.createdAt) };
}
