// Tables of users, who are independent of accounts, and of their credentials.

import { sql } from 'drizzle-orm';
import { index, integer, pgTable, text, unique } from 'drizzle-orm/pg-core';
import { id, time } from './columns.ts';

/**
 * A person with a login. The address is canonical and verified: a user is created only after
 * proving the mailbox.
 */
export const users = pgTable('users', {
  id: id('usr', 'id').primaryKey(),
  email: text('email').notNull().unique(),
  name: text('name').notNull(),
  /** Null for a user who logs in at an identity provider, or has not chosen a password yet. */
  passwordHash: text('password_hash'),
  /** The language of mails to the user: a language tag (RFC 5646). */
  locale: text('locale'),
  /** The user's id in the operator's own systems. */
  externalId: text('external_id').unique(),
  createdAt: time('created_at').notNull(),
  /** When an operator disabled the user: no session or identity of theirs is accepted. */
  disabledAt: time('disabled_at'),
});

/**
 * A login at an identity provider (OpenID Connect): an issuer and subject, which always name the
 * same user.
 */
export const identities = pgTable(
  'identities',
  {
    id: id('idn', 'id').primaryKey(),
    userId: id('usr', 'user_id')
      .notNull()
      .references(() => users.id),
    issuer: text('issuer').notNull(),
    subject: text('subject').notNull(),
    createdAt: time('created_at').notNull(),
  },
  (t) => [unique('identities_issuer_subject').on(t.issuer, t.subject), index('identities_user').on(t.userId)],
);

/**
 * A registration whose address is not verified yet. The name and the password are not stored: they
 * come with the link token. An address may have several registrations; verifying one deletes them
 * all.
 */
export const registrations = pgTable(
  'registrations',
  {
    id: id('reg', 'id').primaryKey(),
    email: text('email').notNull(),
    /** The language of the mail, and of later mails to the user. */
    locale: text('locale'),
    createdAt: time('created_at').notNull(),
    expiresAt: time('expires_at').notNull(),
  },
  (t) => [index('registrations_email').on(t.email), index('registrations_expires_at').on(t.expiresAt)],
);

/**
 * A request to choose a new password. Stored for every address, with or without a user, so that
 * timing does not tell which.
 */
export const passwordResets = pgTable(
  'password_resets',
  {
    id: id('rst', 'id').primaryKey(),
    email: text('email').notNull(),
    createdAt: time('created_at').notNull(),
    expiresAt: time('expires_at').notNull(),
  },
  (t) => [index('password_resets_email').on(t.email), index('password_resets_expires_at').on(t.expiresAt)],
);

/**
 * A requested change of a user's address. It is kept after confirmation, because the mail to the
 * old address is written from it.
 */
export const emailChanges = pgTable(
  'email_changes',
  {
    id: id('emc', 'id').primaryKey(),
    userId: id('usr', 'user_id')
      .notNull()
      .references(() => users.id),
    /**
     * The session that requested it, which remains when the others end; null if an identity did.
     */
    sessionId: id('ses', 'session_id'),
    oldEmail: text('old_email').notNull(),
    email: text('email').notNull(),
    createdAt: time('created_at').notNull(),
    expiresAt: time('expires_at').notNull(),
    confirmedAt: time('confirmed_at'),
  },
  (t) => [
    index('email_changes_user').on(t.userId),
    index('email_changes_expires_at').on(t.expiresAt).where(sql`confirmed_at is null`),
  ],
);

export const sessions = pgTable(
  'sessions',
  {
    id: id('ses', 'id').primaryKey(),
    userId: id('usr', 'user_id')
      .notNull()
      .references(() => users.id),
    createdAt: time('created_at').notNull(),
    /** When it expires if it is not used. Each use extends it, up to a maximum. */
    expiresAt: time('expires_at').notNull(),
    endedAt: time('ended_at'),
    /** The User-Agent of its last use. */
    userAgent: text('user_agent'),
    /** The network of its last use: an IPv4 address, or the first 64 bits of an IPv6 address. */
    network: text('network'),
    /**
     * The network of the login itself, which counts as known to the user. A refresh does not change
     * it.
     */
    loginNetwork: text('login_network'),
    /** When it was last refreshed; null: never. */
    lastUsedAt: time('last_used_at'),
    /** How many times the answer to a refresh was repeated, because it may have been lost. */
    refreshRetries: integer('refresh_retries').notNull().default(0),
  },
  (t) => [index('sessions_user').on(t.userId)],
);

/** The hash of every refresh token of a session. Used ones are kept, to detect their reuse. */
export const refreshTokens = pgTable(
  'refresh_tokens',
  {
    hash: text('hash').primaryKey(),
    sessionId: id('ses', 'session_id')
      .notNull()
      .references(() => sessions.id, { onDelete: 'cascade' }),
    createdAt: time('created_at').notNull(),
    usedAt: time('used_at'),
    /** A hash of the client that used it, including its network. */
    usedBy: text('used_by'),
    /** A hash of the same client without its network; null in rows of older releases. */
    usedByAgent: text('used_by_agent'),
  },
  (t) => [index('refresh_tokens_session').on(t.sessionId)],
);
