import { sql } from 'drizzle-orm';
import {
  boolean,
  check,
  customType,
  foreignKey,
  index,
  integer,
  type PgTableExtraConfigValue,
  pgTable,
  primaryKey,
  text,
  timestamp,
  unique,
  uniqueIndex,
} from 'drizzle-orm/pg-core';
import { type Id, type IdPrefix, idOf, uuidOf } from '../ids.ts';

/** An id: TypeID text in the code, a uuid in the database. */
const id = <P extends IdPrefix>(prefix: P, name: string) =>
  customType<{ data: Id<P>; driverData: string }>({
    dataType: () => 'uuid',
    toDriver: (value) => uuidOf(prefix, value),
    fromDriver: (value) => idOf(prefix, value),
  })(name);

const time = (name: string) => timestamp(name, { withTimezone: true, precision: 3 });

/** What a membership or an invite gives: a flag that covers every permission, or a list. Never both. */
const access = () => ({
  allPermissions: boolean('all_permissions').notNull(),
  permissions: text('permissions').array().notNull(),
});
const allOrChosen = (name: string) => check(name, sql`not (all_permissions and cardinality(permissions) > 0)`);

// --- Shared by all accounts -----------------------------------------------------------------------------------------

/** A person with a login. The address is canonical and verified: nobody is here before they proved their mailbox. */
export const users = pgTable('users', {
  id: id('usr', 'id').primaryKey(),
  email: text('email').notNull().unique(),
  name: text('name').notNull(),
  passwordHash: text('password_hash').notNull(),
  createdAt: time('created_at').notNull(),
});

/** Someone registered and has not verified the address yet. Several may wait for one address; the first verified wins. */
export const registrations = pgTable(
  'registrations',
  {
    id: id('reg', 'id').primaryKey(),
    email: text('email').notNull(),
    name: text('name').notNull(),
    passwordHash: text('password_hash').notNull(),
    createdAt: time('created_at').notNull(),
    expiresAt: time('expires_at').notNull(),
  },
  (t) => [index('registrations_email').on(t.email)],
);

export const sessions = pgTable(
  'sessions',
  {
    id: id('ses', 'id').primaryKey(),
    userId: id('usr', 'user_id')
      .notNull()
      .references(() => users.id),
    createdAt: time('created_at').notNull(),
    expiresAt: time('expires_at').notNull(),
    endedAt: time('ended_at'),
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
  },
  (t) => [index('refresh_tokens_session').on(t.sessionId)],
);

// --- Owned by an account: account_id comes first in every key -------------------------------------------------------

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
    index('invites_inviter').on(t.accountId, t.invitedBy).where(sql`status = 'pending'`),
    index('invites_email').on(t.email, t.id),
    check('invites_status_known', sql`status in ('pending', 'accepted', 'declined', 'revoked', 'expired')`),
    allOrChosen('invites_all_or_chosen'),
  ],
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

// --- The service's own ----------------------------------------------------------------------------------------------

/** Mails promised in the transaction that calls for them, and sent after it. Ids only: no address, secret or token. */
export const outbox = pgTable(
  'outbox',
  {
    id: id('dlv', 'id').primaryKey(),
    kind: text('kind', { enum: ['invite', 'registration'] }).notNull(),
    accountId: id('acc', 'account_id'),
    inviteId: id('inv', 'invite_id'),
    /** Which sending of the invite. */
    sending: integer('sending'),
    registrationId: id('reg', 'registration_id'),
    status: text('status', { enum: ['queued', 'sent', 'failed', 'dropped'] }).notNull(),
    /** Claims so far. Also the fence: only the claim that counted last may settle the row. */
    attempts: integer('attempts').notNull(),
    /** When it may be claimed next; while a worker holds it, when its lease runs out. */
    dueAt: time('due_at').notNull(),
    createdAt: time('created_at').notNull(),
    settledAt: time('settled_at'),
    lastError: text('last_error'),
  },
  (t) => [
    index('outbox_due').on(t.dueAt).where(sql`status = 'queued'`),
    check('outbox_kind_known', sql`kind in ('invite', 'registration')`),
    check('outbox_status_known', sql`status in ('queued', 'sent', 'failed', 'dropped')`),
  ],
);

/** The development mailbox: mails that were "sent" where no mail service is configured. */
export const mailbox = pgTable(
  'mailbox',
  {
    id: id('dlv', 'id').primaryKey(),
    recipient: text('recipient').notNull(),
    subject: text('subject').notNull(),
    text: text('text').notNull(),
    html: text('html').notNull(),
    sentAt: time('sent_at').notNull(),
  },
  (t) => [index('mailbox_recipient').on(t.recipient, t.sentAt)],
);
