import type { FastifyBaseLogger } from 'fastify';
import type { Db } from '../../database/database.ts';
import { isConnectionLost } from '../../database/errors.ts';
import type { Outages } from '../../database/outages.ts';
import { transaction } from '../../database/transaction.ts';
import type { Limiter } from '../../limits/limits.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { Outcome, Transport } from '../mail.ts';
import { mostAttempts, waitAfter } from './backoff.ts';
import { createLoop } from './loop.ts';
import type { MessageWriters, SendingResult } from './message-writer.ts';
import { createPace, type Pace, unpaced } from './pace.ts';
import { countMail, dueAfter } from './recipient-limit.ts';
import { claimDue, type Lane, lanes, type OutboxRow, settle } from './store.ts';

/** Milliseconds. A lease outlasts the longest try to send, so that nobody else begins the same mail meanwhile. */
const lease = 30_000;
/** Milliseconds between looks for what is due, where nothing else is said. */
const defaultInterval = 1_000;
/** Milliseconds. Every wait inside a look has a timeout: one that takes longer than all of them will not end. */
const longestLook = 120_000;
/** How many mails of one lane are in hand at once. */
const atOnce = 10;

export interface Worker {
  /** Begins to look for mails that are due. */
  start(): void;
  /** Says that something may have been promised just now. */
  wake(): void;
  /** Sends all that is due now, at no pace, and answers when it is settled: how many rows were handled. */
  drain(): Promise<number>;
  /** Whether it has stopped for no reason that it knows: a look goes on and on. */
  isStuck(): boolean;
  /** Stops looking, and answers when the mails in hand are settled. */
  stop(): Promise<void>;
}

export interface WorkerOptions {
  service: {
    db: Db;
    outages: Pick<Outages, 'report'>;
    clock: () => Date;
    limiter: Limiter;
    metrics: Pick<Metrics, 'countMail'>;
  };
  writers: MessageWriters;
  transport: Transport;
  log: Pick<FastifyBaseLogger, 'info' | 'warn' | 'error'>;
  /** Milliseconds between looks for what is due. */
  interval?: number;
  /** How many mails of the backlog are taken each second. */
  backlogRate: number;
}

/**
 * The worker that keeps what was promised in the outbox. Any number of them may run on one database. Its two lanes go their
 * own way: a mail that was just promised waits behind no backlog, and behind no hanging try to send one.
 */
export function createWorker(options: WorkerOptions): Worker {
  const { log, interval = defaultInterval, backlogRate } = options;
  const loopOf = (lane: Lane, pace: Pace) => {
    const look = () => work(options, lane, pace).then(({ isMore }) => isMore);
    const calmly = () =>
      look().catch((error) => {
        if (isConnectionLost(error)) options.service.outages.report(error);
        else log.error({ err: error }, 'the outbox could not be read');
        return false;
      });
    return createLoop(calmly, interval, options.service.clock);
  };
  const fresh = loopOf('fresh', unpaced);
  const loops = [fresh, loopOf('backlog', createPace(backlogRate))];

  async function drain(): Promise<number> {
    const done = await Promise.all(lanes.map((lane) => work(options, lane, unpaced)));
    const handled = done.reduce((sum, it) => sum + it.handled, 0);
    return handled === 0 ? 0 : handled + (await drain());
  }

  return {
    start: () => loops.forEach((it) => void it.start()),
    wake: fresh.wake,
    drain,
    isStuck: () => loops.some((it) => isLong(it.lookingSince(), options.service.clock())),
    stop: async () => void (await Promise.all(loops.map((it) => it.stop()))),
  };
}

const isLong = (since: Date | undefined, now: Date) => now.getTime() - (since ?? now).getTime() > longestLook;

/** Takes and sends some of a lane. */
async function work(options: WorkerOptions, lane: Lane, pace: Pace): Promise<{ handled: number; isMore: boolean }> {
  const { db, clock } = options.service;
  const now = clock();
  const most = pace.take(atOnce, now);
  if (most === 0) return { handled: 0, isMore: false };
  const rows = await claimDue(db, lane, { now, leaseUntil: new Date(now.getTime() + lease), most });
  pace.putBack(most - rows.length);
  await Promise.all(rows.map((row) => deliver(options, row)));
  return { handled: rows.length, isMore: rows.length === most };
}

/** One mail: written from what is true now, sent, and what came of it written down. */
async function deliver(options: WorkerOptions, row: OutboxRow): Promise<void> {
  const { service, writers, log } = options;
  const about = { delivery: row.id, kind: row.kind, attempt: row.attempts };
  try {
    const outcome = await send(options, row).catch((err): Sent => {
      log.error({ err, ...about }, 'a mail could not be written');
      return { outcome: 'deferred', reason: 'the mail could not be written' };
    });
    const now = service.clock();
    if (outcome?.outcome === 'delayed') {
      await delay(options, row, outcome.dueAt);
      service.metrics.countMail(row.kind, 'delayed');
      return log.info({ ...about, outcome: 'delayed', dueAt: outcome.dueAt }, 'mail');
    }
    const changes = settlementOf(outcome, row, now);
    const told = outcome && toldOf(outcome, changes, row);
    await transaction(service.db, async (tx) => {
      const isOurs = await settle(tx, row, changes);
      if (isOurs && told) await writers[row.kind].settled?.(tx, row, told, now);
    });
    service.metrics.countMail(row.kind, told && changes.status !== 'dropped' ? told.event : 'dropped');
    log.info({ ...about, ...(outcome ?? { outcome: 'dropped' }) }, 'mail');
  } catch (err) {
    // The lease runs out, and the row is claimed again: by then it may have been sent, and is sent twice.
    log.error({ err, ...about }, 'what came of a mail could not be written down');
  }
}

/**
 * The transport's outcome, `dropped` with a reason to record, or `delayed` by the limit of the
 * recipient.
 */
type Sent = Attempted | { outcome: 'delayed'; dueAt: Date };
type Attempted = Outcome | { outcome: 'dropped'; reason: string };

/** @returns what came of it; undefined where there was nothing to say any more. */
async function send({ service, writers, transport }: WorkerOptions, row: OutboxRow): Promise<Sent | undefined> {
  const now = service.clock();
  const written = await writers[row.kind].write(row, now);
  if (!written) return undefined;
  if ('withheld' in written) return { outcome: 'dropped', reason: written.withheld };
  const { sender, ...mail } = written;
  const taken = await countMail(service.limiter, row, { to: mail.to, sender }, now);
  if (taken.exceeded) {
    await taken.giveBack();
    return { outcome: 'delayed', dueAt: dueAfter(taken.exceeded.until, taken, row) };
  }
  const outcome = await transport({ deliveryId: row.id, ...mail }, service.clock());
  if (outcome.outcome !== 'sent') await taken.giveBack();
  return outcome;
}

/** The reason that a delayed mail shows. It does not name the senders of the other mails. */
const delayReason = 'This address has been sent many mails today. The mail will be sent automatically later.';

/** Delays a mail. This is not a failure, so the attempt that the claim counted is taken back. */
function delay({ service, writers }: WorkerOptions, row: OutboxRow, dueAt: Date): Promise<void> {
  return transaction(service.db, async (tx) => {
    const isOurs = await settle(tx, row, { dueAt, attempts: row.attempts - 1, lastError: delayReason });
    if (isOurs) await writers[row.kind].delayed?.(tx, row, { reason: delayReason, dueAt });
  });
}

/** The same, as its feature is told. */
function toldOf(
  outcome: Attempted,
  { status, lastError }: ReturnType<typeof settlementOf>,
  { attempts }: OutboxRow,
): SendingResult {
  const isBounce = outcome.outcome === 'refused' && outcome.isBounce === true;
  const isGivenUp = status === 'failed' || status === 'dropped';
  const event = isBounce ? 'bounced' : isGivenUp ? 'failed' : status === 'sent' ? 'sent' : 'retrying';
  return { event, attempt: attempts, reason: lastError ?? null };
}

function settlementOf(
  outcome: Attempted | undefined,
  { attempts }: OutboxRow,
  now: Date,
): Partial<Pick<OutboxRow, 'status' | 'dueAt' | 'settledAt' | 'lastError'>> {
  if (!outcome) return { status: 'dropped' as const, settledAt: now };
  if (outcome.outcome === 'sent') return { status: 'sent' as const, settledAt: now, lastError: null };
  const lastError = outcome.reason;
  if (outcome.outcome === 'dropped') return { status: 'dropped' as const, settledAt: now, lastError };
  if (outcome.outcome === 'refused' || attempts >= mostAttempts) {
    return { status: 'failed' as const, settledAt: now, lastError };
  }
  const wait = waitAfter(attempts, Math.random(), outcome.retryAfter) * 1000;
  return { dueAt: new Date(now.getTime() + wait), lastError };
}
