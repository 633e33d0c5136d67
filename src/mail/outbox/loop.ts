/** Milliseconds from a wake-up to the next run, so that a burst of work is handled in one run. */
const wakeDelay = 100;

/** A function that runs repeatedly. */
export interface Loop {
  start(): void;
  /** Requests a run soon, because there may be work. */
  wake(): void;
  /** The start of the current run; undefined between runs. */
  runningSince(): Date | undefined;
  /** Stops the loop. Resolves when the current run is finished. */
  stop(): Promise<void>;
}

/**
 * Creates a loop that polls for work.
 * @param poll never throws. Returns whether there may be more work: then it runs again at once.
 * @param interval milliseconds between runs.
 */
export function createLoop(poll: () => Promise<boolean>, interval: number, clock: () => Date): Loop {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<unknown> = Promise.resolve();
  let since: Date | undefined;
  let isWoken = false;
  let isStopped = true;

  async function run(): Promise<void> {
    since = clock();
    isWoken = false;
    const hasMore = await poll();
    since = undefined;
    if (hasMore) schedule(0);
    else schedule(isWoken ? wakeDelay : interval);
  }

  function schedule(delay: number): void {
    if (isStopped) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      running = run();
    }, delay);
  }

  return {
    start() {
      isStopped = false;
      schedule(0);
    },
    wake() {
      if (isWoken) return;
      isWoken = true;
      if (!since) schedule(wakeDelay);
    },
    runningSince: () => since,
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
