import { incrementEpochsOfUser } from '../accounts/epoch-store.ts';
import type { Db } from '../database/database.ts';
import { transaction } from '../database/transaction.ts';
import { idPattern, newId, type UserId } from '../ids/ids.ts';
import { enqueue } from '../mail/outbox/enqueue.ts';
import { Problem } from '../problems/problem.ts';
import type { LogSecurityEvent } from '../telemetry/security-events.ts';
import { canonicalEmail } from '../text/email-address.ts';
import { insertIdentity } from '../users/identities/store.ts';
import { markSessionsEnded } from '../users/sessions/store.ts';
import { findUser, findUserByEmail, type UserRow, updateUser } from '../users/store.ts';

/** The context of a change that an operator makes on the command line. */
export interface UserOperation {
  db: Db;
  now: Date;
  logSecurityEvent: LogSecurityEvent;
}

/** Finds a user by id or address. @throws not-found. */
export async function requireUserByName(db: Db, idOrAddress: string): Promise<UserRow> {
  const isId = new RegExp(idPattern('usr')).test(idOrAddress);
  const email = canonicalEmail(idOrAddress);
  if (!isId && email === undefined)
    throw new Problem('not-found', `${idOrAddress} is neither an address nor a user id.`);
  const user = isId ? await findUser(db, idOrAddress as UserId) : await findUserByEmail(db, email ?? '');
  if (!user) throw new Problem('not-found', `User ${idOrAddress} not found.`);
  return user;
}

/**
 * Disables a user. All of their sessions end, and they cannot log in by password or identity
 * provider until they are enabled again.
 */
export async function disableUser({ db, now, logSecurityEvent }: UserOperation, { id }: UserRow): Promise<void> {
  const sessions = await transaction(db, async (tx) => {
    await incrementEpochsOfUser(tx, id);
    await updateUser(tx, id, { disabledAt: now });
    return markSessionsEnded(tx, id, now);
  });
  logSecurityEvent('user_disabled', { userId: id, sessions, by: 'operator' });
}

/** Enables a disabled user. Sessions that ended when the user was disabled stay ended. */
export async function enableUser({ db, logSecurityEvent }: UserOperation, { id }: UserRow): Promise<void> {
  await transaction(db, async (tx) => {
    await incrementEpochsOfUser(tx, id);
    await updateUser(tx, id, { disabledAt: null });
  });
  logSecurityEvent('user_enabled', { userId: id, by: 'operator' });
}

/** Ends all sessions of a user. The user can log in again. */
export async function endSessionsOfUser({ db, now, logSecurityEvent }: UserOperation, { id }: UserRow): Promise<void> {
  const sessions = await markSessionsEnded(db, id, now);
  logSecurityEvent('authn_token_revoked', { userId: id, sessions, by: 'operator' });
}

/**
 * Links a login at an identity provider to a user, for a user who can't do so with a password.
 * @throws identity-linked-elsewhere.
 */
export async function linkIdentityOfUser(
  { db, now, logSecurityEvent }: UserOperation,
  { id: userId }: UserRow,
  issuer: string,
  subject: string,
): Promise<void> {
  const row = { id: newId('idn'), userId, issuer, subject, createdAt: now };
  await transaction(db, async (tx) => {
    if (!(await insertIdentity(tx, row))) throw new Problem('identity-linked-elsewhere');
    await enqueue(tx, { id: newId('dlv'), kind: 'identity-linked', userId }, now);
  });
  logSecurityEvent('user_updated', { userId, identityId: row.id, changed: 'identity', by: 'operator' });
}
