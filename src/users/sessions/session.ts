import { randomBytes } from 'node:crypto';
import type { Config } from '../../config/config.ts';
import type { Caller, Client, RequestContext } from '../../credentials/caller.ts';
import { findCallingUser } from '../../credentials/store.ts';
import type { Db, Tx } from '../../database/database.ts';
import { inLockQueue } from '../../database/lock-queue.ts';
import { transaction } from '../../database/transaction.ts';
import { newId, type SessionId } from '../../ids/ids.ts';
import { Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import type { RefusalDetails } from '../../telemetry/security-events.ts';
import { sha256 } from '../../text/hashes.ts';
import { accessTokenLifetime } from '../../tokens/access-token.ts';
import { requireEnabled } from '../rules.ts';
import { lockUser, lockUserForShare, type UserRow } from '../store.ts';
import { toUserView } from '../view.ts';
import { insertSession } from './store.ts';

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

/**
 * Opens a session for a user who has just authenticated.
 * @throws user-disabled; wrong-credentials if the password has changed since.
 */
export async function openSession(service: Service, db: Db, user: UserRow, { now, client }: RequestContext) {
  requireEnabled(user);
  const id = newId('ses');
  const refreshToken = randomBytes(32).toString('base64url');
  const expiresAt = sessionExpiryFrom(service.config, now, now);
  const session = { id, userId: user.id, createdAt: now, expiresAt, ...client };
  const isOpen = await insertSession(db, session, user.passwordHash, sha256(refreshToken));
  if (!isOpen) throw new Problem('wrong-credentials', undefined, {}, { userId: user.id });
  return toSessionView(service, user, id, refreshToken, now);
}

/**
 * When a session expires that is used at `now`: after the idle timeout, but no later than the
 * absolute timeout after `createdAt`.
 */
export function sessionExpiryFrom(
  { sessionTimeouts }: Pick<Config, 'sessionTimeouts'>,
  createdAt: Date,
  now: Date,
): Date {
  const { idle, absolute } = sessionTimeouts;
  return new Date(Math.min(now.getTime() + idle * 1000, createdAt.getTime() + absolute * 1000));
}

export function toSessionView(service: Service, user: UserRow, id: SessionId, refreshToken: string, now: Date) {
  return {
    accessToken: service.accessTokens.sign(user.id, id, now),
    tokenType: 'Bearer' as const,
    expiresIn: accessTokenLifetime,
    refreshToken,
    user: toUserView(user),
  };
}

export type OpenedSession = Awaited<ReturnType<typeof openSession>>;

/** Hashes to recognise a client: in the same network, and in any network. */
export const clientHashes = ({ network, userAgent }: Client) => ({
  usedBy: sha256(`${network}\n${userAgent}`),
  usedByAgent: sha256(userAgent),
});
