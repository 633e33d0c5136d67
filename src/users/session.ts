import { createHash, randomBytes } from 'node:crypto';
import type { Db } from '../database/database.ts';
import { newId, type SessionId } from '../ids.ts';
import { Problem } from '../problems.ts';
import type { Caller, Service } from '../service.ts';
import { accessTokenLifetime } from '../tokens/access-token.ts';
import { findUserBySession, insertSession, type UserRow } from './store.ts';

/** Milliseconds from login until a session ends, however often it is refreshed. */
const sessionLifetime = 30 * 24 * 3_600_000;

/** A user as the API shows them. */
export const userOf = ({ id, email, name, createdAt }: UserRow) => ({ id, email, name, createdAt });

/**
 * The user whose session the caller's token names, read now.
 * @throws unauthenticated where the session has ended.
 */
export async function requireUser(db: Db, caller: Caller): Promise<UserRow> {
  const user = await findUserBySession(db, caller);
  if (!user) throw sessionEnded();
  return user;
}

export const sessionEnded = () => new Problem('unauthenticated', 'The session has ended. Log in again.');

/** Opens a session for a user who has just proven who they are. */
export async function openSession(service: Service, db: Db, user: UserRow, now: Date) {
  const id = newId('ses');
  const refreshToken = newRefreshToken();
  const expiresAt = new Date(now.getTime() + sessionLifetime);
  await insertSession(db, { id, userId: user.id, createdAt: now, expiresAt }, hashOf(refreshToken));
  return sessionOf(service, user, id, refreshToken, now);
}

export function sessionOf(service: Service, user: UserRow, id: SessionId, refreshToken: string, now: Date) {
  return {
    accessToken: service.accessTokens.sign(user.id, id, now),
    tokenType: 'Bearer' as const,
    expiresIn: accessTokenLifetime,
    refreshToken,
    user: userOf(user),
  };
}

/** 256 random bits: a secret that needs no slow hash. */
export const newRefreshToken = () => randomBytes(32).toString('base64url');

/** What is kept of a refresh token. A look-up by the hash of a random secret tells an attacker's clock nothing. */
export const hashOf = (secret: string) => createHash('sha256').update(secret).digest('base64url');
