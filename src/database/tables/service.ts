// Tables of the service itself.

import { sql } from 'drizzle-orm';
import { boolean, check, index, integer, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import { platformAccountId, uuidOf } from '../../ids/ids.ts';
import { id, isOneOf, time } from './columns.ts';
import { outboxKinds, outboxStatuses } from './enums.ts';

/**
 * Messages, enqueued in the transaction of the change and sent after its commit. Ids only: no
 * address, secret or token.
 */
export const outbox = pgTable(
  'outbox',
  {
    accountId: id('acc', 'account_id')
      .notNull()
      .default(sql.raw(`'${uuidOf('acc', platformAccountId)}'`)),
    id: id('dlv', 'id').notNull(),
    kind: text('kind', { enum: outboxKinds }).notNull(),
    inviteId: id('inv', 'invite_id'),
    /** Which sending of the invite. */
    sending: integer('sending'),
    registrationId: id('reg', 'registration_id'),
    passwordResetId: id('rst', 'password_reset_id'),
    emailChangeId: id('emc', 'email_change_id'),
    userId: id('usr', 'user_id'),
    status: text('status', { enum: outboxStatuses }).notNull(),
    /** The number of claims. Also a fencing token: only the latest claim may settle the row. */
    attempts: integer('attempts').notNull(),
    /** When it may be claimed next. For a claimed message, when the worker's lease ends. */
    dueAt: time('due_at').notNull(),
    createdAt: time('created_at').notNull(),
    settledAt: time('settled_at'),
    lastError: text('last_error'),
  },
  (t) => [
    primaryKey({ columns: [t.accountId, t.id] }),
    // Mail services and operators identify a message by its id alone.
    index('outbox_id').on(t.id),
    index('outbox_due').on(t.dueAt).where(sql`status = 'queued'`),
    index('outbox_failed').on(t.settledAt).where(sql`status = 'failed'`),
    check('outbox_kind_known', isOneOf('kind', outboxKinds)),
    check('outbox_status_known', isOneOf('status', outboxStatuses)),
  ],
);

/** The development mailbox: mails "sent" without a configured mail service. */
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

/**
 * Counts of the limits in their current windows, used without Redis. Losing them loses a few
 * minutes of counting.
 */
export const rateLimits = pgTable(
  'rate_limits',
  {
    key: text('key').primaryKey(),
    count: integer('count').notNull(),
    resetsAt: time('resets_at').notNull(),
  },
  (t) => [index('rate_limits_resets_at').on(t.resetsAt)],
);

/** One row that the readiness check writes: a database that answers may be read-only. */
export const writeChecks = pgTable(
  'write_checks',
  {
    id: boolean('id').primaryKey().default(true),
    checkedAt: time('checked_at').notNull(),
  },
  () => [check('write_checks_one_row', sql`id`)],
);
