import { and, eq, lte, type SQL, sql } from 'drizzle-orm';
import type { Db, Tx } from '../database/database.ts';
import { rowSet } from '../database/row-set.ts';
import { deliveryEvents, invites, memberships, outbox, users } from '../database/schema.ts';
import { equalsLiteral, placeholderFor, prepared } from '../database/statements.ts';
import { latest, together } from '../database/together.ts';
import type { AccountId, DeliveryEventId, DeliveryId, InviteId, KeyId, UserId } from '../ids.ts';
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
  /** The key that is calling; null for a person. */
  invitedByKey: KeyId | null;
  createdAt: Date;
  lifetimeDays: number;
  expiresAt: Date;
  promised: PromisedMails;
  /** How many more may be pending beside it; null for any number. */
  pendingBefore: number | null;
}

/** Who says that a mail is queued, and what they call it. */
const queuedSource = 'usher queued';

const newInvites = rowSet(invites, 'invites', [
  ...(['accountId', 'id', 'email', 'allPermissions', 'permissions', 'roles', 'endsAt', 'ownership', 'status'] as const),
  ...([
    'message',
    'locale',
    'invitedBy',
    'invitedByKey',
    'createdAt',
    'lifetimeDays',
    'expiresAt',
    'sendings',
    'deliveryAt',
  ] as const),
]);
const newMails = rowSet(outbox, 'mails', [
  ...(['id', 'kind', 'accountId', 'inviteId', 'sending', 'status', 'attempts', 'dueAt', 'createdAt'] as const),
]);
const newEvents = rowSet(deliveryEvents, 'events', [
  ...(['id', 'accountId', 'inviteId', 'deliveryId', 'source', 'sending', 'mail', 'event', 'occurredAt'] as const),
]);

/** The address of `it` is looked for by itself, by an index: what the planner thinks of how many there are can't matter. */
const isFree = (found: SQL) => sql`not coalesce((select true ${found} limit 1), false)`;

const create = prepared('create_invites', (db) => {
  const account = sql`${placeholderFor(invites.accountId, 'accountId')}::uuid`;
  // Behind a select, it has no value that the planner could see: so the plan that it made once suits each time.
  const most = sql`(select ${sql.placeholder('pendingBefore')}::bigint)`;
  const key = sql`${placeholderFor(invites.invitedByKey, 'invitedByKey')}::uuid`;
  // Locked as the membership is: revoking the key waits for this invite, and finds it.
  const isKeyGood = sql`(${key} is null
    or coalesce((select true from account_keys where account_id = ${account} and id = ${key} and revoked_at is null for share), false)
    or coalesce((select true from platform_keys where id = ${key} and revoked_at is null for share), false))`;
  // Taken in the order of their addresses: so two statements that hold addresses of each other don't wait for each other.
  const created = db.$with('created', { id: invites.id }).as(sql`
    insert into invites (${newInvites.columns})
    select ${newInvites.columns}
    from (select asked.*, row_number() over (order by email) - 1 as before from ${newInvites.rows} asked) it,
      (select from memberships
        where account_id = ${account} and user_id = ${placeholderFor(invites.invitedBy, 'invitedBy')}::uuid for key share) inviter
    where ${isKeyGood}
      and ${isFree(sql`from memberships m join users u on u.id = m.user_id where m.account_id = ${account} and u.email = it.email`)}
      and ${isFree(sql`from opt_outs o where o.account_id = ${account} and o.email = it.email`)}
      and ${isFree(sql`from undeliverable_addresses u where u.account_id = ${account} and u.email = it.email`)}
      and (${most} is null or it.before <= ${most} - (
        select count(*) from (
          select from invites
          where account_id = ${account} and status = 'pending' and expires_at > ${placeholderFor(invites.createdAt, 'now')}::timestamptz
          limit ${most} + 1) pending))
    order by it.email
    on conflict (account_id, email) where status = 'pending' do nothing
    returning id`);
  const promised = db.$with('promised', { id: outbox.id }).as(sql`
    insert into outbox (${newMails.columns})
    select ${newMails.columns} from ${newMails.rows} mail where invite_id in (select id from created)
    returning id`);
  const noted = db.$with('noted', { id: deliveryEvents.id }).as(sql`
    insert into delivery_events (${newEvents.columns})
    select ${newEvents.columns} from ${newEvents.rows} event where invite_id in (select id from created)
    returning id`);
  return db.with(created, promised, noted).select().from(created);
});

/**
 * Keeps an invite, promises its mails and begins its timeline, unless one is pending for the
 * address, it belongs to a member or to someone who asked not to be invited again, mail to it does
 * not arrive, too many are pending, the inviter is no longer a member, or the calling key is
 * revoked. Locks the inviter's membership and the key, so that removing or revoking them sees this
 * invite or prevents it. One statement, and so a transaction by itself; those of one inviter that
 * come at once go in one.
 * @returns whether it was kept.
 */
export const insertInvite = together<NewInviteRow, boolean>({
  laneOf: ({ accountId, invitedBy, invitedByKey }) => `${accountId},${invitedBy},${invitedByKey}`,
  most: 100,
  async ask(db, all) {
    const {
      accountId,
      invitedBy,
      invitedByKey,
      createdAt: now,
      pendingBefore,
    } = latest(all, (it) => it.createdAt.getTime());
    const mails = all.map((it) => mailsOf(it.promised, { accountId, inviteId: it.id, sending: 1 }, it.createdAt));
    const kept = await create(db).execute({
      ...{ accountId, invitedBy, invitedByKey, now, pendingBefore },
      invites: newInvites.valueOf(all.map(invitedRow)),
      mails: newMails.valueOf(mails.flatMap((it) => it.mails)),
      events: newEvents.valueOf(mails.map((it) => it.event)),
    });
    const ids = new Set(kept.map((it) => it.id));
    return all.map((it) => ids.has(it.id));
  },
});

const invitedRow = ({ access, promised, pendingBefore, ...row }: NewInviteRow) => ({
  ...row,
  ...access,
  status: 'pending' as const,
  sendings: 1,
  deliveryAt: row.createdAt,
});

/** The rows of the mails of one sending, and of the first line of its timeline. */
function mailsOf(
  { deliveryId, eventId, reminder }: PromisedMails,
  about: { accountId: AccountId; inviteId: InviteId; sending: number },
  now: Date,
) {
  const waiting = { ...about, status: 'queued' as const, attempts: 0, createdAt: now };
  const invite = { ...waiting, id: deliveryId, kind: 'invite' as const, dueAt: now };
  const reminding = reminder && { id: reminder.deliveryId, kind: 'invite-reminder' as const, dueAt: reminder.dueAt };
  const event = { id: eventId, deliveryId, source: queuedSource, mail: 'invite', event: 'queued' } as const;
  return {
    mails: reminding ? [invite, { ...waiting, ...reminding }] : [invite],
    event: { ...about, ...event, occurredAt: now },
  };
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

/** Promises the mails of a further sending, in one statement. */
export async function promiseMails(tx: Tx, promised: PromisedMails, invite: InviteRow, now: Date): Promise<void> {
  const { accountId, id: inviteId, sendings: sending } = invite;
  const { mails, event } = mailsOf(promised, { accountId, inviteId, sending }, now);
  const noted = tx.$with('noted').as(tx.insert(deliveryEvents).values(event).returning({ id: deliveryEvents.id }));
  await tx.with(noted).insert(outbox).values(mails);
}
