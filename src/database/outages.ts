import type { FastifyBaseLogger } from 'fastify';
import type { Db } from './database.ts';
import { outageReason } from './errors.ts';
import { createWriteCheck } from './write-check.ts';

/** Milliseconds between checks during an outage. */
const interval = 1_000;

/**
 * Tracks whether the database can be used, and logs each change once instead of at each request.
 */
export interface Outages {
  /**
   * Reports a failed operation. Only an error that all requests would get starts an outage.
   */
  report(error: unknown): void;
  /** Writes to the database, at most once a second. Rejects with the database's error. */
  checkWrite(): Promise<void>;
  close(): void;
}

export function watchOutages(db: Db, dataDir: string | undefined, log: Pick<FastifyBaseLogger, 'warn' | 'info'>) {
  const checkWrite = createWriteCheck(db, dataDir);
  let current: string | undefined;
  let timer: NodeJS.Timeout | undefined;

  const check = () => checkWrite().then(end, report);

  function end(): void {
    clearInterval(timer);
    log.info({ reason: current }, 'the database can be used again');
    current = undefined;
  }

  function report(error: unknown): void {
    const reason = outageReason(error);
    if (reason === undefined || reason === current) return;
    if (current === undefined) timer = setInterval(check, interval).unref();
    current = reason;
    log.warn({ reason, err: error }, 'the database cannot be used');
  }

  return { report, checkWrite, close: () => clearInterval(timer) } satisfies Outages;
}
