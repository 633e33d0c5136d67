// Owned by an account: `account_id` comes first in every key.

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
import { users } from './users.ts';
import { deliveryEventNames, deliveryEventsOf } from './words.ts';

export const accounts = pgTable(
  'accounts',
  {
    id: id('acc', 'id').primaryKey(),
    name: text('name').notNull(),
    ownerId: id('usr', 'owner_id').notNull(),
    inviteLifetimeDays: integer('invite_lifetime_days').notNull(),
    acceptFromAnyAddress: boolean('accept_from_any_address').notNull(),
    /** The language of its mails, where the invite names none: a language tag (RFC 5646). */
    locale: text('locale'),
    /** Days before its end at which a pending invite is reminded of; none where it is not. */
    remindDaysBefore: integer('remind_days_before'),
    /** Moves with every change of who may do what here, so that others learn that what they know is old. */
    epoch: bigint('epoch', { mode: 'number' }).notNull().default(0),
    createdAt: time('created_at').notNull(),
  },
  (t): PgTableExtraConfigValue[] => [
    // The owner is a membership of this very account: no account without one, no deleting the owner's membership.
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
    /** Whether whoever accepts becomes the owner, of an account that the platform keeps for them. */
    ownership: boolean('ownership').notNull().default(false),
    /** As decided so far. A pending invite whose time has passed is expired, whatever is written here. */
    status: text('status', { enum: ['pending', 'accepted', 'declined', 'revoked', 'expired'] }).notNull(),
    message: text('message'),
    /** The language of its mails: a language tag (RFC 5646); the account's where it is none. */
    locale: text('locale'),
    /** Who vouches for what it gives: whoever made it, or last changed its access or sent it again. */
    invitedBy: id('usr', 'invited_by')
      .notNull()
      .references(() => users.id),
    /** The account or platform key with which `invitedBy` acted; null for a person. */
    invitedByKey: id('key', 'invited_by_key'),
    createdAt: time('created_at').notNull(),
    /** How long each sending of it lasts. */
    lifetimeDays: integer('lifetime_days').notNull(),
    expiresAt: time('expires_at').notNull(),
    /** How many times it was asked to be sent; the link of the last sending is the live one. */
    sendings: integer('sendings').notNull(),
    lastSentAt: time('last_sent_at'),
    /** What became of the mail of the last sending, as far as it is known, since when and why. */
    deliveryEvent: text('delivery_event', { enum: deliveryEventNames }).notNull().default('queued'),
    deliveryAt: time('delivery_at'),
    deliveryReason: text('delivery_reason'),
    /** How many times that mail was tried to be sent. */
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
    // One for each outcome of a delivery, so that those of one are found among any number of others.
    index('invites_waiting').on(t.accountId, t.id).where(isOneOf('delivery_event', deliveryEventsOf.waiting)),
    index('invites_delivered').on(t.accountId, t.id).where(isOneOf('delivery_event', deliveryEventsOf.delivered)),
    index('invites_undelivered').on(t.accountId, t.id).where(isOneOf('delivery_event', deliveryEventsOf.failed)),
    check('invites_status_known', sql`status in ('pending', 'accepted', 'declined', 'revoked', 'expired')`),
    check('invites_delivery_event_known', isOneOf('delivery_event', deliveryEventNames)),
    allOrChosen('invites_all_or_chosen'),
  ],
);

/** What became of each mail of an invite, in the order in which it happened. A mail service may tell one thing twice. */
export const deliveryEvents = pgTable(
  'delivery_events',
  {
    accountId: id('acc', 'account_id').notNull(),
    inviteId: id('inv', 'invite_id').notNull(),
    id: id('evt', 'id').notNull(),
    /** The mail: a row of the outbox. */
    deliveryId: id('dlv', 'delivery_id').notNull(),
    /** Who said it and what they call it: the same for the same thing told again. */
    source: text('source').notNull(),
    /** Which sending of the invite. */
    sending: integer('sending').notNull(),
    mail: text('mail', { enum: ['invite', 'reminder'] }).notNull(),
    /** Which try to send the mail, where it is about one. */
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

/** Addresses that an account sends no more to, since a mail bounced, was dropped or reported, until an inviter confirms one. */
export const undeliverableAddresses = pgTable(
  'undeliverable_addresses',
  {
    accountId: id('acc', 'account_id').notNull(),
    email: text('email').notNull(),
    /** The invite whose mail it was. */
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

/** Invites whose recipients said that they do not know the sender. */
export const abuseReports = pgTable(
  'abuse_reports',
  {
    accountId: id('acc', 'account_id').notNull(),
    inviteId: id('inv', 'invite_id').notNull(),
    /** Who vouched for the invite when it was reported. */
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

/** Addresses whose people asked not to be invited to an account again. */
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

/** The one offer of an account's ownership that stands. It ends with the membership of the one it was made to. */
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
