/** A mail fails after this many attempts: with the delays below, after 6 to 13 hours. */
export const maxAttempts = 22;

/** Seconds. */
const firstDelay = 5;
const maxDelay = 3_600;

/**
 * Seconds to wait after a failed attempt: exponential backoff from 5 seconds to an hour, reduced by
 * up to half at random, so that mails that failed together are not retried together.
 * @param attempt counted from 1.
 * @param random from 0 to 1.
 * @param retryAfter seconds that the mail service asked for: the minimum.
 */
export function retryDelay(attempt: number, random: number, retryAfter = 0): number {
  const delay = Math.min(maxDelay, firstDelay * 2 ** (attempt - 1));
  return Math.max(retryAfter, delay / 2 + (delay / 2) * random);
}
