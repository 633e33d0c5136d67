import { errors, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { type Id, type IdPrefix, idPattern } from '../ids/ids.ts';
import type { SigningKeys } from './keys.ts';

/**
 * A kind of link in a mail. Each has its own token type and audience, so that they are not
 * interchangeable.
 */
export type LinkKind = 'invite' | 'verify-email' | 'password-reset' | 'email-change' | 'opt-out' | 'report';

export interface LinkTokens {
  keys: SigningKeys;
  issuer: string;
}

const typFor = (kind: LinkKind) => `${kind}+jwt`;
const audienceFor = (issuer: string, kind: LinkKind) => `${issuer}/${kind}`;

/** Signs a link token (compact JWS, EdDSA) with `claims` and the standard claims. */
export function signLinkToken(
  { keys, issuer }: LinkTokens,
  kind: LinkKind,
  claims: JWTPayload,
  times: { now: Date; expiresAt: Date },
): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'EdDSA', typ: typFor(kind), kid: keys.current.kid })
    .setIssuer(issuer)
    .setAudience(audienceFor(issuer, kind))
    .setIssuedAt(Math.floor(times.now.getTime() / 1000))
    .setExpirationTime(Math.ceil(times.expiresAt.getTime() / 1000))
    .sign(keys.current.privateKey);
}

/**
 * Verifies a link token: algorithm, type, issuer, audience, key id and signature.
 * @returns the claims, and whether it has expired; undefined if it is not valid for another reason.
 */
export async function verifyLinkToken(
  { keys, issuer }: LinkTokens,
  kind: LinkKind,
  token: string,
  now: Date,
): Promise<{ claims: JWTPayload; isExpired: boolean } | undefined> {
  try {
    const { payload } = await jwtVerify(token, ({ kid }) => findPublicKey(keys, kid), {
      algorithms: ['EdDSA'],
      typ: typFor(kind),
      issuer,
      audience: audienceFor(issuer, kind),
      requiredClaims: ['iss', 'aud', 'exp', 'iat'],
      currentDate: now,
    });
    return { claims: payload, isExpired: false };
  } catch (error) {
    // jose checks the expiry last, after the signature and all other claims.
    if (error instanceof errors.JWTExpired && error.claim === 'exp' && error.reason === 'check_failed') {
      return { claims: error.payload, isExpired: true };
    }
    return undefined;
  }
}

/**
 * Verifies a link token that contains one id.
 * @param claim and `prefix`: the name of the claim, and the type of the id.
 * @returns the id; undefined if the token is not valid or has expired.
 */
export async function verifyLinkTo<P extends IdPrefix>(
  tokens: LinkTokens,
  kind: LinkKind,
  [claim, prefix]: [claim: string, prefix: P],
  token: string,
  now: Date,
): Promise<Id<P> | undefined> {
  const verified = await verifyLinkToken(tokens, kind, token, now);
  const id = verified?.claims[claim];
  if (!verified || verified.isExpired || typeof id !== 'string') return undefined;
  return new RegExp(idPattern(prefix)).test(id) ? (id as Id<P>) : undefined;
}

function findPublicKey(keys: SigningKeys, kid: string | undefined) {
  const key = kid === undefined ? undefined : keys.byKid.get(kid);
  if (!key) throw new errors.JWKSNoMatchingKey();
  return key.publicKey;
}
