import type { AccountId, ApiKeyId, IdentityId, SessionId, UserId } from '../ids/ids.ts';
import type { LogSecurityEvent } from '../telemetry/security-events.ts';

/** From where a request comes, as far as it can be told. */
export interface Client {
  /** An IPv4 address, or the first 64 bits of an IPv6 one. */
  readonly network: string;
  /** What the client calls itself; it may say anything, or nothing. */
  readonly userAgent: string;
}

/** The circumstances of a request: when and from where, and the line to the audit log. */
export interface RequestContext {
  readonly now: Date;
  readonly client: Client;
  readonly logSecurityEvent: LogSecurityEvent;
}

/** A key for machines as it was shown: whose it says it is, and the hash of it. */
export type ApiKey =
  | { readonly kind: 'account'; readonly id: ApiKeyId; readonly hash: string; readonly accountId: AccountId }
  | { readonly kind: 'platform'; readonly id: ApiKeyId; readonly hash: string };

/** How a caller proved who they are: one of the three. */
export interface Credential {
  /** A session of ours. */
  readonly sessionId: SessionId | null;
  /** A login at an identity provider. */
  readonly identityId: IdentityId | null;
  /** A key for machines. */
  readonly apiKey: ApiKey | null;
}

/** Who makes a request, and when. What they may do is not known from this: it is read inside the request. */
export interface Caller extends RequestContext, Credential {
  /** The person; with an account's key its maker, with a platform's key the platform itself. */
  readonly userId: UserId;
}
