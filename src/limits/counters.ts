/** One attempt to count. */
export interface Hit {
  key: string;
  /** Seconds from the first hit until the count starts again. */
  window: number;
}

/** The hits of a key in the current window. */
export interface Count {
  count: number;
  resetsAt: Date;
}

/**
 * Counts hits in fixed windows. Replicas that share a store count together.
 * Why not rate-limiter-flexible: docs/decisions/rate-limits.md.
 */
export interface Counters {
  /**
   * Counts any number of hits in one round trip. A key that occurs twice counts twice.
   * @returns the count of each hit's key, in the order of the hits.
   * @throws the store's error if the store is unavailable.
   */
  hit(hits: readonly Hit[], now: Date): Promise<Count[]>;
  /**
   * Removes hits whose action was refused, in one round trip. Does nothing for a hit whose window
   * has ended.
   * @param hits keys, and when the windows end in which they were counted.
   */
  undo(hits: readonly { key: string; resetsAt: Date }[]): Promise<void>;
  /** Resets the counts of these keys. */
  clear(keys: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** When a window ends that starts with this hit. */
export const windowEnd = ({ window }: Hit, now: Date) => new Date(now.getTime() + window * 1000);
