import { errors, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { type Id, type IdPrefix, idPattern } from '../ids/ids.ts';
import type { SigningKeys } from './keys.ts';

/** A kind of link in a mail. Each has a token type and an audience of its own, so that none is ever taken for another. */
export type LinkKind = 'invite' | 'verify-email' | 'password-reset' | 'email-change' | 'opt-out' | 'report';

export interface LinkTokens {
  keys: SigningKeys;
  issuer: string;
}

const typeOf = (kind: LinkKind) => `${kind}+jwt`;
const audienceOf = (issuer: string, kind: LinkKind) => `${issuer}/${kind}`;

/** Signs the token of a link (JWS compact, EdDSA): the claims given and the standard ones, nothing else. */
export function signLinkToken(
  { keys, issuer }: LinkTokens,
  kind: LinkKind,
  claims: JWTPayload,
  times: { now: Date; expiresAt: Date },
): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'EdDSA', typ: typeOf(kind), kid: keys.current.kid })
    .setIssuer(issuer)
    .setAudience(audienceOf(issuer, kind))
    .setIssuedAt(Math.floor(times.now.getTime() / 1000))
    .setExpirationTime(Math.ceil(times.expiresAt.getTime() / 1000))
    .sign(keys.current.privateKey);
}

/**
 * Verifies the token of a link: algorithm, type, issuer, audience, key id and signature, each named.
 * @returns its claims and whether its time is over; undefined where anything else does not verify.
 */
export async function verifyLinkToken(
  { keys, issuer }: LinkTokens,
  kind: LinkKind,
  token: string,
  now: Date,
): Promise<{ claims: JWTPayload; isExpired: boolean } | undefined> {
  try {
    const { payload } = await jwtVerify(token, ({ kid }) => publicKeyOf(keys, kid), {
      algorithms: ['EdDSA'],
      typ: typeOf(kind),
      issuer,
      audience: audienceOf(issuer, kind),
      requiredClaims: ['iss', 'aud', 'exp', 'iat'],
      currentDate: now,
    });
    return { claims: payload, isExpired: false };
  } catch (error) {
    // Its expiry is looked at last, after the signature and every other claim.
    if (error instanceof errors.JWTExpired && error.claim === 'exp' && error.reason === 'check_failed') {
      return { claims: error.payload, isExpired: true };
    }
    return undefined;
  }
}

/**
 * The one id that a link names, under one claim; undefined where its token does not verify or its time is over.
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

function publicKeyOf(keys: SigningKeys, kid: string | undefined) {
  const key = kid === undefined ? undefined : keys.byKid.get(kid);
  if (!key) throw new errors.JWKSNoMatchingKey();
  return key.publicKey;
}
