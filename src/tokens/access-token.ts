import fastifyJwt from '@fastify/jwt';
import type { FastifyInstance } from 'fastify';
import { idPattern, type SessionId, type UserId } from '../ids/ids.ts';
import type { SigningKey, SigningKeys } from './keys.ts';

/** Seconds. */
export const accessTokenLifetime = 600;

export interface AccessTokens {
  /**
   * Signs a JWT (RFC 9068, `typ` at+jwt) with the ids of a user and a session, and no permissions.
   * Valid for `accessTokenLifetime`.
   */
  sign(userId: UserId, sessionId: SessionId, now: Date): string;
  /**
   * The ids in a token; undefined if it is not valid. Does not check whether the session is active.
   */
  verify(token: string, now: Date): { userId: UserId; sessionId: SessionId } | undefined;
}

interface Claims {
  sub: string;
  sid: string;
  iat: number;
  exp: number;
}

/**
 * Signs and verifies access tokens with @fastify/jwt (docs/decisions/jwt-libraries.md). There is
 * one instance for each key id, because a verifier with a fixed key is synchronous and caches the
 * tokens that it has verified.
 */
export async function accessTokens(app: FastifyInstance, keys: SigningKeys, issuer: string): Promise<AccessTokens> {
  for (const key of keys.byKid.values()) await app.register(fastifyJwt, jwtOptions(key, issuer));
  const jwt = app.jwt as unknown as Record<string, typeof app.jwt>;
  return {
    sign: (sub, sid, now) =>
      (jwt[namespaceFor(keys.current.kid)] as typeof app.jwt).sign({ sub, sid, iat: Math.floor(now.getTime() / 1000) }),
    verify: (token, now) => {
      const kid = keyIdIn(token);
      if (kid === undefined || !keys.byKid.has(kid)) return undefined;
      try {
        return idsIn((jwt[namespaceFor(kid)] as typeof app.jwt).verify<Claims>(token), now);
      } catch {
        return undefined;
      }
    },
  };
}

function jwtOptions({ kid, privateKey, publicKey }: SigningKey, iss: string) {
  const aud = audienceFor(iss);
  return {
    namespace: namespaceFor(kid),
    secret: {
      private: privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
      public: publicKey.export({ format: 'pem', type: 'spki' }) as string,
    },
    sign: {
      algorithm: 'EdDSA' as const,
      kid,
      iss,
      aud,
      expiresIn: accessTokenLifetime,
      header: { alg: 'EdDSA' as const, typ: 'at+jwt' },
    },
    verify: {
      algorithms: ['EdDSA' as const],
      checkTyp: 'at+jwt',
      allowedIss: iss,
      allowedAud: aud,
      requiredClaims: ['iss', 'aud', 'sub', 'sid', 'iat', 'exp'],
      cache: 10_000,
    },
  };
}

const audienceFor = (issuer: string) => `${issuer}/v1`;
const namespaceFor = (kid: string) => `key ${kid}`;

/** The key id in a token's header, not yet verified; undefined if there is none. */
function keyIdIn(token: string): string | undefined {
  try {
    const header = JSON.parse(Buffer.from(token.slice(0, token.indexOf('.')), 'base64url').toString());
    return typeof header?.kid === 'string' ? header.kid : undefined;
  } catch {
    return undefined;
  }
}

const userIds = new RegExp(idPattern('usr'));
const sessionIds = new RegExp(idPattern('ses'));

function idsIn({ sub, sid, exp }: Claims, now: Date) {
  if (!userIds.test(sub) || !sessionIds.test(sid) || exp * 1000 <= now.getTime()) return undefined;
  return { userId: sub as UserId, sessionId: sid as SessionId };
}
