import { and, asc, eq, isNotNull, type SQL, sql } from 'drizzle-orm';
import type { Db, Tx } from '../../database/database.ts';
import { deliveryEvents, invites, outbox, undeliverableAddresses } from '../../database/schema.ts';
import { isDistributed } from '../../database/statements.ts';
import { deliveryEventNames } from '../../database/tables/enums.ts';
import { type AccountId, type DeliveryEventId, type DeliveryId, type InviteId, newId, uuidOf } from '../../ids/ids.ts';
import type { OutboxRow } from '../../mail/outbox/store.ts';
import { type DeliveryEventName, finalityOf, stoppingEvents } from './events.ts';

export type DeliveryEventRow = typeof deliveryEvents.$inferSelect;
export type UndeliverableRow = typeof undeliverableAddresses.$inferSelect;

/** A delivery event to record. */
export interface ReportedEvent {
  deliveryId: DeliveryId;
  /** The reporter and its name for the event. A repeated event has the same source. */
  source: string;
  event: DeliveryEventName;
  reason: string | null;
  attempt: number | null;
  occurredAt: Date;
}

/**
 * Records events from a mail service, for mails of any account, in one statement. If Citus
 * distributes the tables, looks up the accounts of the mails first, then runs one statement, and
 * so one transaction, for each account. A batch that fails halfway can be sent again.
 */
export async function recordReported(db: Db, reported: readonly ReportedEvent[]): Promise<void> {
  if (!isDistributed(db)) return recordEvents(db, null, reported);
  for (const [accountId, events] of await groupByAccount(db, reported)) await recordEvents(db, accountId, events);
}

/**
 * Groups events by the account of their mail. Leaves out events of mails that are not of invites.
 */
async function groupByAccount(db: Db, reported: readonly ReportedEvent[]): Promise<Map<AccountId, ReportedEvent[]>> {
  const groups = new Map<AccountId, ReportedEvent[]>();
  if (reported.length === 0) return groups;
  const ids = sql.param(reported.map((it) => uuidOf('dlv', it.deliveryId)));
  const mails = await db
    .select({ accountId: outbox.accountId, id: outbox.id })
    .from(outbox)
    .where(and(sql`${outbox.id} = any(${ids}::uuid[])`, isNotNull(outbox.inviteId)))
    .orderBy(asc(outbox.accountId));
  const accountOf = new Map(mails.map((it) => [it.id, it.accountId]));
  for (const event of reported) {
    const accountId = accountOf.get(event.deliveryId);
    if (!accountId) continue;
    const group = groups.get(accountId) ?? [];
    group.push(event);
    groups.set(accountId, group);
  }
  return groups;
}

/**
 * Records events of mails of invites in one statement. Each event is inserted once. The most final
 * one becomes the delivery status of its invite, if it is about the last sending and more final
 * than the current status. Addresses of bounces, drops and spam reports become undeliverable.
 * Events of other mails are ignored. Rows are locked in key order, so that two batches never
 * deadlock, and in a query of a single table, as Citus requires.
 * @param accountId the account of all the mails, used as a parameter in every part; null for mails
 * of any accounts, which Citus can't plan.
 */
export async function recordEvents(
  db: Db,
  accountId: AccountId | null,
  events: readonly ReportedEvent[],
): Promise<void> {
  if (events.length === 0) return;
  const rows = events.map(({ deliveryId, occurredAt, ...it }) => ({
    ...it,
    id: uuidOf('evt', newId('evt')),
    delivery_id: uuidOf('dlv', deliveryId),
    occurred_at: occurredAt.toISOString(),
    finality: finalityOf(it.event),
    is_stopping: stoppingEvents.includes(it.event),
  }));
  const parameter = accountId && sql`${sql.param(accountId, invites.accountId)}::uuid`;
  const accountOf = (rows: string) => parameter ?? sql.raw(`${rows}.account_id`);
  const hasAccount = (rows: SQL) => (parameter ? sql`${rows}.account_id = ${parameter} and` : sql``);
  const isMostFinal = parameter
    ? sql`account_id = ${parameter} and id = any(array(select invite_id from most_final))`
    : sql`(account_id, id) in (select account_id, invite_id from most_final)`;
  await db.execute(sql`
    with reported as (
      select * from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as it (
        id uuid, delivery_id uuid, source text, event text, reason text, attempt integer, occurred_at timestamptz,
        finality integer, is_stopping boolean)),
    matched as (
      select distinct on (outbox.account_id, invite_id, delivery_id, source) outbox.account_id, invite_id, delivery_id, source, reported.id,
        sending, case kind when 'invite' then 'invite' else 'reminder' end as mail, attempt, event, reason, occurred_at
      from reported join ${outbox} on ${hasAccount(sql`outbox`)} outbox.id = delivery_id
      where invite_id is not null and sending is not null
      order by outbox.account_id, invite_id, delivery_id, source),
    inserted as (
      insert into ${deliveryEvents} (account_id, invite_id, delivery_id, source, id, sending, mail, attempt, event, reason, occurred_at)
      select ${accountOf('matched')}, invite_id, delivery_id, source, id, sending, mail, attempt, event, reason, occurred_at from matched
      on conflict do nothing
      returning account_id, invite_id, id, sending, mail, event, reason, occurred_at),
    new_events as (
      select inserted.*, finality, is_stopping from inserted join reported using (id)),
    stopped as (
      insert into ${undeliverableAddresses} as existing (account_id, email, invite_id, event, reason, occurred_at)
      select distinct on (new_events.account_id, email) ${accountOf('new_events')}, email, invite_id, event, new_events.reason, occurred_at
      from new_events join ${invites} on invites.account_id = ${accountOf('new_events')} and invites.id = invite_id
      where is_stopping
      order by new_events.account_id, email, occurred_at desc
      on conflict (account_id, email) do update
        set invite_id = excluded.invite_id, event = excluded.event, reason = excluded.reason, occurred_at = excluded.occurred_at
        where excluded.occurred_at > existing.occurred_at),
    most_final as (
      select distinct on (account_id, invite_id, sending) * from new_events
      where mail = 'invite' or is_stopping
      order by account_id, invite_id, sending, finality desc, occurred_at desc),
    locked as (
      select account_id, id, sendings, delivery_event as event_before, coalesce(delivery_at, created_at) as before
      from ${invites}
      where ${isMostFinal}
      order by account_id, id
      for no key update)
    update ${invites} set delivery_event = event, delivery_reason = reason, delivery_at = occurred_at
    from locked join most_final on locked.account_id = most_final.account_id and locked.id = invite_id and locked.sendings = sending
      and (finality, occurred_at) > (${finality(sql`event_before`)}, before)
    where invites.account_id = ${accountOf('locked')} and invites.id = locked.id`);
}

/**
 * Records that failed mails were queued again, in the delivery events and on the invites. Runs two
 * statements for any number of mails.
 */
export async function recordQueuedAgain(tx: Tx, mails: readonly OutboxRow[], now: Date): Promise<void> {
  const at = sql`${sql.param(now, deliveryEvents.occurredAt)}::timestamptz`;
  const rows = mails.flatMap(({ accountId, inviteId, sending, kind, id }) =>
    inviteId === null
      ? []
      : {
          ...{
            account_id: uuidOf('acc', accountId),
            invite_id: uuidOf('inv', inviteId),
            delivery_id: uuidOf('dlv', id),
          },
          ...{ sending, mail: kind === 'invite' ? 'invite' : 'reminder', id: uuidOf('evt', newId('evt')) },
        },
  );
  const again = sql`jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as again (
    account_id uuid, invite_id uuid, delivery_id uuid, sending integer, mail text, id uuid)`;
  await tx.execute(sql`
    insert into ${deliveryEvents} (account_id, invite_id, delivery_id, source, id, sending, mail, event, occurred_at)
    select account_id, invite_id, delivery_id, 'usher queued ' || id, id, sending, mail, 'queued', ${at} from ${again}`);
  await tx.execute(sql`
    update ${invites} set delivery_event = 'queued', delivery_reason = null, delivery_at = ${at}, delivery_attempts = 0
    from ${again}
    where invites.account_id = again.account_id and invites.id = invite_id and sendings = again.sending and mail = 'invite'`);
}

/** `finalityOf`, as SQL. */
function finality(event: SQL): SQL {
  const whens = deliveryEventNames.map((it) => sql.raw(`when '${it}' then ${finalityOf(it)}`));
  return sql`case ${event} ${sql.join(whens, sql.raw(' '))} end`;
}

/** The delivery events of an invite, oldest first, at most `limit` + 1. */
export function listEvents(
  db: Db,
  accountId: AccountId,
  inviteId: InviteId,
  { limit, cursor }: { limit: number; cursor?: DeliveryEventId },
): Promise<DeliveryEventRow[]> {
  const ofInvite = and(eq(deliveryEvents.accountId, accountId), eq(deliveryEvents.inviteId, inviteId));
  const last = db
    .select({ occurredAt: deliveryEvents.occurredAt, id: deliveryEvents.id })
    .from(deliveryEvents)
    .where(and(ofInvite, cursor === undefined ? undefined : eq(deliveryEvents.id, cursor)));
  const isAfter = sql`(${deliveryEvents.occurredAt}, ${deliveryEvents.id}) > (${last})`;
  return db
    .select()
    .from(deliveryEvents)
    .where(and(ofInvite, cursor === undefined ? undefined : isAfter))
    .orderBy(asc(deliveryEvents.occurredAt), asc(deliveryEvents.id))
    .limit(limit + 1);
}

/** Why an address is undeliverable for an account; undefined if it is not. */
export async function findUndeliverable(
  db: Db,
  accountId: AccountId,
  email: string,
): Promise<UndeliverableRow | undefined> {
  const [found] = await db.select().from(undeliverableAddresses).where(isAddress(accountId, email));
  return found;
}

export async function deleteUndeliverable(tx: Tx, accountId: AccountId, email: string): Promise<void> {
  await tx.delete(undeliverableAddresses).where(isAddress(accountId, email));
}

const isAddress = (accountId: AccountId, email: string) =>
  and(eq(undeliverableAddresses.accountId, accountId), eq(undeliverableAddresses.email, email));
