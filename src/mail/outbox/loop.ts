/** Milliseconds from the first word that there is work to a look, so that a burst is taken at once. */
const gathering = 100;

/** Something that is looked for again and again. */
export interface Loop {
  start(): void;
  /** Says that there may be work just now. */
  wake(): void;
  /** Since when the look that is in hand has been going on; undefined between looks. */
  lookingSince(): Date | undefined;
  /** Stops looking, and answers when what is in hand is done. */
  stop(): Promise<void>;
}

/**
 * Looks for work now and then, and at once where the last look found as much as it could take.
 * @param look never throws, and answers whether there may be more.
 * @param interval milliseconds between looks.
 */
export function createLoop(look: () => Promise<boolean>, interval: number, clock: () => Date): Loop {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<unknown> = Promise.resolve();
  let since: Date | undefined;
  let isWoken = false;
  let isStopped = true;

  async function turn(): Promise<void> {
    since = clock();
    isWoken = false;
    const isMore = await look();
    since = undefined;
    if (isMore) next(0);
    else next(isWoken ? gathering : interval);
  }

  function next(delay: number): void {
    if (isStopped) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      running = turn();
    }, delay);
  }

  return {
    start() {
      isStopped = false;
      next(0);
    },
    wake() {
      if (isWoken) return;
      isWoken = true;
      if (!since) next(gathering);
    },
    lookingSince: () => since,
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
