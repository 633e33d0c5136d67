import type { FastifyBaseLogger } from 'fastify';
import type { Db } from '../../database/database.ts';
import { isConnectionLost } from '../../database/errors.ts';
import type { Outages } from '../../database/outages.ts';
import { transaction } from '../../database/transaction.ts';
import type { Limiter } from '../../limits/limits.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { SendOutcome, Transport } from '../mail.ts';
import { maxAttempts, retryDelay } from './backoff.ts';
import { createLoop } from './loop.ts';
import type { MessageWriters, SendingResult } from './message-writer.ts';
import { createPace, type Pace, unlimited } from './pace.ts';
import { countMail, dueAfter } from './recipient-limit.ts';
import { claimDue, type Lane, lanes, type OutboxRow, settle } from './store.ts';

/** Milliseconds. Longer than any attempt to send, so that no other worker sends the same mail. */
const lease = 30_000;
/** Milliseconds between polls. */
const defaultInterval = 1_000;
/** Milliseconds. Longer than all timeouts of a poll together, so a longer poll is stuck. */
const maxPollTime = 120_000;
/** How many messages of a lane are sent concurrently. */
const batchSize = 10;

export interface Worker {
  /** Starts to poll for due messages. */
  start(): void;
  /** Requests a poll soon, because a message may have been enqueued. */
  wake(): void;
  /**
   * Sends everything that is due now, without a rate limit.
   * @returns how many messages were handled.
   */
  drain(): Promise<number>;
  /** Whether a poll does not end. */
  isStuck(): boolean;
  /** Stops polling. Resolves when the messages being sent are done. */
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
  /** Milliseconds between polls. */
  interval?: number;
  /** Messages of the backlog lane per second. */
  backlogRate: number;
}

/**
 * Creates the worker that sends the messages in the outbox. Any number of workers may run on one
 * database. The two lanes run independently, so that a backlog does not delay new messages.
 */
export function createWorker(options: WorkerOptions): Worker {
  const { log, interval = defaultInterval, backlogRate } = options;
  const createLaneLoop = (lane: Lane, pace: Pace) => {
    const poll = () => sendBatch(options, lane, pace).then(({ hasMore }) => hasMore);
    const pollSafely = () =>
      poll().catch((error) => {
        if (isConnectionLost(error)) options.service.outages.report(error);
        else log.error({ err: error }, 'the outbox could not be read');
        return false;
      });
    return createLoop(pollSafely, interval, options.service.clock);
  };
  const fresh = createLaneLoop('fresh', unlimited);
  const loops = [fresh, createLaneLoop('backlog', createPace(backlogRate))];

  async function drain(): Promise<number> {
    const batches = await Promise.all(lanes.map((lane) => sendBatch(options, lane, unlimited)));
    const handled = batches.reduce((sum, it) => sum + it.handled, 0);
    return handled === 0 ? 0 : handled + (await drain());
  }

  return {
    start: () => loops.forEach((it) => void it.start()),
    wake: fresh.wake,
    drain,
    isStuck: () => loops.some((it) => isTooLong(it.runningSince(), options.service.clock())),
    stop: async () => void (await Promise.all(loops.map((it) => it.stop()))),
  };
}

const isTooLong = (since: Date | undefined, now: Date) => now.getTime() - (since ?? now).getTime() > maxPollTime;

/** Claims and sends a batch of a lane. */
async function sendBatch(
  options: WorkerOptions,
  lane: Lane,
  pace: Pace,
): Promise<{ handled: number; hasMore: boolean }> {
  const { db, clock } = options.service;
  const now = clock();
  const limit = pace.take(batchSize, now);
  if (limit === 0) return { handled: 0, hasMore: false };
  const rows = await claimDue(db, lane, { now, leaseUntil: new Date(now.getTime() + lease), limit });
  pace.putBack(limit - rows.length);
  await Promise.all(rows.map((row) => deliver(options, row)));
  return { handled: rows.length, hasMore: rows.length === limit };
}

/** Writes a mail, sends it and records the result. */
async function deliver(options: WorkerOptions, row: OutboxRow): Promise<void> {
  const { service, writers, log } = options;
  const about = { delivery: row.id, kind: row.kind, attempt: row.attempts };
  try {
    const outcome = await send(options, row).catch((err): WorkerOutcome => {
      log.error({ err, ...about }, 'a mail could not be written');
      return { outcome: 'deferred', reason: 'the mail could not be written' };
    });
    const now = service.clock();
    if (outcome?.outcome === 'delayed') {
      await delay(options, row, outcome.dueAt);
      service.metrics.countMail(row.kind, 'delayed');
      return log.info({ ...about, outcome: 'delayed', dueAt: outcome.dueAt }, 'mail');
    }
    const changes = toChanges(outcome, row, now);
    const result = outcome && toSendingResult(outcome, changes, row);
    await transaction(service.db, async (tx) => {
      const isOurs = await settle(tx, row, changes);
      if (isOurs && result) await writers[row.kind].onResult?.(tx, row, result, now);
    });
    service.metrics.countMail(row.kind, result && changes.status !== 'dropped' ? result.event : 'dropped');
    log.info({ ...about, ...(outcome ?? { outcome: 'dropped' }) }, 'mail');
  } catch (err) {
    // The lease expires, and the message is claimed again. If it was sent, it is sent twice.
    log.error({ err, ...about }, 'the result of sending a mail could not be recorded');
  }
}

/** The transport's outcome, `dropped` with a reason, or `delayed` by the recipient's limit. */
type WorkerOutcome = FinalOutcome | { outcome: 'delayed'; dueAt: Date };
type FinalOutcome = SendOutcome | { outcome: 'dropped'; reason: string };

/** Writes and sends a mail. @returns the outcome; undefined if the message is obsolete. */
async function send(
  { service, writers, transport }: WorkerOptions,
  row: OutboxRow,
): Promise<WorkerOutcome | undefined> {
  const now = service.clock();
  const written = await writers[row.kind].write(row, now);
  if (!written) return undefined;
  if ('dropReason' in written) return { outcome: 'dropped', reason: written.dropReason };
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

/** The reason shown for a delayed mail. It does not name the senders of the other mails. */
const delayReason = 'This address has been sent many mails today. The mail will be sent automatically later.';

/** Delays a mail. The attempt that the claim counted is subtracted again. */
function delay({ service, writers }: WorkerOptions, row: OutboxRow, dueAt: Date): Promise<void> {
  return transaction(service.db, async (tx) => {
    const isOurs = await settle(tx, row, { dueAt, attempts: row.attempts - 1, lastError: delayReason });
    if (isOurs) await writers[row.kind].onDelayed?.(tx, row, { reason: delayReason, dueAt });
  });
}

function toSendingResult(
  outcome: FinalOutcome,
  { status, lastError }: ReturnType<typeof toChanges>,
  { attempts }: OutboxRow,
): SendingResult {
  const isBounce = outcome.outcome === 'refused' && outcome.isBounce === true;
  const hasFailed = status === 'failed' || status === 'dropped';
  const event = isBounce ? 'bounced' : hasFailed ? 'failed' : status === 'sent' ? 'sent' : 'retrying';
  return { event, attempt: attempts, reason: lastError ?? null };
}

function toChanges(
  outcome: FinalOutcome | undefined,
  { attempts }: OutboxRow,
  now: Date,
): Partial<Pick<OutboxRow, 'status' | 'dueAt' | 'settledAt' | 'lastError'>> {
  if (!outcome) return { status: 'dropped' as const, settledAt: now };
  if (outcome.outcome === 'sent') return { status: 'sent' as const, settledAt: now, lastError: null };
  const lastError = outcome.reason;
  if (outcome.outcome === 'dropped') return { status: 'dropped' as const, settledAt: now, lastError };
  if (outcome.outcome === 'refused' || attempts >= maxAttempts) {
    return { status: 'failed' as const, settledAt: now, lastError };
  }
  const wait = retryDelay(attempts, Math.random(), outcome.retryAfter) * 1000;
  return { dueAt: new Date(now.getTime() + wait), lastError };
}
