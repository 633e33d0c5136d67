import type { RequestContext } from '../../credentials/caller.ts';
import type { Tx } from '../../database/database.ts';
import { inLockQueue } from '../../database/lock-queue.ts';
import { transaction } from '../../database/transaction.ts';
import { newId } from '../../ids/ids.ts';
import { enqueue } from '../../mail/outbox/enqueue.ts';
import { Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { requireCanonicalEmail } from '../../text/email-address.ts';
import { deleteEmailChanges } from '../email-change-store.ts';
import { verifyResetToken } from '../link-tokens.ts';
import { requirePasswordLogin } from '../rules.ts';
import { openSession } from '../sessions/session.ts';
import { markSessionsEnded } from '../sessions/store.ts';
import { findUserByEmail, lockUser, updateUser } from '../store.ts';
import { requireGoodPassword } from './policy.ts';
import { deletePasswordResets, findPasswordReset, insertPasswordReset } from './store.ts';

/** How long a reset link is valid, in milliseconds. */
const resetLifetime = 30 * 60_000;

/**
 * Stores a password reset and enqueues its mail. The same statements run for every address: whether
 * a mail is sent, and which, is decided when it is written.
 * @throws too-many-requests, password-login-off.
 */
export async function requestPasswordReset(
  service: Service,
  body: { email: string },
  { now, client, logSecurityEvent }: RequestContext,
) {
  requirePasswordLogin(service.config);
  const email = requireCanonicalEmail(body.email, '/email');
  await service.limiter.requireWithin([{ limit: 'reset.address', of: `${email} ${client.network}` }], now);
  // Over this limit no mail is sent: the mailbox already has a valid link. The same statements run
  // either way, so that both take equally long.
  const { exceeded } = await service.limiter.take([{ limit: 'reset.mails', of: email }], now);
  const expiresAt = new Date(now.getTime() + resetLifetime);
  const reset = { id: newId('rst'), email, createdAt: now, expiresAt };
  await insertPasswordReset(service.db, reset, { id: newId('dlv'), isSent: !exceeded });
  logSecurityEvent('authn_password_reset_requested', { address: service.derivedKeys.pseudonymFor(email) });
}

/**
 * Sets a new password, ends all sessions of the user, notifies them by mail and opens a session;
 * the link proves access to the mailbox. Works once, and invalidates the other reset links of the
 * address.
 * @throws password-reset-token-invalid; invalid-request for a password that is easy to guess;
 * user-disabled, password-login-off.
 */
export async function resetPassword(
  service: Service,
  { token, password }: { token: string; password: string },
  requestContext: RequestContext,
) {
  requirePasswordLogin(service.config);
  const { db, passwords } = service;
  const id = await verifyResetToken(service, token, requestContext.now);
  const reset = id && (await findPasswordReset(db, id, requestContext.now));
  const user = reset && (await findUserByEmail(db, reset.email));
  if (!user) throw new Problem('password-reset-token-invalid');
  requireGoodPassword(password, '/password', user);
  const passwordHash = await passwords.hash(password);
  const set = async (tx: Tx) => {
    await lockUser(tx, user.id);
    const deleted = await deletePasswordResets(tx, reset.email);
    if (!deleted.some((it) => it.id === id)) throw new Problem('password-reset-token-invalid');
    await updateUser(tx, user.id, { passwordHash });
    await deleteEmailChanges(tx, user.id);
    await markSessionsEnded(tx, user.id, requestContext.now);
    await enqueue(tx, { id: newId('dlv'), kind: 'password-changed', userId: user.id }, requestContext.now);
    return openSession(service, tx, { ...user, passwordHash }, requestContext);
  };
  const session = await inLockQueue(db, user.id, () => transaction(db, set), id);
  // The other links in the mailbox do not work any more, so the next request gets a mail again.
  await service.limiter.clear([{ limit: 'reset.mails', of: reset.email }]).catch(() => {});
  requestContext.logSecurityEvent('authn_password_change', { userId: user.id, by: 'password-reset' });
  return session;
}
