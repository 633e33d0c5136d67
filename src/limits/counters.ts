/** Something that was done once, and is counted. */
export interface Hit {
  key: string;
  /** Seconds from the first hit until the count begins anew. */
  window: number;
}

/** How often it was done in the window that runs. */
export interface Count {
  count: number;
  resetsAt: Date;
}

/**
 * Counts how often something was done in a fixed window. Where replicas share the store, they count
 * together. Why not rate-limiter-flexible: docs/decisions/rate-limits.md.
 */
export interface Counters {
  /**
   * Counts any number of hits in one round trip. A key that is named twice counts twice.
   * @returns how often each was done by now, in the order given. Throws the store's own error where it is away.
   */
  hit(hits: readonly Hit[], now: Date): Promise<Count[]>;
  /**
   * Takes back hits whose action was refused, in one round trip, unless the window in which they
   * were counted has ended.
   * @param hits each with the end of that window.
   */
  undo(hits: readonly { key: string; resetsAt: Date }[]): Promise<void>;
  /** Forgets what was counted under some keys. */
  clear(keys: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

export const resetOf = ({ window }: Hit, now: Date) => new Date(now.getTime() + window * 1000);
