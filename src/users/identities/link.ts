import type { Caller } from '../../credentials/caller.ts';
import type { Tx } from '../../database/database.ts';
import { inLockQueue } from '../../database/lock-queue.ts';
import { transaction } from '../../database/transaction.ts';
import { type IdentityId, newId } from '../../ids/ids.ts';
import { enqueue } from '../../mail/outbox/enqueue.ts';
import { invalidField, Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { requireCurrentPassword } from '../passwords/change.ts';
import { changeOwnLogin, credentialId } from '../sessions/session.ts';
import { lockUserByPassword } from '../store.ts';
import { deleteIdentity, findIdentity, type IdentityRow, insertIdentity, listIdentities } from './store.ts';

/** An identity as the API shows it. */
export const identityOf = ({ id, issuer, subject, createdAt }: IdentityRow) => ({ id, issuer, subject, createdAt });

/**
 * Links a login at an identity provider, which its access token proves, with the caller, whom the current password proves, and
 * tells them by mail. Linking it once more changes nothing.
 * @throws password-wrong, no-password, identity-linked-elsewhere, invalid-request for a token that does not verify.
 */
export async function linkIdentity(
  service: Service,
  caller: Caller,
  { accessToken, currentPassword }: { accessToken: string; currentPassword: string },
) {
  const { user, passwordHash } = await requireCurrentPassword(service, caller, currentPassword);
  const external = await service.externalTokens.verify(accessToken, caller.now);
  if (!external) throw invalidField('/accessToken', 'is no access token of an identity provider that is taken here');
  const { issuer, subject } = external;
  const row = { id: newId('idn'), userId: user.id, issuer, subject, createdAt: caller.now };
  const link = async (tx: Tx) => {
    if (!(await lockUserByPassword(tx, user.id, passwordHash))) throw new Problem('password-wrong');
    const isNew = await insertIdentity(tx, row);
    if (isNew) await enqueue(tx, { id: newId('dlv'), kind: 'identity-linked', userId: user.id }, caller.now);
    return isNew;
  };
  const work = () => transaction(service.db, link);
  const isNew = await inLockQueue(service.db, user.id, work, credentialId(caller));
  if (isNew) {
    caller.logSecurityEvent('user_updated', { changed: 'identity', identityId: row.id });
    return identityOf(row);
  }
  const known = await findIdentity(service.db, issuer, subject);
  if (known?.userId !== user.id) throw new Problem('identity-linked-elsewhere');
  return identityOf(known);
}

/**
 * Removes an identity of the caller's: its tokens name nobody from the next request on.
 * @throws not-found, last-login-method where nothing else would be left to log in with.
 */
export async function unlinkIdentity({ db, config }: Service, caller: Caller, identityId: IdentityId): Promise<void> {
  await changeOwnLogin(db, caller, async (tx, user) => {
    const all = await listIdentities(tx, user.id);
    if (!all.some((it) => it.id === identityId)) throw new Problem('not-found');
    const hasPassword = config.passwordLogin && user.passwordHash !== null;
    if (all.length === 1 && !hasPassword) throw new Problem('last-login-method');
    await deleteIdentity(tx, user.id, identityId);
  });
  caller.logSecurityEvent('user_updated', { changed: 'identity', identityId });
}
