/** Random choices that are the same for the same seed (mulberry32). */
export function randomFrom(seed: number) {
  let state = seed;
  /** A number from 0 to 1, without 1. */
  function next(): number {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }
  const oneOf = <T>(all: readonly T[]): T => all[Math.floor(next() * all.length)] as T;
  return {
    oneOf,
    /** Whether something with this probability is the case. */
    chance: (probability: number) => next() < probability,
    /** Some of a list, each with the same probability. */
    someOf: <T>(all: readonly T[], probability = 0.3): T[] => all.filter(() => next() < probability),
    times: <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i)),
  };
}
