/** Rounds that the fastest of each is sought in, at least and at most. */
const [fewest, most] = [7, 30];

/**
 * The fastest run of each piece of work, in milliseconds, asked for in turn: until they are about as long, since a busy machine
 * makes anything slow for a while and nothing fast, or until there is no hope that they are.
 */
export async function fastestOf<Name extends string>(
  works: Record<Name, () => Promise<unknown>>,
): Promise<Record<Name, number>> {
  const fastest = {} as Record<Name, number>;
  for (let round = 1; round <= most; round += 1) {
    for (const [name, work] of Object.entries(works) as [Name, () => Promise<unknown>][]) {
      const start = performance.now();
      await work();
      fastest[name] = Math.min(fastest[name] ?? Number.POSITIVE_INFINITY, performance.now() - start);
    }
    if (round >= fewest && spreadOf(fastest) < 1.5) break;
  }
  return fastest;
}

/** How many times as long the longest is as the shortest. */
export const spreadOf = (times: Record<string, number>) =>
  Math.max(...Object.values(times)) / Math.min(...Object.values(times));
