import { decodeJwt, type JWTPayload, jwtVerify } from 'jose';
import { Problem } from '../problems/problem.ts';
import { displayName, trimmed } from '../text/display-text.ts';
import { canonicalEmail } from '../text/email-address.ts';
import { oneLine } from '../text/one-line.ts';
import type { IdentityProvider } from './identity-provider.ts';
import { type FindKey, providerKeys } from './provider-keys.ts';

/** The user in an identity provider's token. */
export interface ExternalIdentity {
  issuer: string;
  /** Identifies the user within the issuer. Stable and never reassigned. */
  subject: string;
  /** Canonical. Undefined unless the provider has verified it. */
  email: string | undefined;
  name: string | undefined;
}

export interface ExternalTokens {
  /**
   * Verifies an access token (RFC 9068, RFC 8725).
   * @returns its user; undefined if it is not valid.
   * @throws unavailable if the provider's keys cannot be fetched.
   */
  verify(token: string, now: Date): Promise<ExternalIdentity | undefined>;
}

/** Characters. */
const maxTokenLength = 16 * 1024;
/** Seconds by which the provider's clock may differ. */
const clockTolerance = 60;

/**
 * Verifies the access tokens of the configured identity providers. Nothing is fetched for any other
 * issuer. Keys and key URLs in a token's header (`jwk`, `x5c`, `jku`, `x5u`) are ignored.
 */
export function externalTokens(providers: readonly IdentityProvider[]): ExternalTokens {
  const byIssuer = new Map(providers.map((it) => [it.issuer, { provider: it, findKey: providerKeys(it) }]));
  return {
    async verify(token, now) {
      if (token.length > maxTokenLength) return undefined;
      try {
        const match = byIssuer.get(decodeJwt(token).iss ?? '');
        return match && identityIn(await verifiedClaims(token, match, now), match.provider, now);
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
    clockTolerance,
    currentDate: now,
  });
  return payload;
}

function identityIn(claims: JWTPayload, provider: IdentityProvider, now: Date): ExternalIdentity | undefined {
  const { sub, iat = Number.POSITIVE_INFINITY, acr, cnf } = claims;
  if (!isSubject(sub) || iat > now.getTime() / 1000 + clockTolerance) return undefined;
  if (provider.acr && !provider.acr.some((it) => it === acr)) return undefined;
  // The token is bound to a key of its client (RFC 8705, RFC 9449), and a bearer has not proved
  // that it has the key.
  if (cnf !== undefined) return undefined;
  return {
    issuer: provider.issuer,
    subject: sub,
    email: isTrue(claims[provider.emailVerifiedClaim]) ? emailIn(claims[provider.emailClaim]) : undefined,
    name: nameIn(claims[provider.nameClaim]),
  };
}

/**
 * 1 to 255 characters (OpenID Connect Core 1.0, section 2), without control characters and
 * surrogates.
 */
const isSubject = (sub: unknown): sub is string => typeof sub === 'string' && /^[^\p{Cc}\p{Cs}]{1,255}$/u.test(sub);

/** Some providers send booleans as strings. */
const isTrue = (claim: unknown) => claim === true || claim === 'true';

const emailIn = (claim: unknown) => (typeof claim === 'string' ? canonicalEmail(claim) : undefined);

function nameIn(claim: unknown): string | undefined {
  if (typeof claim !== 'string') return undefined;
  return displayName([...trimmed(oneLine(claim))].slice(0, 100).join(''));
}
