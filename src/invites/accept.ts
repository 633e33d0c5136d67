import { type InviteId, newId } from '../ids.ts';
import { takeOver } from '../ownership/take-over.ts';
import { Problem } from '../problems.ts';
import type { Caller, Service, Visit } from '../service.ts';
import { requireGoodPassword } from '../users/passwords/policy.ts';
import { requirePasswordLogin } from '../users/rules.ts';
import { requireCredentials } from '../users/sessions/log-in.ts';
import { openSession, requireUser } from '../users/sessions/session.ts';
import { insertUser, type UserRow } from '../users/store.ts';
import { keepingAttempt } from './attempt.ts';
import { findAccountOfInvite } from './invitee-store.ts';
import { type Joining, joinAlone, joinTogether, shown } from './join.ts';
import { type OpenedLink, requireLink, requireLive, requireOffer } from './open-link.ts';
import type { InviteAcceptance } from './schemas.ts';

/** Whoever accepts: a user who has proven who they are, or one whom the link proves and who is made on the spot. */
interface Accepting {
  user: UserRow;
  isNew: boolean;
  wantsSession: boolean;
}

/**
 * Accepts an invite by its link: as a new user, by logging in, or as the caller.
 * @throws invite-token-invalid, the problems that name why the link is dead, wrong-credentials, unauthenticated, login-exists,
 * invite-for-another-address, already-member, inviter-cannot-grant, password-login-off, user-disabled, too-many-requests.
 */
export async function acceptInvite(service: Service, body: InviteAcceptance, caller: Caller | undefined, visit: Visit) {
  const link = await requireLink(service, body.token, visit.now);
  return keepingAttempt(service, link, visit.now, async () => {
    const accepting = await identify(service, body, caller, link, visit);
    const { accountId, inviteId } = link;
    const joining = { accountId, inviteId, link, user: accepting.user, now: visit.now };
    const accepted = await join(service, joining, accepting, visit);
    const { id: userId } = accepting.user;
    if (accepting.isNew) visit.audit('user_created', { userId, by: 'invite' });
    else if (accepting.wantsSession) visit.audit('authn_login_success', { userId, by: 'password' });
    return accepted;
  });
}

/** The same for a caller whose verified address it is, by its id. @throws not-found where there is none for them. */
export async function acceptMyInvite(service: Service, caller: Caller, inviteId: InviteId) {
  const user = await requireUser(service.db, caller);
  const accountId = await findAccountOfInvite(service.db, inviteId, user.email);
  if (accountId === undefined) throw new Problem('not-found');
  const joining = { accountId, inviteId, link: undefined, user, now: caller.now };
  return keepingAttempt(service, joining, caller.now, () =>
    join(service, joining, { user, isNew: false, wantsSession: false }, caller),
  );
}

async function identify(
  service: Service,
  { register, login }: InviteAcceptance,
  caller: Caller | undefined,
  link: OpenedLink,
  visit: Visit,
): Promise<Accepting> {
  if (login) return { user: await requireCredentials(service, login, visit), isNew: false, wantsSession: true };
  if (caller) return { user: await requireUser(service.db, caller), isNew: false, wantsSession: false };
  if (!register) throw new Problem('invalid-request', 'Send `register`, `login` or a bearer access token.');
  requirePasswordLogin(service.config);
  const { name, password } = register;
  // Looked at before the costly hash, and again below, where it counts.
  const { invite, account, hasLogin } = await requireOffer(service, link);
  const { email } = invite;
  const locale = invite.locale ?? account.locale;
  requireGoodPassword(password, '/register/password', { email, name, accounts: [account.name] });
  requireLive(invite, link, visit.now);
  if (hasLogin) throw new Problem('login-exists');
  const passwordHash = await service.passwords.hash(password);
  const user = {
    id: newId('usr'),
    email,
    name,
    passwordHash,
    locale,
    externalId: null,
    createdAt: visit.now,
    disabledAt: null,
  };
  return { user, isNew: true, wantsSession: true };
}

/** One transaction: the invite is consumed and the membership made, or neither. */
async function join(service: Service, joining: Joining, { isNew, wantsSession }: Accepting, visit: Visit) {
  const isPlain = !isNew && !wantsSession;
  const outcome = isPlain ? await joinTogether(service.db, joining) : 'alone';
  if (outcome instanceof Problem) throw outcome;
  return typeof outcome === 'string' ? joinWithMore(service, joining, { isNew, wantsSession }, visit) : outcome;
}

/** In a transaction of its own: with a user or a session that is made in it, or as the owner. */
function joinWithMore(
  service: Service,
  joining: Joining,
  { isNew, wantsSession }: Omit<Accepting, 'user'>,
  visit: Visit,
) {
  const { user } = joining;
  return service.db.transaction(async (tx) => {
    const decision = await joinAlone(tx, joining, async () => {
      if (isNew && !(await insertUser(tx, user))) throw new Problem('login-exists');
    });
    const { account, invite } = decision.facts;
    const ownerId = invite.ownership ? await takeOver(tx, account, user.id) : account.ownerId;
    const session = wantsSession ? { session: await openSession(service, tx, user, visit) } : {};
    return { ...shown(decision, ownerId), ...session };
  });
}
