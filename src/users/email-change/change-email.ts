import type { Caller, RequestContext } from '../../credentials/caller.ts';
import type { Tx } from '../../database/database.ts';
import { isDuplicate } from '../../database/errors.ts';
import { inLockQueue } from '../../database/lock-queue.ts';
import { transaction } from '../../database/transaction.ts';
import { newId } from '../../ids/ids.ts';
import { enqueue } from '../../mail/outbox/enqueue.ts';
import { Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { requireCanonicalEmail } from '../../text/email-address.ts';
import {
  emailChangeExpiry,
  findEmailChange,
  insertEmailChange,
  markEmailChangeConfirmed,
  replaceEmail,
} from '../email-change-store.ts';
import { verifyEmailChangeToken } from '../link-tokens.ts';
import { requireCurrentPassword } from '../passwords/change.ts';
import { deletePasswordResets } from '../passwords/store.ts';
import { credentialId } from '../require-user.ts';
import { markSessionsEnded } from '../sessions/store.ts';
import { lockUser, lockUserByPassword } from '../store.ts';

/**
 * Stores a change of the caller's address and enqueues a mail to the new one: a link to confirm it,
 * or a notice that it already has a login. The same statements run for every address. The old
 * address remains the login until the new one is confirmed.
 * @throws invalid-request, too-many-requests, and what `requireCurrentPassword` throws.
 */
export async function requestEmailChange(
  service: Service,
  caller: Caller,
  body: { email: string; currentPassword: string },
): Promise<void> {
  const email = requireCanonicalEmail(body.email, '/email');
  const { user, passwordHash } = await requireCurrentPassword(service, caller, body.currentPassword);
  const { sessionId, now } = caller;
  const expiresAt = emailChangeExpiry(now);
  const store = async (tx: Tx) => {
    const current = await lockUserByPassword(tx, user.id, passwordHash);
    if (!current) throw new Problem('password-wrong');
    const origin = { userId: current.id, sessionId, oldEmail: current.email };
    await insertEmailChange(tx, { id: newId('emc'), ...origin, email, createdAt: now, expiresAt }, newId('dlv'));
  };
  await service.limiter.countIfDone([{ limit: 'email-change.user', of: user.id }], now, () =>
    inLockQueue(service.db, user.id, () => transaction(service.db, store), credentialId(caller)),
  );
}

/**
 * Replaces the user's address; the link proves access to the new mailbox. Notifies the old address
 * and ends every session except the one that requested the change. Works once.
 * @returns the new address.
 * @throws email-change-token-invalid.
 */
export async function confirmEmailChange(
  service: Service,
  { token }: { token: string },
  { now, logSecurityEvent }: RequestContext,
) {
  const id = await verifyEmailChangeToken(service, token, now);
  const request = id && (await findEmailChange(service.db, id));
  if (!request) throw new Problem('email-change-token-invalid');
  const confirm = async (tx: Tx) => {
    await lockUser(tx, request.userId);
    const change = await markEmailChangeConfirmed(tx, request.id, now);
    if (!change || !(await replaceEmail(tx, change))) throw new Problem('email-change-token-invalid');
    await deletePasswordResets(tx, change.oldEmail);
    await enqueue(tx, { id: newId('dlv'), kind: 'email-changed', emailChangeId: change.id }, now);
    const sessions = await markSessionsEnded(tx, change.userId, now, change.sessionId ?? undefined);
    return { ...change, sessions };
  };
  const confirmation = inLockQueue(service.db, request.userId, () => transaction(service.db, confirm), request.id);
  const confirmed = await confirmation.catch((error) => {
    throw isDuplicate(error, 'users_email_unique') ? new Problem('email-change-token-invalid') : error;
  });
  logSecurityEvent('user_updated', { userId: confirmed.userId, changed: 'email', sessions: confirmed.sessions });
  return { email: confirmed.email };
}
