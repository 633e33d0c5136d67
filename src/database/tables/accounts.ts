// Owned by an account: `account_id` comes first in every key.

import { sql } from 'drizzle-orm';
import {
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
import { access, allOrChosen, id, time } from './columns.ts';
import { users } from './users.ts';

export const accounts = pgTable(
  'accounts',
  {
    id: id('acc', 'id').primaryKey(),
    name: text('name').notNull(),
    ownerId: id('usr', 'owner_id').notNull(),
    inviteLifetimeDays: integer('invite_lifetime_days').notNull(),
    acceptFromAnyAddress: boolean('accept_from_any_address').notNull(),
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
    /** As decided so far. A pending invite whose time has passed is expired, whatever is written here. */
    status: text('status', { enum: ['pending', 'accepted', 'declined', 'revoked', 'expired'] }).notNull(),
    message: text('message'),
    /** Who vouches for what it gives: whoever made it, or last changed its access or sent it again. */
    invitedBy: id('usr', 'invited_by')
      .notNull()
      .references(() => users.id),
    createdAt: time('created_at').notNull(),
    /** How long each sending of it lasts. */
    lifetimeDays: integer('lifetime_days').notNull(),
    expiresAt: time('expires_at').notNull(),
    /** How many times it was asked to be sent; the link of the last sending is the live one. */
    sendings: integer('sendings').notNull(),
    lastSentAt: time('last_sent_at'),
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
    index('invites_email').on(t.email, t.id),
    check('invites_status_known', sql`status in ('pending', 'accepted', 'declined', 'revoked', 'expired')`),
    allOrChosen('invites_all_or_chosen'),
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
