import { randomBytes } from 'node:crypto';
import type { Config } from '../../config/config.ts';
import type { Client, RequestContext } from '../../credentials/caller.ts';
import type { Db } from '../../database/database.ts';
import { newId, type SessionId } from '../../ids/ids.ts';
import { Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { sha256 } from '../../text/hashes.ts';
import { accessTokenLifetime } from '../../tokens/access-token.ts';
import { requireEnabled } from '../rules.ts';
import type { UserRow } from '../store.ts';
import { toUserView } from '../view.ts';
import { insertSession } from './store.ts';

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
