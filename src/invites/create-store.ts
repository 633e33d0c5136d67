import { and, eq, getTableColumns, lte, type SQL, sql } from 'drizzle-orm';
import type { Db, Tx } from '../database/database.ts';
import { deliveryEvents, invites, memberships, outbox, users } from '../database/schema.ts';
import { equalsLiteral, placeholderFor, prepared } from '../database/statements.ts';
import type { AccountId, DeliveryEventId, DeliveryId, InviteId } from '../ids/ids.ts';
import { enqueue, enqueueFrom, type NewMessage } from '../mail/outbox/enqueue.ts';
import { hasStatus } from './status.ts';
import type { InviteRow } from './store.ts';

/** The mails of one sending of an invite, and its reminder if the account has one sent. */
export interface InviteMessages {
  deliveryId: DeliveryId;
  eventId: DeliveryEventId;
  reminder: { deliveryId: DeliveryId; dueAt: Date } | null;
}

const columns = getTableColumns(invites);
/** What a new invite is given; the database adds the defaults of the others. */
const given = [
  ...(['accountId', 'id', 'email', 'allPermissions', 'permissions', 'roles', 'endsAt', 'ownership'] as const),
  ...(['message', 'locale', 'invitedBy', 'invitedByKey', 'createdAt', 'lifetimeDays', 'expiresAt'] as const),
];
export type NewInviteRow = Pick<InviteRow, (typeof given)[number]>;

/** Who reports that a mail is queued, and the name of the event. */
const queuedSource = 'usher queued';

/** No such row. A scalar subquery is always an index look-up, whatever the planner estimates. */
const isFree = (found: SQL) => sql`not coalesce((select true ${found} limit 1), false)`;

const create = prepared('create_invite', (db) => {
  const value = (name: (typeof given)[number]) =>
    sql`${placeholderFor(columns[name], name)}::${sql.raw(columns[name].getSQLType())}`;
  const [account, email, key, now] = [value('accountId'), value('email'), value('invitedByKey'), value('createdAt')];
  const id = (name: string) => sql`${placeholderFor(outbox.id, name)}::uuid`;
  // In a select, it has no value that the planner could see, so that one plan suits every limit.
  const most = sql`(select ${sql.placeholder('pendingBefore')}::bigint)`;
  // Locked like the membership: revoking the key waits for this invite, and finds it.
  const isKeyValid = sql`(${key} is null
    or coalesce((select true from account_keys where account_id = ${account} and id = ${key} and revoked_at is null for share), false)
    or coalesce((select true from platform_keys where id = ${key} and revoked_at is null for share), false))`;
  const created = db.$with('created', columns).as(sql`
    insert into invites (${sql.join(
      given.map((it) => sql.identifier(columns[it].name)),
      sql`, `,
    )}, status, sendings, delivery_at)
    select ${sql.join(given.map(value), sql`, `)}, 'pending', 1, ${now}
    from (select from memberships where account_id = ${account} and user_id = ${value('invitedBy')} for key share) inviter
    where ${isKeyValid}
      and ${isFree(sql`from memberships m join users u on u.id = m.user_id where m.account_id = ${account} and u.email = ${email}`)}
      and ${isFree(sql`from opt_outs o where o.account_id = ${account} and o.email = ${email}`)}
      and ${isFree(sql`from undeliverable_addresses u where u.account_id = ${account} and u.email = ${email}`)}
      and (${most} is null or ${most} >= (
        select count(*) from (
          select from invites
          where account_id = ${account} and ${hasStatus('pending', now)}
          limit ${most} + 1) pending))
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
 * Stores an invite, enqueues its mails and begins its timeline, unless one is pending for the
 * address, it belongs to a member or to a person who opted out, mail to it does not arrive, too many
 * are pending, the inviter is no longer a member, or the calling key is revoked. Locks the inviter's
 * membership and the key, so that removing or revoking them sees this invite or prevents it. One
 * statement, and so a transaction by itself.
 * @param pendingBefore how many other invites may be pending; null for any number.
 * @returns the invite; undefined if something stands in its way.
 */
export async function insertInvite(
  db: Db,
  invite: NewInviteRow,
  { deliveryId, eventId, reminder }: InviteMessages,
  pendingBefore: number | null,
): Promise<InviteRow | undefined> {
  const reminding = { reminderId: reminder?.deliveryId ?? null, reminderDueAt: reminder?.dueAt ?? null };
  const [created] = await create(db).execute({ ...invite, deliveryId, eventId, ...reminding, pendingBefore });
  return created;
}

/** Marks an expired invite, so that its address can be invited again. */
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

/** The invite that holds an address in an account. */
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

/** Whether there are that many invites pending in an account, and one more. Reads no further than it has to. */
export async function hasMorePendingThan(db: Db, accountId: AccountId, count: number, now: Date): Promise<boolean> {
  const beyond = await db
    .select({ id: invites.id })
    .from(invites)
    .where(and(eq(invites.accountId, accountId), hasStatus('pending', now)))
    .offset(count)
    .limit(1);
  return beyond.length > 0;
}

/** Enqueues the mails of a further sending and records it in the timeline, in one statement. */
export async function enqueueMails(
  tx: Tx,
  { deliveryId, eventId, reminder }: InviteMessages,
  { accountId, id: inviteId, sendings: sending }: InviteRow,
  now: Date,
): Promise<void> {
  const about = { accountId, inviteId, sending };
  const event = { id: eventId, deliveryId, source: queuedSource, mail: 'invite', event: 'queued' } as const;
  const recorded = tx.$with('recorded').as(
    tx
      .insert(deliveryEvents)
      .values({ ...about, ...event, occurredAt: now })
      .returning({ id: deliveryEvents.id }),
  );
  const messages: NewMessage[] = [{ ...about, id: deliveryId, kind: 'invite' }];
  if (reminder) messages.push({ ...about, id: reminder.deliveryId, kind: 'invite-reminder', dueAt: reminder.dueAt });
  await enqueue(tx.with(recorded), messages, now);
}
