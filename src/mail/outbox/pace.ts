/** Limits how many messages are sent per second. */
export interface Pace {
  /** Takes up to `max` of the messages that may be sent now. @returns how many. */
  take(max: number, now: Date): number;
  /** Returns what was taken and not used. */
  putBack(count: number): void;
}

/** A token bucket with the size of one second. @param rate messages per second. */
export function createPace(rate: number): Pace {
  let left = rate;
  let filledAt: number | undefined;
  return {
    take(max, now) {
      const elapsed = Math.max(0, now.getTime() - (filledAt ?? now.getTime()));
      filledAt = now.getTime();
      left = Math.min(rate, left + (elapsed * rate) / 1000);
      const taken = Math.min(max, Math.floor(left));
      left -= taken;
      return taken;
    },
    putBack(count) {
      left = Math.min(rate, left + count);
    },
  };
}

/** No limit. */
export const unlimited: Pace = { take: (max) => max, putBack() {} };
