// Tables of an account. `account_id` comes first in every key.

import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  check,
  foreignKey,
  index,
  integer,
  type PgTableExtraConfigValue,
  pgTable,
  primaryKey,
  text,
  unique,
  uniqueIndex,
} from 'drizzle-orm/pg-core';
import { access, allOrChosen, id, isOneOf, time } from './columns.ts';
import { deliveryEventNames, deliveryEventsOf } from './enums.ts';
import { users } from './users.ts';

export const accounts = pgTable(
  'accounts',
  {
    id: id('acc', 'id').primaryKey(),
    name: text('name').notNull(),
    ownerId: id('usr', 'owner_id').notNull(),
    inviteLifetimeDays: integer('invite_lifetime_days').notNull(),
    acceptFromAnyAddress: boolean('accept_from_any_address').notNull(),
    /** The language of its mails unless the invite names one: a language tag (RFC 5646). */
    locale: text('locale'),
    /** Days before the expiry of a pending invite at which its invitee is reminded; null: never. */
    remindDaysBefore: integer('remind_days_before'),
    /**
     * Increases with every change of who may do what in the account, so that clients can tell that
     * cached answers are stale.
     */
    epoch: bigint('epoch', { mode: 'number' }).notNull().default(0),
    createdAt: time('created_at').notNull(),
  },
  (t): PgTableExtraConfigValue[] => [
    // The owner is a member of this account: an account can't be without one, and the owner's
    // membership can't be deleted.
    foreignKey({
      name: 'accounts_owner_is_a_member',
      columns: [t.id, t.ownerId],
      foreignColumns: [memberships.accountId, memberships.userId],
    }),
  ],
);

export const memberships = pgTable(
  'memberships',
  {
    accountId: id('acc', 'account_id')
      .notNull()
      .references(() => accounts.id),
    userId: id('usr', 'user_id')
      .notNull()
      .references(() => users.id),
    id: id('mem', 'id').notNull(),
    ...access(),
    invitedBy: id('usr', 'invited_by').references(() => users.id),
    createdAt: time('created_at').notNull(),
    suspendedAt: time('suspended_at'),
  },
  (t): PgTableExtraConfigValue[] => [
    primaryKey({ columns: [t.accountId, t.userId] }),
    unique('memberships_id').on(t.accountId, t.id),
    index('memberships_user').on(t.userId),
    index('memberships_roles').using('gin', t.roles).where(sql`cardinality(roles) > 0`),
    allOrChosen('memberships_all_or_chosen'),
  ],
);

export const invites = pgTable(
  'invites',
  {
    accountId: id('acc', 'account_id')
      .notNull()
      .references(() => accounts.id),
    id: id('inv', 'id').notNull(),
    email: text('email').notNull(),
    ...access(),
    /**
     * Whether the invitee becomes the owner, in place of the platform that created the account for
     * them.
     */
    ownership: boolean('ownership').notNull().default(false),
    /**
     * A `pending` invite is expired once `expires_at` has passed, even if this does not say so yet.
     */
    status: text('status', { enum: ['pending', 'accepted', 'declined', 'revoked', 'expired'] }).notNull(),
    message: text('message'),
    /** The language of its mails: a language tag (RFC 5646); null: the account's. */
    locale: text('locale'),
    /**
     * The user who is accountable for it: who created it, last changed its access, or last resent
     * it.
     */
    invitedBy: id('usr', 'invited_by')
      .notNull()
      .references(() => users.id),
    /** The account or platform key with which `invitedBy` acted; null for a person. */
    invitedByKey: id('key', 'invited_by_key'),
    createdAt: time('created_at').notNull(),
    /** How long the link of each sending is valid. */
    lifetimeDays: integer('lifetime_days').notNull(),
    expiresAt: time('expires_at').notNull(),
    /** How many times sending was requested. Only the link of the last sending is valid. */
    sendings: integer('sendings').notNull(),
    lastSentAt: time('last_sent_at'),
    /** The delivery status of the mail of the last sending, since when, and why. */
    deliveryEvent: text('delivery_event', { enum: deliveryEventNames }).notNull().default('queued'),
    deliveryAt: time('delivery_at'),
    deliveryReason: text('delivery_reason'),
    /** How many attempts were made to send that mail. */
    deliveryAttempts: integer('delivery_attempts').notNull().default(0),
    lastAttemptAt: time('last_attempt_at'),
    lastAttemptReason: text('last_attempt_reason'),
    decidedAt: time('decided_at'),
  },
  (t) => [
    primaryKey({ columns: [t.accountId, t.id] }),
    uniqueIndex('invites_one_pending').on(t.accountId, t.email).where(sql`status = 'pending'`),
    index('invites_status').on(t.accountId, t.status, t.id),
    index('invites_pending_until').on(t.accountId, t.expiresAt).where(sql`status = 'pending'`),
    index('invites_inviter').on(t.accountId, t.invitedBy).where(sql`status = 'pending'`),
    index('invites_by_key')
      .on(t.invitedByKey, t.accountId, t.id)
      .where(sql`status = 'pending' and invited_by_key is not null`),
    index('invites_email').on(t.email, t.id),
    // One index for each delivery outcome, so that invites with one outcome are found quickly.
    index('invites_waiting').on(t.accountId, t.id).where(isOneOf('delivery_event', deliveryEventsOf.waiting)),
    index('invites_delivered').on(t.accountId, t.id).where(isOneOf('delivery_event', deliveryEventsOf.delivered)),
    index('invites_undelivered').on(t.accountId, t.id).where(isOneOf('delivery_event', deliveryEventsOf.failed)),
    check('invites_status_known', sql`status in ('pending', 'accepted', 'declined', 'revoked', 'expired')`),
    check('invites_delivery_event_known', isOneOf('delivery_event', deliveryEventNames)),
    allOrChosen('invites_all_or_chosen'),
  ],
);

/** What happened to each mail of an invite, in order. A mail service may report an event twice. */
export const deliveryEvents = pgTable(
  'delivery_events',
  {
    accountId: id('acc', 'account_id').notNull(),
    inviteId: id('inv', 'invite_id').notNull(),
    id: id('evt', 'id').notNull(),
    /** The mail: a row of the outbox. */
    deliveryId: id('dlv', 'delivery_id').notNull(),
    /**
     * The reporter and its name for the event, which is the same if the event is reported again.
     */
    source: text('source').notNull(),
    /** Which sending of the invite. */
    sending: integer('sending').notNull(),
    mail: text('mail', { enum: ['invite', 'reminder'] }).notNull(),
    /** The attempt to send the mail, if the event is about one. */
    attempt: integer('attempt'),
    event: text('event', { enum: deliveryEventNames }).notNull(),
    reason: text('reason'),
    occurredAt: time('occurred_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.accountId, t.inviteId, t.deliveryId, t.source] }),
    unique('delivery_events_order').on(t.accountId, t.inviteId, t.occurredAt, t.id),
    foreignKey({
      name: 'delivery_events_of_an_invite',
      columns: [t.accountId, t.inviteId],
      foreignColumns: [invites.accountId, invites.id],
    }),
    check('delivery_events_mail_known', sql`mail in ('invite', 'reminder')`),
    check('delivery_events_event_known', isOneOf('event', deliveryEventNames)),
  ],
);

/**
 * Addresses to which an account sends no mail, because one bounced, was dropped or was reported as
 * spam, until an inviter confirms the address.
 */
export const undeliverableAddresses = pgTable(
  'undeliverable_addresses',
  {
    accountId: id('acc', 'account_id').notNull(),
    email: text('email').notNull(),
    /** The invite whose mail was not delivered. */
    inviteId: id('inv', 'invite_id').notNull(),
    event: text('event', { enum: deliveryEventNames }).notNull(),
    reason: text('reason'),
    occurredAt: time('occurred_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.accountId, t.email] }),
    foreignKey({
      name: 'undeliverable_addresses_of_an_invite',
      columns: [t.accountId, t.inviteId],
      foreignColumns: [invites.accountId, invites.id],
    }),
    check('undeliverable_addresses_event_known', isOneOf('event', deliveryEventNames)),
  ],
);

/** Reports by invitees that they do not know the sender of an invite. */
export const abuseReports = pgTable(
  'abuse_reports',
  {
    accountId: id('acc', 'account_id').notNull(),
    inviteId: id('inv', 'invite_id').notNull(),
    /** The inviter when it was reported. */
    invitedBy: id('usr', 'invited_by')
      .notNull()
      .references(() => users.id),
    createdAt: time('created_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.accountId, t.inviteId] }),
    index('abuse_reports_created').on(t.createdAt),
    foreignKey({
      name: 'abuse_reports_of_an_invite',
      columns: [t.accountId, t.inviteId],
      foreignColumns: [invites.accountId, invites.id],
    }),
  ],
);

/** Addresses that opted out of invites from an account. */
export const optOuts = pgTable(
  'opt_outs',
  {
    accountId: id('acc', 'account_id')
      .notNull()
      .references(() => accounts.id),
    email: text('email').notNull(),
    createdAt: time('created_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.accountId, t.email] }), index('opt_outs_email').on(t.email)],
);

/**
 * The pending ownership offer of an account. It is deleted with the membership of the member it was
 * made to.
 */
export const ownershipTransfers = pgTable(
  'ownership_transfers',
  {
    accountId: id('acc', 'account_id').primaryKey(),
    userId: id('usr', 'user_id').notNull(),
    createdAt: time('created_at').notNull(),
  },
  (t) => [
    foreignKey({
      name: 'ownership_transfers_to_a_member',
      columns: [t.accountId, t.userId],
      foreignColumns: [memberships.accountId, memberships.userId],
    }).onDelete('cascade'),
  ],
);
