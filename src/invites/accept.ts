import { inLockQueue } from '../database/lock-queue.ts';
import type { InviteId } from '../ids.ts';
import { takeOver } from '../ownership/take-over.ts';
import { Problem } from '../problems.ts';
import type { Caller, Service, Visit } from '../service.ts';
import { requireGoodPassword } from '../users/passwords/policy.ts';
import { requirePasswordLogin } from '../users/rules.ts';
import { requireCredentials } from '../users/sessions/log-in.ts';
import { openSession, requirePerson, requireUser } from '../users/sessions/session.ts';
import { insertUser, newUserRow, type UserRow } from '../users/store.ts';
import { keepingAttempt } from './attempt.ts';
import { findAccountOfInvite } from './invitee-store.ts';
import { type Joining, joinAlone, joinTogether, shown } from './join.ts';
import { type OpenedLink, requireLink, requireLive, requireOffer } from './open-link.ts';
import type { InviteAcceptance } from './schemas.ts';

/** A user who has just proven who they are, or whom the link proves and who is made on the spot. They get a session. */
interface Proven {
  user: UserRow;
  isNew: boolean;
}

/**
 * Accepts an invite by its link: as a new user, by logging in, or as the caller.
 * @throws invite-token-invalid, the problems that name why the link is dead, wrong-credentials, unauthenticated, login-exists,
 * invite-for-another-address, already-member, inviter-cannot-grant, password-login-off, user-disabled, too-many-requests.
 */
export async function acceptInvite(service: Service, body: InviteAcceptance, caller: Caller | undefined, visit: Visit) {
  if (caller) requirePerson(caller);
  const link = await requireLink(service, body.token, visit.now);
  return keepingAttempt(service, link, visit.now, async () => {
    const accepting = await identify(service, body, caller, link, visit);
    const accepted = await join(service, { ...link, link }, accepting, visit);
    if ('isNew' in accepting) auditProven(accepting, visit);
    return accepted;
  });
}

function auditProven({ user: { id: userId }, isNew }: Proven, visit: Visit): void {
  if (isNew) visit.audit('user_created', { userId, by: 'invite' });
  else visit.audit('authn_login_success', { userId, by: 'password' });
}

/** The same for a caller whose verified address it is, by its id. @throws not-found where there is none for them. */
export async function acceptMyInvite(service: Service, caller: Caller, inviteId: InviteId) {
  const user = await requireUser(service.db, caller);
  const accountId = await findAccountOfInvite(service.db, inviteId, user.email);
  if (accountId === undefined) throw new Problem('not-found');
  const invite = { accountId, inviteId, link: undefined };
  return keepingAttempt(service, invite, caller.now, () => join(service, invite, caller, caller));
}

async function identify(
  service: Service,
  { register, login }: InviteAcceptance,
  caller: Caller | undefined,
  link: OpenedLink,
  visit: Visit,
): Promise<Caller | Proven> {
  if (login) return { user: await requireCredentials(service, login, visit), isNew: false };
  if (caller) return caller;
  if (!register) throw new Problem('invalid-request', 'Send `register`, `login` or a bearer access token.');
  requirePasswordLogin(service.config);
  const { name, password } = register;
  // Looked at before the costly hash, and again below, where it counts.
  const { invite, account, hasLogin } = await requireOffer(service, link, visit.now);
  const { email } = invite;
  const locale = invite.locale ?? account.locale;
  requireGoodPassword(password, '/register/password', { email, name, accounts: [account.name] });
  requireLive(invite, link, visit.now);
  if (hasLogin) throw new Problem('login-exists');
  const passwordHash = await service.passwords.hash(password);
  return { user: newUserRow({ email, name, passwordHash, locale, createdAt: visit.now }), isNew: true };
}

/** The invite is consumed and the membership made, or neither. */
async function join(
  service: Service,
  { accountId, inviteId, link }: Pick<Joining, 'accountId' | 'inviteId' | 'link'>,
  accepting: Caller | Proven,
  visit: Visit,
) {
  const joining = { accountId, inviteId, link, now: visit.now };
  if ('isNew' in accepting) {
    return joinWithMore(service, { ...joining, who: accepting.user, isNew: accepting.isNew }, accepting, visit);
  }
  const plain = { ...joining, who: accepting };
  const outcome = await joinTogether(service.db, plain);
  if (outcome instanceof Problem) throw outcome;
  if (typeof outcome === 'object' && 'failure' in outcome) throw outcome.failure;
  return typeof outcome === 'string' ? joinWithMore(service, plain, undefined, visit) : outcome;
}

/** In a transaction of its own, with a user or a session that is made in it, or as the owner. */
function joinWithMore(service: Service, joining: Joining, proven: Proven | undefined, visit: Visit) {
  const work = () =>
    service.db.transaction(async (tx) => {
      const decision = await joinAlone(tx, joining, async () => {
        if (proven?.isNew && !(await insertUser(tx, proven.user))) throw new Problem('login-exists');
      });
      const { user, facts } = decision;
      const ownerId = facts.invite.ownership ? await takeOver(tx, facts.account, user.id) : facts.account.ownerId;
      if (!proven) return shown(decision, ownerId);
      // The user as read under the lock, with the password hash that was verified.
      const { passwordHash } = proven.user;
      return { ...shown(decision, ownerId), session: await openSession(service, tx, { ...user, passwordHash }, visit) };
    });
  return inLockQueue(service.db, joining.accountId, work);
}
