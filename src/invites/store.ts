import { and, desc, eq, gt, lt, lte, or, sql } from 'drizzle-orm';
import { alias } from 'drizzle-orm/pg-core';
import { type Db, placeholderFor, prepared, type Tx } from '../database/database.ts';
import { invites, memberships, outbox, users } from '../database/schema.ts';
import type { AccountId, DeliveryId, InviteId, UserId } from '../ids.ts';
import type { Access } from '../permissions/access.ts';
import type { InviteStatus } from './rules.ts';

export type InviteRow = typeof invites.$inferSelect;

/** The users table, as the inviter's. */
export const inviters = alias(users, 'inviters');
export const inviterColumns = { id: inviters.id, name: inviters.name };

// --- Asking someone in ----------------------------------------------------------------------------------------------

export interface NewInviteRow {
  accountId: AccountId;
  id: InviteId;
  email: string;
  access: Access;
  message: string | null;
  locale: string | null;
  invitedBy: UserId;
  createdAt: Date;
  lifetimeDays: number;
  expiresAt: Date;
  deliveryId: DeliveryId;
  /** How many more may be pending beside it; null for any number. */
  pendingBefore: number | null;
}

const create = prepared((db) => {
  const created = db.$with('created', { id: invites.id }).as(sql`
    insert into invites (account_id, id, email, all_permissions, permissions, status, message, locale, invited_by, created_at, lifetime_days, expires_at, sendings)
    select ${placeholderFor(invites.accountId, 'accountId')}::uuid, ${placeholderFor(invites.id, 'id')}::uuid, ${sql.placeholder('email')}::text,
      ${sql.placeholder('allPermissions')}::boolean, ${placeholderFor(invites.permissions, 'permissions')}::text[], 'pending',
      ${sql.placeholder('message')}::text, ${sql.placeholder('locale')}::text, ${placeholderFor(invites.invitedBy, 'invitedBy')}::uuid,
      ${placeholderFor(invites.createdAt, 'createdAt')}::timestamptz, ${sql.placeholder('lifetimeDays')}::integer,
      ${placeholderFor(invites.expiresAt, 'expiresAt')}::timestamptz, 1
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
    returning id`);
  return db.with(created, promised).select({ id: sql<string>`id` }).from(promised).prepare('create_invite');
});

/**
 * Keeps an invite and promises its mail, unless one is pending for the address, it belongs to a member or to someone who
 * asked not to be invited again, too many are pending, or the inviter is a member no more. Holds the inviter's membership, so
 * that removing them sees this invite or prevents it. One statement, and so a transaction by itself.
 * @returns whether it was kept.
 */
export async function insertInvite(db: Db, { access, ...row }: NewInviteRow): Promise<boolean> {
  const kept = await create(db).execute({ ...row, ...access });
  return kept.length === 1;
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

export async function promiseMail(tx: Tx, deliveryId: DeliveryId, invite: InviteRow, now: Date): Promise<void> {
  const { accountId, id: inviteId, sendings: sending } = invite;
  await tx.insert(outbox).values({
    id: deliveryId,
    kind: 'invite',
    accountId,
    inviteId,
    sending,
    status: 'queued',
    attempts: 0,
    dueAt: now,
    createdAt: now,
  });
}

// --- Looking --------------------------------------------------------------------------------------------------------

const selectInvites = (db: Db) =>
  db
    .select({ invite: invites, inviter: inviterColumns })
    .from(invites)
    .innerJoin(inviters, eq(inviters.id, invites.invitedBy));

export type ListedInvite = Awaited<ReturnType<typeof findInvite>> & object;

export async function findInvite(db: Db, accountId: AccountId, id: InviteId) {
  const [found] = await selectInvites(db).where(and(eq(invites.accountId, accountId), eq(invites.id, id)));
  return found;
}

/** Invites of an account, newest first, one more than `limit`. The status asked for is the one that holds at `now`. */
export function listInvites(
  db: Db,
  accountId: AccountId,
  now: Date,
  { status, email, limit, cursor }: { status?: InviteStatus; email?: string; limit: number; cursor?: InviteId },
) {
  return selectInvites(db)
    .where(
      and(
        eq(invites.accountId, accountId),
        status === undefined ? undefined : hasStatus(status, now),
        email === undefined ? undefined : eq(invites.email, email),
        cursor === undefined ? undefined : lt(invites.id, cursor),
      ),
    )
    .orderBy(desc(invites.id))
    .limit(limit + 1);
}

/** `statusAt`, as a condition. */
export function hasStatus(status: InviteStatus, now: Date) {
  if (status === 'pending') return and(eq(invites.status, 'pending'), gt(invites.expiresAt, now));
  if (status !== 'expired') return eq(invites.status, status);
  return or(eq(invites.status, 'expired'), and(eq(invites.status, 'pending'), lte(invites.expiresAt, now)));
}

// --- Changing and deciding ------------------------------------------------------------------------------------------

/** Holds a membership until the transaction ends, so that it isn't removed meanwhile. It may well be changed. */
export async function holdMembership(tx: Tx, accountId: AccountId, userId: UserId): Promise<void> {
  await tx
    .select({ id: memberships.id })
    .from(memberships)
    .where(and(eq(memberships.accountId, accountId), eq(memberships.userId, userId)))
    .for('key share');
}

/** An invite, held until the transaction ends. */
export async function lockInvite(tx: Tx, accountId: AccountId, id: InviteId): Promise<InviteRow | undefined> {
  const [found] = await tx
    .select()
    .from(invites)
    .where(and(eq(invites.accountId, accountId), eq(invites.id, id)))
    .for('no key update');
  return found;
}

export async function updateInvite(tx: Tx, invite: InviteRow, changes: Partial<InviteRow>): Promise<InviteRow> {
  const [updated] = await tx
    .update(invites)
    .set(changes)
    .where(and(eq(invites.accountId, invite.accountId), eq(invites.id, invite.id)))
    .returning();
  return updated as InviteRow;
}

/** Keeps when the mail service took a mail of an invite. */
export async function markSent(tx: Tx, accountId: AccountId, id: InviteId, at: Date): Promise<void> {
  await tx
    .update(invites)
    .set({ lastSentAt: at })
    .where(and(eq(invites.accountId, accountId), eq(invites.id, id)));
}
