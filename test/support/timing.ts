/** Limits for the number of rounds. */
const [minRounds, maxRounds] = [7, 30];

/**
 * The fastest run of each piece of work in milliseconds. Runs them in turn until the fastest runs
 * are about equal, at most 30 rounds: a busy machine can slow a run down, but not speed it up.
 */
export async function fastestOf<Name extends string>(
  works: Record<Name, () => Promise<unknown>>,
): Promise<Record<Name, number>> {
  const fastest = {} as Record<Name, number>;
  for (let round = 1; round <= maxRounds; round += 1) {
    for (const [name, work] of Object.entries(works) as [Name, () => Promise<unknown>][]) {
      const start = performance.now();
      await work();
      fastest[name] = Math.min(fastest[name] ?? Number.POSITIVE_INFINITY, performance.now() - start);
    }
    if (round >= minRounds && spreadOf(fastest) < 1.5) break;
  }
  return fastest;
}

/** The ratio of the longest to the shortest time. */
export const spreadOf = (times: Record<string, number>) =>
  Math.max(...Object.values(times)) / Math.min(...Object.values(times));
