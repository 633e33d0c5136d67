import { type Count, type Counters, type Hit, resetOf } from './counters.ts';

/** How many keys are kept: at some 350 bytes each, 35 megabytes at most. */
const usualMost = 100_000;
/** What stays when there are too many: room is made for many at once, since looking for it takes a walk through all. */
const kept = 0.9;

/** Counts in this process alone: for a service of one process, and while a shared store is away. */
export function memoryCounters(most = usualMost): Counters {
  // In the order in which their windows began.
  const counts = new Map<string, Count>();

  function countUp(hit: Hit, now: Date): Count {
    const running = counts.get(hit.key);
    if (running && running.resetsAt > now) {
      running.count += 1;
      return running;
    }
    counts.delete(hit.key);
    if (counts.size >= most) makeRoom(now);
    const begun = { count: 1, resetsAt: resetOf(hit, now) };
    counts.set(hit.key, begun);
    return begun;
  }

  /** Forgets what has run out, and then what began first. */
  function makeRoom(now: Date): void {
    for (const [key, { resetsAt }] of counts) if (resetsAt <= now) counts.delete(key);
    for (const key of counts.keys()) {
      if (counts.size <= most * kept) return;
      counts.delete(key);
    }
  }

  return {
    async hit(hits, now) {
      const running = hits.map((hit) => countUp(hit, now));
      return running.map((it) => ({ ...it }));
    },
    async undo(hits) {
      for (const { key, resetsAt } of hits) {
        const running = counts.get(key);
        if (running?.resetsAt.getTime() !== resetsAt.getTime()) continue;
        running.count -= 1;
        if (running.count <= 0) counts.delete(key);
      }
    },
    async clear(keys) {
      for (const key of keys) counts.delete(key);
    },
    async close() {},
  };
}
