import {
  and,
  desc,
  eq,
  getTableColumns,
  isNotNull,
  lt,
  type Param,
  type Placeholder,
  type SQL,
  sql,
} from 'drizzle-orm';
import { alias } from 'drizzle-orm/pg-core';
import type { Db, Tx } from '../database/database.ts';
import { invites, undeliverableAddresses, users } from '../database/schema.ts';
import { literalTime, placeholderFor, prepared } from '../database/statements.ts';
import { isOneOf } from '../database/tables/columns.ts';
import { deliveryEventsOf } from '../database/tables/words.ts';
import type { AccountId, InviteId } from '../ids/ids.ts';
import type { DeliveryOutcome } from './deliveries/events.ts';
import { hasStatus, type InviteStatus } from './status.ts';

export type InviteRow = typeof invites.$inferSelect;

/** The users table, as the inviter's. */
export const inviters = alias(users, 'inviters');
export const inviterColumns = { id: inviters.id, name: inviters.name };

// --- Looking --------------------------------------------------------------------------------------------------------

/** What is shown of an invite, without what only deciding on it takes: a list has many, and each column of each costs. */
const { accountId, invitedBy, lifetimeDays, decidedAt, ...shownColumns } = getTableColumns(invites);

const selectInvites = (db: Db) =>
  db
    .select({
      invite: shownColumns,
      inviter: inviterColumns,
      sendingStopped: isNotNull(undeliverableAddresses.email).mapWith(Boolean),
    })
    .from(invites)
    .innerJoin(inviters, eq(inviters.id, invites.invitedBy))
    .leftJoin(
      undeliverableAddresses,
      and(eq(undeliverableAddresses.accountId, invites.accountId), eq(undeliverableAddresses.email, invites.email)),
    );

export type ListedInvite = Awaited<ReturnType<typeof findInvite>> & object;

export async function findInvite(db: Db, accountId: AccountId, id: InviteId) {
  const [found] = await selectInvites(db).where(and(eq(invites.accountId, accountId), eq(invites.id, id)));
  return found;
}

export interface ListedInvites {
  status?: InviteStatus;
  delivery?: DeliveryOutcome;
  email?: string;
  limit: number;
  cursor?: InviteId;
}

/** Sorts after every invite's id. */
const afterAll = 'inv_7zzzzzzzzzzzzzzzzzzzzzzzzz' as InviteId;

/** Invites of an account, newest first, one more than `limit`. The status asked for is the one that holds at `now`. */
export function listInvites(
  db: Db,
  accountId: AccountId,
  now: Date,
  { limit, cursor = afterAll, ...which }: ListedInvites,
) {
  const values = { accountId, cursor, limit: limit + 1 };
  // The number of expired invites decides between two plans; a generic plan would read every
  // pending invite.
  if (which.status === 'expired') return selectList(db, which, { ...values, ...which, now: literalTime(now) });
  return listOf(which)(db).execute({ ...which, ...values, now });
}

const lists = new Map<string, ReturnType<typeof listWith>>();

/** The statement for what is asked, of which there is one for each status and outcome: their conditions differ, and so do the plans. */
function listOf(which: Omit<ListedInvites, 'limit' | 'cursor'>) {
  const { status = 'any', delivery = 'any', email } = which;
  const name = `list_invites_${status}_${delivery}${email === undefined ? '' : '_of_address'}`;
  const list = lists.get(name) ?? listWith(name, which);
  lists.set(name, list);
  return list;
}

type Filters = Omit<ListedInvites, 'limit' | 'cursor'>;

/** The values of a list, or the places for them in a prepared query. */
interface ListValues {
  accountId: AccountId | Param;
  now: Param | SQL;
  email?: string | Placeholder;
  cursor: InviteId | Param;
  limit: number | Placeholder;
}

const listWith = (name: string, which: Filters) =>
  prepared(name, (db) =>
    selectList(db, which, {
      accountId: placeholderFor(invites.accountId, 'accountId'),
      now: placeholderFor(invites.expiresAt, 'now'),
      email: sql.placeholder('email'),
      cursor: placeholderFor(invites.id, 'cursor'),
      limit: sql.placeholder('limit'),
    }),
  );

function selectList(db: Db, { status, delivery, email }: Filters, values: ListValues) {
  return selectInvites(db)
    .where(
      and(
        eq(invites.accountId, values.accountId),
        status === undefined ? undefined : hasStatus(status, values.now),
        delivery === undefined ? undefined : hasOutcome(delivery),
        email === undefined ? undefined : eq(invites.email, values.email ?? email),
        lt(invites.id, values.cursor),
      ),
    )
    .orderBy(desc(invites.id))
    .limit(values.limit);
}

/** What became of the mail, as a condition. In words and not in parameters, so that the index of each outcome is used. */
function hasOutcome(outcome: DeliveryOutcome) {
  return isOneOf('invites.delivery_event', deliveryEventsOf[outcome]);
}

// --- Changing and deciding ------------------------------------------------------------------------------------------

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

/** Keeps how often a mail of an invite was tried, and when the mail service took it. */
export async function markSendingTried(
  tx: Tx,
  { accountId, id, sending }: { accountId: AccountId; id: InviteId; sending: number },
  tried: Partial<Pick<InviteRow, 'deliveryAttempts' | 'deliveryReason' | 'lastSentAt'>>,
): Promise<void> {
  await tx
    .update(invites)
    .set(tried)
    .where(and(eq(invites.accountId, accountId), eq(invites.id, id), eq(invites.sendings, sending)));
}
