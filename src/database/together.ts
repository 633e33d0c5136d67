import type { Db } from './database.ts';
import { isUnavailable } from './errors.ts';

/** Milliseconds for which what comes after a statement waits for it: one that takes longer, or will never end, holds up nobody. */
const patience = 50;

export interface Asking<Asked, Answered> {
  /** What goes together. Where the statement reads whether a credential stands: only what that one asks. */
  laneOf(asked: Asked): string;
  /** Asks all of them in one statement. @returns an answer to each, in their order. */
  ask(db: Db, all: readonly Asked[]): Promise<Answered[]>;
  /** How many of the units of `most` something takes; one unless given. */
  weightOf?(asked: Asked): number;
  /** What one statement may take, unless one asks for more by itself. */
  most?: number;
}

interface Waiting<Asked, Answered> {
  asked: Asked;
  resolve(answered: Answered): void;
  reject(error: unknown): void;
}

interface Lane<Asked, Answered> {
  /** Whether there is a statement to wait for. */
  isHeld: boolean;
  waiting: Waiting<Asked, Answered>[];
}

/**
 * Asks the database at once where no statement of the lane is under way; whatever comes meanwhile waits for it to end, and then goes in
 * one statement (request batching). So whoever asks much costs the database one statement at a time, and everything is still
 * answered by what holds after it was asked. Inside a transaction nothing goes together with what is outside.
 */
export function together<Asked, Answered>({ laneOf, ask, weightOf = () => 1, most = 200 }: Asking<Asked, Answered>) {
  type Waits = Waiting<Asked, Answered>;
  const lanesOf = new WeakMap<Db, Map<string, Lane<Asked, Answered>>>();

  return (db: Db, asked: Asked): Promise<Answered> => {
    const lanes = lanesOf.get(db) ?? new Map<string, Lane<Asked, Answered>>();
    lanesOf.set(db, lanes);
    const name = laneOf(asked);
    const lane = lanes.get(name) ?? { isHeld: false, waiting: [] };
    lanes.set(name, lane);
    return new Promise((resolve, reject) => {
      lane.waiting.push({ asked, resolve, reject });
      if (!lane.isHeld) askNext(db, lane, () => lanes.delete(name));
    });
  };

  /** Asks what waits, and then what has come meanwhile, for as long as something has. */
  function askNext(db: Db, lane: Lane<Asked, Answered>, forget: () => void): void {
    let isOver = false;
    const goOn = () => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      lane.isHeld = false;
      if (lane.waiting.length > 0) askNext(db, lane, forget);
      else forget();
    };
    const timer = setTimeout(goOn, patience);
    lane.isHeld = true;
    void askFor(db, lane, takeFrom(lane.waiting)).then(goOn);
  }

  async function askFor(db: Db, lane: Lane<Asked, Answered>, batch: Waits[]): Promise<void> {
    try {
      const all = batch.map((it) => it.asked);
      const answers = await ask(db, all);
      for (const [i, { resolve }] of batch.entries()) resolve(answers[i] as Answered);
    } catch (error) {
      // A database that is away is away for those who wait too: to ask in their name would cost them its patience once more.
      const failed = isUnavailable(error) ? [...batch, ...lane.waiting.splice(0)] : batch;
      for (const { reject } of failed) reject(error);
    }
  }

  /** Takes what came first, as much as fits into one statement, and one at least. */
  function takeFrom(waiting: Waits[]): Waits[] {
    let weight = 0;
    const beyond = waiting.findIndex(({ asked }, i) => {
      weight += weightOf(asked);
      return i > 0 && weight > most;
    });
    return waiting.splice(0, beyond === -1 ? waiting.length : beyond);
  }
}

/** A read that is the same for all who ask it at once: they share what it found. */
export function sharing<Asked, Answered>(
  laneOf: (asked: Asked) => string,
  read: (db: Db, asked: Asked) => Promise<Answered>,
) {
  return together<Asked, Answered>({
    laneOf,
    async ask(db, all) {
      const found = await read(db, all.at(-1) as Asked);
      return all.map(() => found);
    },
  });
}
