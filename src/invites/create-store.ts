import { and, eq, getTableColumns, lte, type SQL, sql } from 'drizzle-orm';
import type { Db, Tx } from '../database/database.ts';
import { deliveryEvents, invites, memberships, outbox, users } from '../database/schema.ts';
import { equalsLiteral, placeholderFor, prepared } from '../database/statements.ts';
import type { AccountId, DeliveryEventId, DeliveryId, InviteId } from '../ids/ids.ts';
import { enqueue, enqueueFrom, type NewMessage } from '../mail/outbox/enqueue.ts';
import { hasStatus } from './status.ts';
import type { InviteRow } from './store.ts';

/** The ids of the messages of one sending of an invite, and of its first delivery event. */
export interface InviteMessages {
  deliveryId: DeliveryId;
  eventId: DeliveryEventId;
  /** null if no reminder is sent. */
  reminder: { deliveryId: DeliveryId; dueAt: Date } | null;
}

const columns = getTableColumns(invites);
/** The columns with values from the caller. The others are constants or have defaults. */
const insertedColumns = [
  ...(['accountId', 'id', 'email', 'allPermissions', 'permissions', 'roles', 'endsAt', 'ownership'] as const),
  ...(['message', 'locale', 'invitedBy', 'invitedByKey', 'createdAt', 'lifetimeDays', 'expiresAt'] as const),
];
export type NewInviteRow = Pick<InviteRow, (typeof insertedColumns)[number]>;

/** The `source` of the delivery event `queued`. */
const queuedSource = 'usher queued';

/**
 * True if no row matches. As a scalar subquery, this is an index look-up, whatever the planner
 * estimates.
 */
const hasNoRow = (fromClause: SQL) => sql`not coalesce((select true ${fromClause} limit 1), false)`;

const create = prepared('create_invite', (db) => {
  const value = (name: (typeof insertedColumns)[number]) =>
    sql`${placeholderFor(columns[name], name)}::${sql.raw(columns[name].getSQLType())}`;
  const [account, email, key, now] = [value('accountId'), value('email'), value('invitedByKey'), value('createdAt')];
  const id = (name: string) => sql`${placeholderFor(outbox.id, name)}::uuid`;
  // The subquery hides the value from the planner, so that one plan suits every limit.
  const maxPending = sql`(select ${sql.placeholder('maxOtherPending')}::bigint)`;
  // Locked like the membership: revoking the key waits for this insert, then finds the invite.
  const isKeyValid = sql`(${key} is null
    or coalesce((select true from account_keys where account_id = ${account} and id = ${key} and revoked_at is null for share), false)
    or coalesce((select true from platform_keys where id = ${key} and revoked_at is null for share), false))`;
  const created = db.$with('created', columns).as(sql`
    insert into invites (${sql.join(
      insertedColumns.map((it) => sql.identifier(columns[it].name)),
      sql`, `,
    )}, status, sendings, delivery_at)
    select ${sql.join(insertedColumns.map(value), sql`, `)}, 'pending', 1, ${now}
    from (select from memberships where account_id = ${account} and user_id = ${value('invitedBy')} for key share) inviter
    where ${isKeyValid}
      and ${hasNoRow(sql`from memberships m join users u on u.id = m.user_id where m.account_id = ${account} and u.email = ${email}`)}
      and ${hasNoRow(sql`from opt_outs o where o.account_id = ${account} and o.email = ${email}`)}
      and ${hasNoRow(sql`from undeliverable_addresses u where u.account_id = ${account} and u.email = ${email}`)}
      and (${maxPending} is null or ${maxPending} >= (
        select count(*) from (
          select from invites
          where account_id = ${account} and ${hasStatus('pending', now)}
          limit ${maxPending} + 1) pending))
    on conflict (account_id, email) where status = 'pending' do nothing
    returning *`);
  const messages = sql`
    select mail.id, kind, account_id, created.id as invite_id, 1 as sending, due_at, created_at
    from created, (values
      (${id('deliveryId')}, 'invite', ${now}),
      (${id('reminderId')}, 'invite-reminder', ${placeholderFor(outbox.dueAt, 'reminderDueAt')}::timestamptz)) mail (id, kind, due_at)
    where mail.id is not null`;
  const enqueued = db.$with('enqueued', { id: outbox.id }).as(enqueueFrom(messages));
  const recorded = db.$with('recorded', { id: deliveryEvents.id }).as(sql`
    insert into delivery_events (id, account_id, invite_id, delivery_id, source, sending, mail, event, occurred_at)
    select ${placeholderFor(deliveryEvents.id, 'eventId')}::uuid, account_id, id, ${id('deliveryId')}, '${sql.raw(queuedSource)}', 1, 'invite', 'queued', created_at
    from created
    returning id`);
  return db.with(created, enqueued, recorded).select().from(created);
});

/**
 * Inserts an invite, enqueues its mails and records its first delivery event, in one statement and
 * so atomically. Locks the inviter's membership and the calling key, so that removing the member or
 * revoking the key either sees this invite or prevents it.
 * @param maxOtherPending how many other invites may be pending; null for no limit.
 * @returns the invite; undefined if the address has a pending invite, belongs to a member, opted
 * out or is undeliverable, if too many invites are pending, if the inviter is not a member any
 * more, or if the calling key is revoked.
 */
export async function insertInvite(
  db: Db,
  invite: NewInviteRow,
  { deliveryId, eventId, reminder }: InviteMessages,
  maxOtherPending: number | null,
): Promise<InviteRow | undefined> {
  const reminderValues = { reminderId: reminder?.deliveryId ?? null, reminderDueAt: reminder?.dueAt ?? null };
  const [created] = await create(db).execute({ ...invite, deliveryId, eventId, ...reminderValues, maxOtherPending });
  return created;
}

/** Marks an expired invite so that its address can be invited again. */
export async function markExpired(tx: Tx, accountId: AccountId, email: string, now: Date): Promise<void> {
  await tx
    .update(invites)
    .set({ status: 'expired' })
    .where(
      and(
        eq(invites.accountId, accountId),
        eq(invites.email, email),
        equalsLiteral(invites.status, 'pending'),
        lte(invites.expiresAt, now),
      ),
    );
}

/** The id of the invite for an address whose stored status is `pending`, even if it has expired. */
export async function findPendingId(db: Db, accountId: AccountId, email: string): Promise<InviteId | undefined> {
  const [found] = await db
    .select({ id: invites.id })
    .from(invites)
    .where(and(eq(invites.accountId, accountId), eq(invites.email, email), equalsLiteral(invites.status, 'pending')));
  return found?.id;
}

export async function isMember(db: Db, accountId: AccountId, email: string): Promise<boolean> {
  const found = await db
    .select({ id: memberships.id })
    .from(memberships)
    .innerJoin(users, eq(users.id, memberships.userId))
    .where(and(eq(memberships.accountId, accountId), eq(users.email, email)));
  return found.length > 0;
}

/** Whether more than `count` invites of an account are pending. Reads at most `count` + 1 rows. */
export async function hasMorePendingThan(db: Db, accountId: AccountId, count: number, now: Date): Promise<boolean> {
  const excess = await db
    .select({ id: invites.id })
    .from(invites)
    .where(and(eq(invites.accountId, accountId), hasStatus('pending', now)))
    .offset(count)
    .limit(1);
  return excess.length > 0;
}

/**
 * Enqueues the mails of a resent invite and records the delivery event `queued`, in one statement.
 */
export async function enqueueMails(
  tx: Tx,
  { deliveryId, eventId, reminder }: InviteMessages,
  { accountId, id: inviteId, sendings: sending }: InviteRow,
  now: Date,
): Promise<void> {
  const reference = { accountId, inviteId, sending };
  const event = { id: eventId, deliveryId, source: queuedSource, mail: 'invite', event: 'queued' } as const;
  const recorded = tx.$with('recorded').as(
    tx
      .insert(deliveryEvents)
      .values({ ...reference, ...event, occurredAt: now })
      .returning({ id: deliveryEvents.id }),
  );
  const messages: NewMessage[] = [{ ...reference, id: deliveryId, kind: 'invite' }];
  if (reminder)
    messages.push({ ...reference, id: reminder.deliveryId, kind: 'invite-reminder', dueAt: reminder.dueAt });
  await enqueue(tx.with(recorded), messages, now);
}
