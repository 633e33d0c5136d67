import type { Audit } from './audit.ts';
import type { Config } from './config.ts';
import type { Db } from './database/database.ts';
import type { Outages } from './database/outages.ts';
import type { AccountId, IdentityId, KeyId, SessionId, UserId } from './ids.ts';
import type { Limiter } from './limits/limits.ts';
import type { Metrics } from './metrics/metrics.ts';
import type { AccessTokens } from './tokens/access-token.ts';
import type { DerivedKeys } from './tokens/derived-keys.ts';
import type { ExternalTokens } from './tokens/external-token.ts';
import type { SigningKeys } from './tokens/keys.ts';
import type { Passwords } from './users/passwords/hashing.ts';

/** What the features of the service are given. Nothing else is global. */
export interface Service {
  readonly config: Config;
  readonly db: Db;
  readonly outages: Outages;
  readonly keys: SigningKeys;
  readonly derivedKeys: DerivedKeys;
  readonly passwords: Passwords;
  readonly accessTokens: AccessTokens;
  readonly externalTokens: ExternalTokens;
  readonly limiter: Limiter;
  readonly metrics: Metrics;
  /** The one clock. It is read once for each request, and passed down as `now`. */
  readonly clock: () => Date;
}

/** From where a request comes, as far as it can be told. */
export interface Client {
  /** An IPv4 address, or the first 64 bits of an IPv6 one. */
  readonly network: string;
  /** What the client calls itself; it may say anything, or nothing. */
  readonly userAgent: string;
}

/** The circumstances of a request: when and from where, and the line to the audit log. */
export interface Visit {
  readonly now: Date;
  readonly client: Client;
  readonly audit: Audit;
}

/** A key for machines as it was shown: whose it says it is, and the hash of it. */
export type Key =
  | { readonly kind: 'account'; readonly id: KeyId; readonly hash: string; readonly accountId: AccountId }
  | { readonly kind: 'platform'; readonly id: KeyId; readonly hash: string };

/** How a caller proved who they are: one of the three. */
export interface Credential {
  /** A session of ours. */
  readonly sessionId: SessionId | null;
  /** A login at an identity provider. */
  readonly identityId: IdentityId | null;
  /** A key for machines. */
  readonly key: Key | null;
}

/** Who makes a request, and when. What they may do is not known from this: it is read inside the request. */
export interface Caller extends Visit, Credential {
  /** The person; with an account's key its maker, with a platform's key the platform itself. */
  readonly userId: UserId;
}
