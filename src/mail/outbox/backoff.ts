/** After this many tries a mail is given up. With the waits below that is from six to thirteen hours. */
export const mostAttempts = 22;

const first = 5;
const longest = 3_600;

/**
 * Seconds to wait after a failed try, counted from 1: doubling from five seconds to an hour, each somewhere between half of
 * that and the whole of it, so that mails which failed together do not come back together. Never less than the other side
 * asked for.
 * @param random from 0 to 1.
 */
export function waitAfter(attempt: number, random: number, retryAfter = 0): number {
  const whole = Math.min(longest, first * 2 ** (attempt - 1));
  return Math.max(retryAfter, whole / 2 + (whole / 2) * random);
}
