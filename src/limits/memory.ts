import { type Count, type Counters, type Hit, windowEnd } from './counters.ts';

/** At about 350 bytes per key, at most 35 MB. */
const defaultMaxKeys = 100_000;
/**
 * The fraction of keys to keep when the map is full. Many are removed at once, since removal
 * iterates over all.
 */
const shareToKeep = 0.9;

/** Counts in this process only: for a single process, and while a shared store is unavailable. */
export function memoryCounters(maxKeys = defaultMaxKeys): Counters {
  // In the order in which the windows started.
  const counts = new Map<string, Count>();

  function countUp(hit: Hit, now: Date): Count {
    const running = counts.get(hit.key);
    if (running && running.resetsAt > now) {
      running.count += 1;
      return running;
    }
    counts.delete(hit.key);
    if (counts.size >= maxKeys) makeRoom(now);
    const started = { count: 1, resetsAt: windowEnd(hit, now) };
    counts.set(hit.key, started);
    return started;
  }

  /** Removes windows that have ended, then the oldest ones. */
  function makeRoom(now: Date): void {
    for (const [key, { resetsAt }] of counts) if (resetsAt <= now) counts.delete(key);
    for (const key of counts.keys()) {
      if (counts.size <= maxKeys * shareToKeep) return;
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
