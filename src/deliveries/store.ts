import { and, asc, eq, type SQL, sql } from 'drizzle-orm';
import type { Db, Tx } from '../database/database.ts';
import { deliveryEvents, invites, outbox, undeliverableAddresses } from '../database/schema.ts';
import { deliveryEventNames } from '../database/tables/columns.ts';
import { type AccountId, type DeliveryEventId, type DeliveryId, type InviteId, newId, uuidOf } from '../ids.ts';
import { type DeliveryEventName, finalityOf, stopping } from './events.ts';

export type DeliveryEventRow = typeof deliveryEvents.$inferSelect;
export type UndeliverableRow = typeof undeliverableAddresses.$inferSelect;

/** Something that became of a mail, as it is told. */
export interface ToldEvent {
  deliveryId: DeliveryId;
  /** Who says it and what they call it: the same for the same thing told again. */
  source: string;
  event: DeliveryEventName;
  reason: string | null;
  attempt: number | null;
  occurredAt: Date;
}

/**
 * Keeps what became of mails of invites, however many they are, in one statement: into the timeline, once each; onto the
 * invite, where it is of its last sending and more final than what stands there; and the addresses to which no more is sent.
 * What is about no mail of an invite is passed over. Everything is taken in the order of its keys, so that two batches wait
 * for each other and never for ever.
 */
export async function recordEvents(db: Db, told: ToldEvent[]): Promise<void> {
  if (told.length === 0) return;
  const rows = told.map(({ deliveryId, occurredAt, ...it }) => ({
    ...it,
    id: uuidOf('evt', newId('evt')),
    delivery_id: uuidOf('dlv', deliveryId),
    occurred_at: occurredAt.toISOString(),
    finality: finalityOf(it.event),
    is_stopping: stopping.includes(it.event),
  }));
  await db.execute(sql`
    with told as (
      select * from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as it (
        id uuid, delivery_id uuid, source text, event text, reason text, attempt integer, occurred_at timestamptz,
        finality integer, is_stopping boolean)),
    known as (
      select distinct on (account_id, invite_id, delivery_id, source) account_id, invite_id, delivery_id, source, told.id,
        sending, case kind when 'invite' then 'invite' else 'reminder' end as mail, attempt, event, reason, occurred_at
      from told join ${outbox} on outbox.id = delivery_id
      where account_id is not null and invite_id is not null and sending is not null
      order by account_id, invite_id, delivery_id, source),
    kept as (
      insert into ${deliveryEvents} (account_id, invite_id, delivery_id, source, id, sending, mail, attempt, event, reason, occurred_at)
      select * from known
      on conflict do nothing
      returning account_id, invite_id, id, sending, mail, event, reason, occurred_at),
    news as (
      select kept.*, finality, is_stopping from kept join told using (id)),
    stopped as (
      insert into ${undeliverableAddresses} as known_before (account_id, email, invite_id, event, reason, occurred_at)
      select distinct on (account_id, email) account_id, email, invite_id, event, news.reason, occurred_at
      from news join ${invites} using (account_id) where invites.id = invite_id and is_stopping
      order by account_id, email, occurred_at desc
      on conflict (account_id, email) do update
        set invite_id = excluded.invite_id, event = excluded.event, reason = excluded.reason, occurred_at = excluded.occurred_at
        where excluded.occurred_at > known_before.occurred_at),
    most_final as (
      select distinct on (account_id, invite_id, sending) * from news
      where mail = 'invite' or is_stopping
      order by account_id, invite_id, sending, finality desc, occurred_at desc),
    held as (
      select account_id, invites.id, most_final.event, most_final.reason, occurred_at
      from ${invites} join most_final using (account_id)
      where invites.id = invite_id and sendings = sending
        and (finality, occurred_at) > (${finality(sql`delivery_event`)}, coalesce(delivery_at, created_at))
      order by account_id, invites.id
      for no key update of invites)
    update ${invites} set delivery_event = held.event, delivery_reason = held.reason, delivery_at = held.occurred_at
    from held where invites.account_id = held.account_id and invites.id = held.id`);
}

/** Keeps that mails which were given up are to be sent after all, however many: their invites wait again. One statement. */
export async function recordQueuedAgain(tx: Tx, deliveryIds: DeliveryId[], now: Date): Promise<void> {
  const at = sql.param(now, deliveryEvents.occurredAt);
  const rows = deliveryIds.map((it) => ({ id: uuidOf('evt', newId('evt')), delivery_id: uuidOf('dlv', it) }));
  await tx.execute(sql`
    with again as (
      select account_id, invite_id, sending, kind, delivery_id, told.id
      from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as told (id uuid, delivery_id uuid)
        join ${outbox} on outbox.id = delivery_id
      where account_id is not null and invite_id is not null and sending is not null),
    kept as (
      insert into ${deliveryEvents} (account_id, invite_id, delivery_id, source, id, sending, mail, event, occurred_at)
      select account_id, invite_id, delivery_id, 'usher queued ' || id, id, sending,
        case kind when 'invite' then 'invite' else 'reminder' end, 'queued', ${at}::timestamptz
      from again)
    update ${invites} set delivery_event = 'queued', delivery_reason = null, delivery_at = ${at}::timestamptz, delivery_attempts = 0
    from again
    where invites.account_id = again.account_id and invites.id = invite_id and sendings = again.sending and kind = 'invite'`);
}

/** `finalityOf`, as SQL. */
function finality(event: SQL): SQL {
  const whens = deliveryEventNames.map((it) => sql.raw(`when '${it}' then ${finalityOf(it)}`));
  return sql`case ${event} ${sql.join(whens, sql.raw(' '))} end`;
}

/** The timeline of an invite, oldest first, one more than `limit`. */
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

/** Why an account sends no more to an address; undefined where it does. */
export async function findUndeliverable(
  db: Db,
  accountId: AccountId,
  email: string,
): Promise<UndeliverableRow | undefined> {
  const [found] = await db.select().from(undeliverableAddresses).where(isOf(accountId, email));
  return found;
}

/** Lets an account send to an address again. */
export async function deleteUndeliverable(tx: Tx, accountId: AccountId, email: string): Promise<void> {
  await tx.delete(undeliverableAddresses).where(isOf(accountId, email));
}

const isOf = (accountId: AccountId, email: string) =>
  and(eq(undeliverableAddresses.accountId, accountId), eq(undeliverableAddresses.email, email));
