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
import { deliveryEventsOf } from '../database/tables/enums.ts';
import type { AccountId, InviteId } from '../ids/ids.ts';
import type { DeliveryOutcome } from './deliveries/events.ts';
import { hasStatus, type InviteStatus } from './status.ts';

export type InviteRow = typeof invites.$inferSelect;

/** The users table, joined for the inviter. */
export const inviters = alias(users, 'inviters');
export const inviterColumns = { id: inviters.id, name: inviters.name };

// --- Reading -------------------------------------------------------------------------------------

/** The columns that a view needs. Lists are long, and every column costs. */
const { accountId, invitedBy, lifetimeDays, decidedAt, ...viewColumns } = getTableColumns(invites);

const selectInvites = (db: Db) =>
  db
    .select({
      invite: viewColumns,
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

interface Filters {
  status?: InviteStatus;
  delivery?: DeliveryOutcome;
  email?: string;
}

/** Sorts after the id of every invite. */
const maxInviteId = 'inv_7zzzzzzzzzzzzzzzzzzzzzzzzz' as InviteId;

/**
 * Invites of an account, newest first, at most `limit` + 1. Filters by the status that invites have
 * at `now`.
 */
export function listInvites(
  db: Db,
  accountId: AccountId,
  now: Date,
  { limit, cursor = maxInviteId, ...filters }: Filters & { limit: number; cursor?: InviteId },
) {
  const values = { accountId, cursor, limit: limit + 1 };
  // Not prepared, and with the time as a literal: the best plan depends on the number of expired
  // invites. A generic plan would read every pending invite.
  if (filters.status === 'expired') return selectList(db, filters, { ...values, ...filters, now: literalTime(now) });
  return preparedList(filters)(db).execute({ ...filters, ...values, now });
}

const lists = new Map<string, ReturnType<typeof prepareList>>();

/** The statement for a combination of filters. Each has its own conditions and its own plan. */
function preparedList(filters: Filters) {
  const { status = 'any', delivery = 'any', email } = filters;
  const name = `list_invites_${status}_${delivery}${email === undefined ? '' : '_of_address'}`;
  const list = lists.get(name) ?? prepareList(name, filters);
  lists.set(name, list);
  return list;
}

/** The values of a list query, or their placeholders in a prepared statement. */
interface ListValues {
  accountId: AccountId | Param;
  now: Param | SQL;
  email?: string | Placeholder;
  cursor: InviteId | Param;
  limit: number | Placeholder;
}

const prepareList = (name: string, filters: Filters) =>
  prepared(name, (db) =>
    selectList(db, filters, {
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

/** With literals instead of parameters, so that the partial index of each outcome can be used. */
function hasOutcome(outcome: DeliveryOutcome) {
  return isOneOf('invites.delivery_event', deliveryEventsOf[outcome]);
}

// --- Changing ------------------------------------------------------------------------------------

/** Locks an invite until the transaction ends, and returns it as read under the lock. */
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

/** Updates the delivery columns of an invite if `sending` is still its last sending. */
export async function updateLastSending(
  tx: Tx,
  { accountId, id, sending }: { accountId: AccountId; id: InviteId; sending: number },
  changes: Partial<Pick<InviteRow, 'deliveryAttempts' | 'deliveryReason' | 'lastSentAt'>>,
): Promise<void> {
  await tx
    .update(invites)
    .set(changes)
    .where(and(eq(invites.accountId, accountId), eq(invites.id, id), eq(invites.sendings, sending)));
}
