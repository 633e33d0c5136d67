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
import { credentialId } from '../sessions/session.ts';
import { markSessionsEnded } from '../sessions/store.ts';
import { lockUser, lockUserByPassword } from '../store.ts';

/**
 * Asks for another address, and promises a mail to it: a link to confirm it, or word that it has a login already. It does the
 * same for every address. Until it is confirmed the old one counts.
 * @throws password-wrong, no-password, invalid-request, too-many-requests.
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
  const keep = async (tx: Tx) => {
    const held = await lockUserByPassword(tx, user.id, passwordHash);
    if (!held) throw new Problem('password-wrong');
    const whose = { userId: held.id, sessionId, oldEmail: held.email };
    await insertEmailChange(tx, { id: newId('emc'), ...whose, email, createdAt: now, expiresAt }, newId('dlv'));
  };
  await service.limiter.counting([{ limit: 'email-change.user', of: user.id }], now, () =>
    inLockQueue(service.db, user.id, () => transaction(service.db, keep), credentialId(caller)),
  );
}

/**
 * Makes the new address count: whoever holds the link reads its mailbox. Tells the old address, and ends every session but the
 * one that asked. Works once.
 * @throws email-change-token-invalid.
 */
export async function confirmEmailChange(
  service: Service,
  { token }: { token: string },
  { now, logSecurityEvent }: RequestContext,
) {
  const id = await verifyEmailChangeToken(service, token, now);
  const asked = id && (await findEmailChange(service.db, id));
  if (!asked) throw new Problem('email-change-token-invalid');
  const confirm = async (tx: Tx) => {
    await lockUser(tx, asked.userId);
    const taken = await markEmailChangeConfirmed(tx, asked.id, now);
    if (!taken || !(await replaceEmail(tx, taken))) throw new Problem('email-change-token-invalid');
    await deletePasswordResets(tx, taken.oldEmail);
    await enqueue(tx, { id: newId('dlv'), kind: 'email-changed', emailChangeId: taken.id }, now);
    const sessions = await markSessionsEnded(tx, taken.userId, now, taken.sessionId ?? undefined);
    return { ...taken, sessions };
  };
  const confirming = inLockQueue(service.db, asked.userId, () => transaction(service.db, confirm), asked.id);
  const change = await confirming.catch((error) => {
    throw isDuplicate(error, 'users_email_unique') ? new Problem('email-change-token-invalid') : error;
  });
  logSecurityEvent('user_updated', { userId: change.userId, changed: 'email', sessions: change.sessions });
  return { email: change.email };
}
