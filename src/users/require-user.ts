import type { Caller } from '../credentials/caller.ts';
import { findCallingUser } from '../credentials/store.ts';
import type { Db, Tx } from '../database/database.ts';
import { inLockQueue } from '../database/lock-queue.ts';
import { transaction } from '../database/transaction.ts';
import { Problem } from '../problems/problem.ts';
import type { RefusalDetails } from '../telemetry/security-events.ts';
import { lockUser, lockUserForShare, type UserRow } from './store.ts';

/**
 * Reads the caller's user.
 * @throws unauthenticated if the session has ended, the identity was removed or the user is
 * disabled; user-required for an API key.
 */
export async function requireUser(db: Db, caller: Caller): Promise<UserRow> {
  requirePerson(caller);
  const user = await findCallingUser(db, caller);
  if (!user) throw sessionEnded();
  return user;
}

/**
 * Reads and locks the caller's user: until the transaction ends, they cannot be disabled and their
 * address cannot change.
 * @throws what `requireUser` throws.
 */
export async function lockCaller(tx: Tx, caller: Caller): Promise<UserRow> {
  await lockUserForShare(tx, caller.userId);
  return requireUser(tx, caller);
}

/**
 * Changes the caller's own login in a transaction that locks the user. The caller is verified
 * before the request queues for the lock and again after it has the lock, so that the change is
 * refused if the session ended while the request was waiting.
 * @throws what `requireUser` throws, RowBusy, and what `change` throws, which rolls back.
 */
export async function changeOwnLogin<T>(
  db: Db,
  caller: Caller,
  change: (tx: Tx, user: UserRow) => Promise<T>,
): Promise<T> {
  await requireUser(db, caller);
  const work = () =>
    transaction(db, async (tx) => {
      await lockUser(tx, caller.userId);
      return change(tx, await requireUser(tx, caller));
    });
  return inLockQueue(db, caller.userId, work, credentialId(caller));
}

/** @throws user-required for an API key. */
export function requirePerson({ apiKey }: Caller): void {
  if (apiKey) throw new Problem('user-required');
}

/** The id of the caller's credential: an API key, a session or an identity. */
export const credentialId = ({ apiKey, sessionId, identityId }: Caller) =>
  apiKey?.id ?? sessionId ?? identityId ?? undefined;

export const sessionEnded = (logDetails: RefusalDetails = {}) =>
  new Problem('unauthenticated', 'The session has ended. Log in again.', {}, logDetails);
