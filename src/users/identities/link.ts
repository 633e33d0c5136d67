import type { Caller } from '../../credentials/caller.ts';
import type { Tx } from '../../database/database.ts';
import { inLockQueue } from '../../database/lock-queue.ts';
import { transaction } from '../../database/transaction.ts';
import { type IdentityId, newId } from '../../ids/ids.ts';
import { enqueue } from '../../mail/outbox/enqueue.ts';
import { invalidField, Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { requireCurrentPassword } from '../passwords/change.ts';
import { changeOwnLogin, credentialId } from '../require-user.ts';
import { lockUserByPassword } from '../store.ts';
import { deleteIdentity, findIdentity, type IdentityRow, insertIdentity, listIdentities } from './store.ts';

/** The API representation of an identity. */
export const toIdentityView = ({ id, issuer, subject, createdAt }: IdentityRow) => ({ id, issuer, subject, createdAt });

/**
 * Links a login at an identity provider to the caller's user and notifies the user by mail. Linking
 * the same identity again changes nothing.
 * @param accessToken an access token of the provider, which proves the identity.
 * @returns the linked identity.
 * @throws password-wrong, no-password, identity-linked-elsewhere; invalid-request for a token that
 * does not verify; and what `requireCurrentPassword` throws.
 */
export async function linkIdentity(
  service: Service,
  caller: Caller,
  { accessToken, currentPassword }: { accessToken: string; currentPassword: string },
) {
  const { user, passwordHash } = await requireCurrentPassword(service, caller, currentPassword);
  const external = await service.externalTokens.verify(accessToken, caller.now);
  if (!external) throw invalidField('/accessToken', 'is not an access token of a configured identity provider');
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
    return toIdentityView(row);
  }
  const existing = await findIdentity(service.db, issuer, subject);
  if (existing?.userId !== user.id) throw new Problem('identity-linked-elsewhere');
  return toIdentityView(existing);
}

/**
 * Removes one of the caller's identities. Its tokens are refused from the next request on.
 * @throws not-found; last-login-method if the user would have no other way to log in.
 */
export async function unlinkIdentity({ db, config }: Service, caller: Caller, identityId: IdentityId): Promise<void> {
  await changeOwnLogin(db, caller, async (tx, user) => {
    const identities = await listIdentities(tx, user.id);
    if (!identities.some((it) => it.id === identityId)) throw new Problem('not-found');
    const hasPassword = config.passwordLogin && user.passwordHash !== null;
    if (identities.length === 1 && !hasPassword) throw new Problem('last-login-method');
    await deleteIdentity(tx, user.id, identityId);
  });
  caller.logSecurityEvent('user_updated', { changed: 'identity', identityId });
}
