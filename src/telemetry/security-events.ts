import type { AccountId, ApiKeyId, IdentityId, InviteId, RoleId, SessionId, UserId } from '../ids/ids.ts';

/**
 * Security events, each a line of the audit log. The names come from the OWASP Application Logging
 * Vocabulary where it has one. The others follow its pattern.
 */
export type SecurityEvent =
  | 'authn_login_success'
  | 'authn_login_fail'
  | 'authn_token_invalid'
  | 'authn_token_reuse'
  | 'authn_token_revoked'
  | 'authn_password_change'
  | 'authn_password_reset_requested'
  | 'authz_fail'
  | 'account_created'
  | 'catalogue_changed'
  | 'key_created'
  | 'key_revoked'
  | 'role_changed'
  | 'excess_rate_limit_exceeded'
  | 'input_validation_fail'
  | 'invite_reported'
  | 'session_renewed'
  | 'user_created'
  | 'user_updated'
  | 'user_disabled'
  | 'user_enabled';

/**
 * The details of a security event, in addition to the event, the time, the request and the network.
 * They contain no secrets and no addresses in clear.
 */
export interface SecurityEventDetails {
  userId?: UserId | undefined;
  sessionId?: SessionId | undefined;
  identityId?: IdentityId | undefined;
  /** The API key that was used, created or revoked. */
  keyId?: ApiKeyId | undefined;
  /** A pseudonym of the e-mail address in the request: always the same for one address. */
  address?: string | undefined;
  /** How the user was authenticated, or what caused the change. */
  by?:
    | 'password'
    | 'invite'
    | 'verify-email'
    | 'password-reset'
    | 'refresh'
    | 'refresh-retry'
    | 'logout'
    | 'identity'
    | 'operator';
  /** What changed of the user. */
  changed?: 'email' | 'external-id' | 'identity' | 'password';
  /** The number of sessions ended. */
  sessions?: number;
  /** The number of invites revoked. */
  invites?: number;
  /** The problem code of a refusal. */
  code?: string;
  /** The reported invite, its account and its inviter. */
  inviteId?: InviteId;
  accountId?: AccountId;
  inviterId?: UserId;
  /** The role that was created, changed or deleted. */
  roleId?: RoleId;
  /** The exceeded limit. */
  limit?: string | undefined;
  /** The missing permission. */
  permission?: string | undefined;
}

/**
 * What the audit log records of a refusal. `event` replaces the event that belongs to the problem
 * code.
 */
export interface RefusalDetails extends SecurityEventDetails {
  event?: SecurityEvent;
}

/** Writes one line to the audit log. Never throws. */
export type LogSecurityEvent = (event: SecurityEvent, details?: SecurityEventDetails) => void;
