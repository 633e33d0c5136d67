import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import type { AccountId, UserId } from '../ids/ids.ts';
import type { SigningKeys } from './keys.ts';

/** Seconds. */
export const accountTokenLifetime = 300;

export interface AccountTokenClaims {
  userId: UserId;
  /** The session, identity or API key that requested it. */
  clientId: string;
  accountId: AccountId;
  audience: string;
  permissions: readonly string[];
  epoch: number;
}

/**
 * Signs a token that tells another service what a user may do in an account: a JWT access token
 * (RFC 9068: `typ` at+jwt; iss, sub, aud, client_id, iat, exp, jti) with `account`, `permissions`
 * and `epoch`. Usher's own endpoints do not accept it.
 */
export function signAccountToken(
  { keys, issuer }: { keys: SigningKeys; issuer: string },
  { userId, clientId, accountId, audience, permissions, epoch }: AccountTokenClaims,
  { now, expiresAt }: { now: Date; expiresAt: Date },
): Promise<string> {
  return new SignJWT({ client_id: clientId, account: accountId, permissions, epoch })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid: keys.current.kid })
    .setIssuer(issuer)
    .setSubject(userId)
    .setAudience(audience)
    .setJti(randomUUID())
    .setIssuedAt(Math.floor(now.getTime() / 1000))
    .setExpirationTime(Math.floor(expiresAt.getTime() / 1000))
    .sign(keys.current.privateKey);
}
