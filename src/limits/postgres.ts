import { inArray, sql } from 'drizzle-orm';
import type { Db } from '../database/database.ts';
import { rateLimits } from '../database/schema.ts';
import { placeholderFor, prepared } from '../database/statements.ts';
import type { Count, Counters } from './counters.ts';

/** Milliseconds between two clean-ups. */
const cleaningInterval = 60_000;
/** How many expired rows one statement deletes. It takes about 20 ms. */
const cleaningBatch = 10_000;
/** Milliseconds that an expired row stays, since the clocks of replicas differ a little. */
const grace = 60_000;

/**
 * Counts in a table that the replicas share. Not for use inside a transaction: a refusal would roll
 * back the counts, and the rows would stay locked until the transaction ends.
 */
export function postgresCounters(db: Db): Counters {
  let cleanedAt = 0;
  let isClosed = false;
  let cleaning: Promise<unknown> = Promise.resolve();

  /**
   * Cleans up once per interval, in the background. The next clean-up makes up for one that fails.
   */
  function clean(now: Date): void {
    if (now.getTime() < cleanedAt + cleaningInterval) return;
    cleanedAt = now.getTime();
    cleaning = deleteAllExpired(new Date(cleanedAt - grace)).catch(() => {});
  }

  async function deleteAllExpired(before: Date): Promise<void> {
    const { length } = await deleteExpired(db, before);
    if (length === cleaningBatch && !isClosed) await deleteAllExpired(before);
  }

  return {
    async hit(hits, now) {
      if (hits.length === 0) return [];
      const rows = await countUp(db).execute({ keys: keysOf(hits), windows: windowsOf(hits), now });
      clean(now);
      const counts = new Map(rows.map(({ key, ...count }) => [key, count]));
      return hits.map(({ key }) => counts.get(key) as Count);
    },
    async undo(hits) {
      if (hits.length === 0) return;
      await countDown(db).execute({ keys: keysOf(hits), ends: hits.map((it) => it.resetsAt.toISOString()) });
    },
    async clear(keys) {
      if (keys.length > 0) await db.delete(rateLimits).where(inArray(rateLimits.key, [...keys]));
    },
    async close() {
      isClosed = true;
      await cleaning;
    },
  };
}

const keysOf = (hits: readonly { key: string }[]) => hits.map((it) => it.key);
const windowsOf = (hits: readonly { window: number }[]) => hits.map((it) => it.window);

/** Locks its rows in the order of their keys, so that two such statements can't deadlock. */
const countUp = prepared('count_up', (db) => {
  const now = sql`${placeholderFor(rateLimits.resetsAt, 'now')}::timestamptz`;
  const { key, count, resetsAt } = rateLimits;
  const counted = db.$with('counted', { key, count, resetsAt }).as(sql`
    insert into rate_limits as running (key, count, resets_at)
    select key, count(*)::integer, ${now} + max(seconds) * interval '1 second'
    from unnest(${sql.placeholder('keys')}::text[], ${sql.placeholder('windows')}::integer[]) as hit (key, seconds)
    group by key order by key
    on conflict (key) do update set
      count = case when running.resets_at <= ${now} then excluded.count else running.count + excluded.count end,
      resets_at = case when running.resets_at <= ${now} then excluded.resets_at else running.resets_at end
    returning key, count, resets_at`);
  return db.with(counted).select().from(counted);
});

/**
 * Locks its rows in the same order. Deletes rows whose count reaches 0, so that refused attempts
 * leave none.
 */
const countDown = prepared('count_down', (db) => {
  const { key } = rateLimits;
  const keys = sql`${sql.placeholder('keys')}::text[]`;
  const locked = db.$with('locked', { key }).as(sql`
    select key, count, resets_at from rate_limits where key = any(${keys}) order by key for update`);
  const undone = db.$with('undone', { key }).as(sql`
    select key, count - times as left from locked join (
      select key, ends_at, count(*)::integer as times
      from unnest(${keys}, ${sql.placeholder('ends')}::text[]::timestamptz[]) as hit (key, ends_at)
      group by key, ends_at) hit using (key)
    where resets_at = ends_at`);
  const emptied = db.$with('emptied', { key }).as(sql`
    delete from rate_limits where key in (select key from undone where undone.left <= 0) returning key`);
  const lowered = db.$with('lowered', { key }).as(sql`
    update rate_limits set count = undone.left from undone where rate_limits.key = undone.key and undone.left > 0
    returning rate_limits.key`);
  return db.with(locked, undone, emptied, lowered).select().from(lowered);
});

/** Skips rows that another replica has locked. */
const deleteExpired = (db: Db, before: Date) =>
  db
    .delete(rateLimits)
    .where(
      sql`${rateLimits.key} in (
        select key from rate_limits where resets_at <= ${sql.param(before, rateLimits.resetsAt)}
        order by resets_at limit ${cleaningBatch} for update skip locked)`,
    )
    .returning({ key: rateLimits.key });
