import { and, eq, lte, sql } from 'drizzle-orm';
import { type Db, placeholderFor, prepared, type Tx } from '../database/database.ts';
import { deliveryEvents, invites, memberships, outbox, users } from '../database/schema.ts';
import type { AccountId, DeliveryEventId, DeliveryId, InviteId, UserId } from '../ids.ts';
import type { Access } from '../permissions/access.ts';
import { hasStatus, type InviteRow } from './store.ts';

/** The mails of one sending of an invite: its own, and the one that reminds of it where it is to be reminded of. */
export interface PromisedMails {
  deliveryId: DeliveryId;
  eventId: DeliveryEventId;
  reminder: { deliveryId: DeliveryId; dueAt: Date } | null;
}

export interface NewInviteRow {
  accountId: AccountId;
  id: InviteId;
  email: string;
  access: Access;
  ownership: boolean;
  message: string | null;
  locale: string | null;
  invitedBy: UserId;
  createdAt: Date;
  lifetimeDays: number;
  expiresAt: Date;
  promised: PromisedMails;
  /** How many more may be pending beside it; null for any number. */
  pendingBefore: number | null;
}

/** Who says that a mail is queued, and what they call it. */
const queuedSource = 'usher queued';

const create = prepared((db) => {
  const created = db.$with('created', { id: invites.id }).as(sql`
    insert into invites (account_id, id, email, all_permissions, permissions, roles, ends_at, ownership, status, message, locale, invited_by, created_at, lifetime_days, expires_at, sendings, delivery_at)
    select ${placeholderFor(invites.accountId, 'accountId')}::uuid, ${placeholderFor(invites.id, 'id')}::uuid, ${sql.placeholder('email')}::text,
      ${sql.placeholder('allPermissions')}::boolean, ${placeholderFor(invites.permissions, 'permissions')}::text[],
      ${placeholderFor(invites.roles, 'roles')}::uuid[], ${placeholderFor(invites.endsAt, 'endsAt')}::timestamptz, ${sql.placeholder('ownership')}::boolean, 'pending',
      ${sql.placeholder('message')}::text, ${sql.placeholder('locale')}::text, ${placeholderFor(invites.invitedBy, 'invitedBy')}::uuid,
      ${placeholderFor(invites.createdAt, 'createdAt')}::timestamptz, ${sql.placeholder('lifetimeDays')}::integer,
      ${placeholderFor(invites.expiresAt, 'expiresAt')}::timestamptz, 1, ${placeholderFor(invites.createdAt, 'createdAt')}::timestamptz
    from (
      select from memberships
      where account_id = ${placeholderFor(invites.accountId, 'accountId')}::uuid and user_id = ${placeholderFor(invites.invitedBy, 'invitedBy')}::uuid
      for key share) inviter
    where not exists (
      select from memberships join users on users.id = memberships.user_id
      where memberships.account_id = ${placeholderFor(invites.accountId, 'accountId')}::uuid and users.email = ${sql.placeholder('email')}::text)
      and not exists (
        select from opt_outs
        where account_id = ${placeholderFor(invites.accountId, 'accountId')}::uuid and email = ${sql.placeholder('email')}::text)
      and not exists (
        select from undeliverable_addresses
        where account_id = ${placeholderFor(invites.accountId, 'accountId')}::uuid and email = ${sql.placeholder('email')}::text)
      and (${sql.placeholder('pendingBefore')}::bigint is null or not exists (
        select from invites
        where account_id = ${placeholderFor(invites.accountId, 'accountId')}::uuid and status = 'pending'
          and expires_at > ${placeholderFor(invites.createdAt, 'createdAt')}::timestamptz
        offset ${sql.placeholder('pendingBefore')}::bigint limit 1))
    on conflict (account_id, email) where status = 'pending' do nothing
    returning account_id, id, created_at`);
  const promised = db.$with('promised', { id: outbox.id }).as(sql`
    insert into outbox (id, kind, account_id, invite_id, sending, status, attempts, due_at, created_at)
    select ${placeholderFor(outbox.id, 'deliveryId')}::uuid, 'invite', account_id, id, 1, 'queued', 0, created_at, created_at from created
    union all
    select ${placeholderFor(outbox.id, 'reminderId')}::uuid, 'invite-reminder', account_id, id, 1, 'queued', 0,
      ${placeholderFor(outbox.dueAt, 'remindAt')}::timestamptz, created_at
    from created where ${placeholderFor(outbox.id, 'reminderId')}::uuid is not null
    returning id`);
  const noted = db.$with('noted', { id: deliveryEvents.id }).as(sql`
    insert into delivery_events (account_id, invite_id, delivery_id, source, id, sending, mail, event, occurred_at)
    select account_id, id, ${placeholderFor(outbox.id, 'deliveryId')}::uuid, ${queuedSource}::text, ${placeholderFor(deliveryEvents.id, 'eventId')}::uuid,
      1, 'invite', 'queued', created_at from created
    returning id`);
  return db.with(created, promised, noted).select({ id: sql<string>`id` }).from(promised).prepare('create_invite');
});

/**
 * Keeps an invite, promises its mails and begins its timeline, unless one is pending for the address, it belongs to a member
 * or to someone who asked not to be invited again, mail to it does not arrive, too many are pending, or the inviter is a
 * member no more. Holds the inviter's membership, so that removing them sees this invite or prevents it. One statement, and
 * so a transaction by itself.
 * @returns whether it was kept.
 */
export async function insertInvite(db: Db, { access, promised, ...row }: NewInviteRow): Promise<boolean> {
  const { deliveryId, eventId, reminder } = promised;
  const reminding = { reminderId: reminder?.deliveryId ?? null, remindAt: reminder?.dueAt ?? row.createdAt };
  const kept = await create(db).execute({ ...row, ...access, deliveryId, eventId, ...reminding });
  return kept.length > 0;
}

/** Gives an address free that an invite still holds though its time has passed. */
export async function markExpired(tx: Tx, accountId: AccountId, email: string, now: Date): Promise<void> {
  await tx
    .update(invites)
    .set({ status: 'expired' })
    .where(
      and(
        eq(invites.accountId, accountId),
        eq(invites.email, email),
        eq(invites.status, 'pending'),
        lte(invites.expiresAt, now),
      ),
    );
}

/** The invite that holds an address in an account. */
export async function findPendingId(db: Db, accountId: AccountId, email: string): Promise<InviteId | undefined> {
  const [found] = await db
    .select({ id: invites.id })
    .from(invites)
    .where(and(eq(invites.accountId, accountId), eq(invites.email, email), eq(invites.status, 'pending')));
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

/** Promises the mails of a further sending, in one statement. */
export async function promiseMails(
  tx: Tx,
  { deliveryId, eventId, reminder }: PromisedMails,
  invite: InviteRow,
  now: Date,
): Promise<void> {
  const { accountId, id: inviteId, sendings: sending } = invite;
  const about = { accountId, inviteId, sending };
  const waiting = { ...about, status: 'queued' as const, attempts: 0, createdAt: now };
  const mails = [
    { ...waiting, id: deliveryId, kind: 'invite' as const, dueAt: now },
    ...(reminder
      ? [{ ...waiting, id: reminder.deliveryId, kind: 'invite-reminder' as const, dueAt: reminder.dueAt }]
      : []),
  ];
  const event = { id: eventId, deliveryId, source: queuedSource, mail: 'invite', event: 'queued' } as const;
  const noted = tx.$with('noted').as(
    tx
      .insert(deliveryEvents)
      .values({ ...about, ...event, occurredAt: now })
      .returning({ id: deliveryEvents.id }),
  );
  await tx.with(noted).insert(outbox).values(mails);
}
