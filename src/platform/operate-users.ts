import { moveEpochsOfUser } from '../accounts/epoch-store.ts';
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

/** What an operator's change of a user is given. */
export interface Operating {
  db: Db;
  now: Date;
  logSecurityEvent: LogSecurityEvent;
}

/** The user of an id or an address. @throws not-found. */
export async function requireUserNamed(db: Db, name: string): Promise<UserRow> {
  const isId = new RegExp(idPattern('usr')).test(name);
  const email = canonicalEmail(name);
  if (!isId && email === undefined)
    throw new Problem('not-found', `${name} is neither an address nor the id of a user.`);
  const user = isId ? await findUser(db, name as UserId) : await findUserByEmail(db, email ?? '');
  if (!user) throw new Problem('not-found', `There is no user ${name}.`);
  return user;
}

/** Keeps a user out: every session ends, and no session, identity or password of theirs counts until they are enabled again. */
export async function disableUser({ db, now, logSecurityEvent }: Operating, { id }: UserRow): Promise<void> {
  const sessions = await transaction(db, async (tx) => {
    await moveEpochsOfUser(tx, id);
    await updateUser(tx, id, { disabledAt: now });
    return markSessionsEnded(tx, id, now);
  });
  logSecurityEvent('user_disabled', { userId: id, sessions, by: 'operator' });
}

/** Lets a user in again. Their old sessions stay ended. */
export async function enableUser({ db, logSecurityEvent }: Operating, { id }: UserRow): Promise<void> {
  await transaction(db, async (tx) => {
    await moveEpochsOfUser(tx, id);
    await updateUser(tx, id, { disabledAt: null });
  });
  logSecurityEvent('user_enabled', { userId: id, by: 'operator' });
}

/** Ends every session of a user, who may log in again. */
export async function endSessionsOf({ db, now, logSecurityEvent }: Operating, { id }: UserRow): Promise<void> {
  const sessions = await markSessionsEnded(db, id, now);
  logSecurityEvent('authn_token_revoked', { userId: id, sessions, by: 'operator' });
}

/** Links a login at an identity provider with a user, who can't prove a password any more. @throws identity-linked-elsewhere. */
export async function linkIdentityOf(
  { db, now, logSecurityEvent }: Operating,
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
