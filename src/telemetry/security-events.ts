import type { AccountId, ApiKeyId, IdentityId, InviteId, RoleId, SessionId, UserId } from '../ids/ids.ts';

/**
 * Events of security interest, each a line in the log. Where the OWASP Application Logging Vocabulary has a name for one, it
 * is used; the others follow its form.
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

/** What a line says beside the event, the time, the request and the network. No secret, and no address in clear. */
export interface SecurityEventDetails {
  userId?: UserId | undefined;
  sessionId?: SessionId | undefined;
  identityId?: IdentityId | undefined;
  /** The key that was used, made or revoked. */
  keyId?: ApiKeyId | undefined;
  /** A pseudonym of an address that was named: the same for the same address, and telling nobody which. */
  address?: string | undefined;
  /** How someone proved who they are, or what was changed by it. */
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
  /** Which of a user's details changed. */
  changed?: 'email' | 'external-id' | 'identity' | 'password';
  /** How many sessions ended. */
  sessions?: number;
  /** How many invites were revoked. */
  invites?: number;
  /** Why it was refused: a problem code. */
  code?: string;
  /** The invite that was reported, its account, and who vouches for it. */
  inviteId?: InviteId;
  accountId?: AccountId;
  inviterId?: UserId;
  /** The role that was made, changed or deleted. */
  roleId?: RoleId;
  /** Which limit was reached. */
  limit?: string | undefined;
  /** The permission that was missing. */
  permission?: string | undefined;
}

/** What a refusal tells the audit log: which event it is, where its problem code does not say that already, and its details. */
export interface RefusalDetails extends SecurityEventDetails {
  event?: SecurityEvent;
}

/** Writes one line to the audit log. It never throws. */
export type LogSecurityEvent = (event: SecurityEvent, details?: SecurityEventDetails) => void;
