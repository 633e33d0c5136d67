// Shared by all accounts: who a person is, and how they prove it.

import { sql } from 'drizzle-orm';
import { index, integer, pgTable, text, unique } from 'drizzle-orm/pg-core';
import { id, time } from './columns.ts';

/** A person with a login. The address is canonical and verified: nobody is here before they proved their mailbox. */
export const users = pgTable('users', {
  id: id('usr', 'id').primaryKey(),
  email: text('email').notNull().unique(),
  name: text('name').notNull(),
  /** None for someone who logs in at an identity provider, or has not chosen a password yet. */
  passwordHash: text('password_hash'),
  /** The language of mails to them: a language tag (RFC 5646). */
  locale: text('locale'),
  /** What the operator's own systems call them. */
  externalId: text('external_id').unique(),
  createdAt: time('created_at').notNull(),
  /** Since when an operator keeps them out: no session and no identity of theirs counts. */
  disabledAt: time('disabled_at'),
});

/** A login at an identity provider (OpenID Connect): its issuer and subject, which name one user for good. */
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
 * A registration whose address is not verified yet. It stores only the address and the language:
 * the name and the password come with the link. One address may have several; verifying one deletes
 * them all.
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

/** Someone asked to choose a new password. Kept for every address, so that asking is the same for all of them. */
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
 * A requested change of a user's address. Kept once it is confirmed, since the mail to the old
 * address is written from it.
 */
export const emailChanges = pgTable(
  'email_changes',
  {
    id: id('emc', 'id').primaryKey(),
    userId: id('usr', 'user_id')
      .notNull()
      .references(() => users.id),
    /** The session that asked, which goes on when the others end; none where an identity did. */
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
    /** When it ends unless it is used: each use puts it off, until its absolute end. */
    expiresAt: time('expires_at').notNull(),
    endedAt: time('ended_at'),
    /** What the client called itself at its last use. */
    userAgent: text('user_agent'),
    /** From where it was last used: an IPv4 address, or the first 64 bits of an IPv6 one. */
    network: text('network'),
    /** From where it was opened, by proving who one is: the network is known from then on, and no refresh moves it. */
    loginNetwork: text('login_network'),
    /** When it was last refreshed; none where it was not yet. */
    lastUsedAt: time('last_used_at'),
    /** How many times the answer to a refresh was repeated because it may have been lost. */
    refreshRetries: integer('refresh_retries').notNull().default(0),
  },
  (t) => [index('sessions_user').on(t.userId)],
);

/** Every refresh token that a session was given, as a hash. A used one stays, so that its second use is noticed. */
export const refreshTokens = pgTable(
  'refresh_tokens',
  {
    hash: text('hash').primaryKey(),
    sessionId: id('ses', 'session_id')
      .notNull()
      .references(() => sessions.id, { onDelete: 'cascade' }),
    createdAt: time('created_at').notNull(),
    usedAt: time('used_at'),
    /** A hash of the client that used it, its network included. */
    usedBy: text('used_by'),
    /** A hash of the same client without its network; null in rows of older releases. */
    usedByAgent: text('used_by_agent'),
  },
  (t) => [index('refresh_tokens_session').on(t.sessionId)],
);
