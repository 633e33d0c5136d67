/** How many may go at a time, so that no more than a rate go in the long run. */
export interface Pace {
  /** Takes up to `most` of those that may go now. @returns how many may. */
  take(most: number, now: Date): number;
  /** Puts back what was taken and not used. */
  putBack(count: number): void;
}

/** A token bucket that holds one second's worth. @param rate how many each second. */
export function createPace(rate: number): Pace {
  let left = rate;
  let filledAt: number | undefined;
  return {
    take(most, now) {
      const elapsed = Math.max(0, now.getTime() - (filledAt ?? now.getTime()));
      filledAt = now.getTime();
      left = Math.min(rate, left + (elapsed * rate) / 1000);
      const taken = Math.min(most, Math.floor(left));
      left -= taken;
      return taken;
    },
    putBack(count) {
      left = Math.min(rate, left + count);
    },
  };
}

/** For whoever need not wait. */
export const unpaced: Pace = { take: (most) => most, putBack() {} };
