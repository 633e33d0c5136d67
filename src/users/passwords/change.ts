import type { Caller } from '../../credentials/caller.ts';
import type { Tx } from '../../database/database.ts';
import { inLockQueue } from '../../database/lock-queue.ts';
import { transaction } from '../../database/transaction.ts';
import { newId } from '../../ids/ids.ts';
import { enqueue } from '../../mail/outbox/enqueue.ts';
import { Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { deleteEmailChanges } from '../email-change-store.ts';
import { credentialId, requireUser } from '../require-user.ts';
import { requirePasswordLogin } from '../rules.ts';
import { markSessionsEnded } from '../sessions/store.ts';
import type { UserRow } from '../store.ts';
import { requireGoodPassword } from './policy.ts';
import { deletePasswordResets, replacePasswordHash } from './store.ts';

/**
 * Changes the caller's password, ends their other sessions and notifies them by mail.
 * @throws invalid-request for a password that is easy to guess, and what `requireCurrentPassword`
 * throws.
 */
export async function changePassword(
  service: Service,
  caller: Caller,
  { currentPassword, newPassword }: { currentPassword: string; newPassword: string },
): Promise<void> {
  const { user, passwordHash } = await requireCurrentPassword(service, caller, currentPassword);
  requireGoodPassword(newPassword, '/newPassword', user);
  const hash = await service.passwords.hash(newPassword);
  const change = async (tx: Tx) => {
    if (!(await replacePasswordHash(tx, user.id, passwordHash, hash))) throw new Problem('password-wrong');
    await deletePasswordResets(tx, user.email);
    await deleteEmailChanges(tx, user.id);
    await enqueue(tx, { id: newId('dlv'), kind: 'password-changed', userId: user.id }, caller.now);
    return markSessionsEnded(tx, user.id, caller.now, caller.sessionId ?? undefined);
  };
  const work = () => transaction(service.db, change);
  const sessions = await inLockQueue(service.db, user.id, work, credentialId(caller));
  caller.logSecurityEvent('authn_password_change', { by: 'password', sessions });
}

/**
 * Authenticates the caller again by their password, before a change of how they log in. The number
 * of attempts is limited.
 * @returns the user, and the hash that the password matched.
 * @throws unauthenticated, password-wrong, no-password, too-many-requests, password-login-off.
 */
export async function requireCurrentPassword(
  service: Service,
  caller: Caller,
  currentPassword: string,
): Promise<{ user: UserRow; passwordHash: string }> {
  requirePasswordLogin(service.config);
  const user = await requireUser(service.db, caller);
  const { passwordHash } = user;
  if (passwordHash === null) throw new Problem('no-password');
  await service.limiter.requireWithin([{ limit: 'password.user', of: user.id }], caller.now);
  if (!(await service.passwords.matches(currentPassword, passwordHash))) throw new Problem('password-wrong');
  return { user, passwordHash };
}
