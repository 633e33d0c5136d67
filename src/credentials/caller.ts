import type { AccountId, ApiKeyId, IdentityId, SessionId, UserId } from '../ids/ids.ts';
import type { LogSecurityEvent } from '../telemetry/security-events.ts';

/** The client of a request, as far as it can be recognised. */
export interface Client {
  /** An IPv4 address, or the first 64 bits of an IPv6 address. */
  readonly network: string;
  /** The `User-Agent` header, which may be empty or contain anything. */
  readonly userAgent: string;
}

/** When and from where a request comes, and a function that logs its security events. */
export interface RequestContext {
  readonly now: Date;
  readonly client: Client;
  readonly logSecurityEvent: LogSecurityEvent;
}

/** An API key as the client sent it: the ids that it contains, and the hash of its secret. */
export type ApiKey =
  | { readonly kind: 'account'; readonly id: ApiKeyId; readonly hash: string; readonly accountId: AccountId }
  | { readonly kind: 'platform'; readonly id: ApiKeyId; readonly hash: string };

/** How a caller authenticated. Exactly one of the three is not null. */
export interface Credential {
  /** A session of this service. */
  readonly sessionId: SessionId | null;
  /** A login at an identity provider. */
  readonly identityId: IdentityId | null;
  /** An API key. */
  readonly apiKey: ApiKey | null;
}

/** Who makes a request. It contains no permissions: they are read during the request. */
export interface Caller extends RequestContext, Credential {
  /** The user; for an account key, the user who created it; for a platform key, the platform. */
  readonly userId: UserId;
}
