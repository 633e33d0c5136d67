import { decodeJwt, type JWTPayload, jwtVerify } from 'jose';
import { Problem } from '../problems/problem.ts';
import { displayName, trimmed } from '../text/display-text.ts';
import { canonicalEmail } from '../text/email-address.ts';
import { oneLine } from '../text/one-line.ts';
import type { IdentityProvider } from './identity-provider.ts';
import { type FindKey, providerKeys } from './provider-keys.ts';

/** Whom a token of an identity provider names. */
export interface ExternalIdentity {
  issuer: string;
  /** Stable and never given to someone else, within the issuer. It is what a user is found by. */
  subject: string;
  /** Canonical, and only where the provider says that it is verified. */
  email: string | undefined;
  name: string | undefined;
}

export interface ExternalTokens {
  /**
   * Whom an access token names (RFC 9068, RFC 8725); undefined where anything about it does not verify.
   * @throws Problem('unavailable') where the provider's keys can't be had.
   */
  verify(token: string, now: Date): Promise<ExternalIdentity | undefined>;
}

/** Characters. */
const longestToken = 16 * 1024;
/** Seconds by which the provider's clock may be ahead or behind. */
const leeway = 60;

/**
 * Verifies the access tokens of some identity providers. Nothing is fetched for an issuer that is not among them, and of a
 * header that brings a key (`jwk`, `x5c`) or says where one is (`jku`, `x5u`), neither is used.
 */
export function externalTokens(providers: readonly IdentityProvider[]): ExternalTokens {
  const byIssuer = new Map(providers.map((it) => [it.issuer, { provider: it, findKey: providerKeys(it) }]));
  return {
    async verify(token, now) {
      if (token.length > longestToken) return undefined;
      try {
        const known = byIssuer.get(decodeJwt(token).iss ?? '');
        return known && identityIn(await verifiedClaims(token, known, now), known.provider, now);
      } catch (error) {
        if (error instanceof Problem) throw error;
        return undefined;
      }
    },
  };
}

async function verifiedClaims(
  token: string,
  { provider, findKey }: { provider: IdentityProvider; findKey: FindKey },
  now: Date,
): Promise<JWTPayload> {
  const { issuer, audience, algorithms, typ } = provider;
  const { payload } = await jwtVerify(token, (header) => findKey(header, now), {
    algorithms,
    typ,
    issuer,
    audience,
    requiredClaims: ['iss', 'aud', 'sub', 'iat', 'exp'],
    clockTolerance: leeway,
    currentDate: now,
  });
  return payload;
}

function identityIn(claims: JWTPayload, provider: IdentityProvider, now: Date): ExternalIdentity | undefined {
  const { sub, iat = Number.POSITIVE_INFINITY, acr, cnf } = claims;
  if (!isSubject(sub) || iat > now.getTime() / 1000 + leeway) return undefined;
  if (provider.acr && !provider.acr.some((it) => it === acr)) return undefined;
  // Bound to a key of its client (RFC 8705, RFC 9449), which a bearer has not shown to hold.
  if (cnf !== undefined) return undefined;
  return {
    issuer: provider.issuer,
    subject: sub,
    email: isTrue(claims[provider.emailVerifiedClaim]) ? emailIn(claims[provider.emailClaim]) : undefined,
    name: nameIn(claims[provider.nameClaim]),
  };
}

/** At most 255 characters (OpenID Connect Core 1.0, section 2), of which every database keeps each as it is. */
const isSubject = (sub: unknown): sub is string => typeof sub === 'string' && /^[^\p{Cc}\p{Cs}]{1,255}$/u.test(sub);

/** Some providers send booleans as text. */
const isTrue = (claim: unknown) => claim === true || claim === 'true';

const emailIn = (claim: unknown) => (typeof claim === 'string' ? canonicalEmail(claim) : undefined);

function nameIn(claim: unknown): string | undefined {
  if (typeof claim !== 'string') return undefined;
  return displayName([...trimmed(oneLine(claim))].slice(0, 100).join(''));
}
