import type { AccountId, IdentityId, KeyId, SessionId, UserId } from '../ids/ids.ts';
import type { Audit } from '../telemetry/security-events.ts';

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
