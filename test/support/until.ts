import { setTimeout as pause } from 'node:timers/promises';

/**
 * Polls until the result is not undefined, false or null.
 * @param what names the condition in the error.
 * @param deadline in milliseconds.
 * @throws an Error after the deadline.
 */
export async function until<T>(
  what: string,
  ask: () => T | Promise<T>,
  deadline = 20_000,
): Promise<Exclude<T, undefined | null | false>> {
  const end = Date.now() + deadline;
  for (;;) {
    const found = await ask();
    if (found !== undefined && found !== null && found !== false) return found as never;
    if (Date.now() > end) throw new Error(`waited ${deadline} ms for ${what}`);
    await pause(20);
  }
}

/** A promise, and the function that resolves it. */
export function gate(): { open: () => void; opened: Promise<void> } {
  let open = () => {};
  const opened = new Promise<void>((done) => {
    open = done;
  });
  return { open, opened };
}
