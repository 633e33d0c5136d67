/** A seeded random generator (mulberry32). */
export function randomFrom(seed: number) {
  let state = seed;
  /** A number in [0, 1). */
  function next(): number {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }
  const oneOf = <T>(all: readonly T[]): T => all[Math.floor(next() * all.length)] as T;
  return {
    oneOf,
    /** True with this probability. */
    chance: (probability: number) => next() < probability,
    /** A subset of a list; each item is included with this probability. */
    someOf: <T>(all: readonly T[], probability = 0.3): T[] => all.filter(() => next() < probability),
    times: <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i)),
  };
}
