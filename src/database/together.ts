import type { Db } from './database.ts';
import { isUnavailable } from './errors.ts';

/** How many statements of one lane are under way at a time. */
const mostUnderWay = 2;

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
  underWay: number;
  waiting: Waiting<Asked, Answered>[];
}

/**
 * Asks the database at once while few statements of a lane are under way; whatever comes meanwhile waits for one of them to end, and
 * then goes in one statement (request batching). So whoever asks much costs the database a few statements at a time, and everything is
 * still answered by what holds after it was asked. Inside a transaction nothing goes together with what is outside.
 */
export function together<Asked, Answered>({ laneOf, ask, weightOf = () => 1, most = 200 }: Asking<Asked, Answered>) {
  type Waits = Waiting<Asked, Answered>;
  const lanesOf = new WeakMap<Db, Map<string, Lane<Asked, Answered>>>();

  return (db: Db, asked: Asked): Promise<Answered> => {
    const lanes = lanesOf.get(db) ?? new Map<string, Lane<Asked, Answered>>();
    lanesOf.set(db, lanes);
    const name = laneOf(asked);
    const lane = lanes.get(name) ?? { underWay: 0, waiting: [] };
    lanes.set(name, lane);
    return new Promise((resolve, reject) => {
      lane.waiting.push({ asked, resolve, reject });
      if (lane.underWay < mostUnderWay) void run(db, lane).then(() => lane.underWay === 0 && lanes.delete(name));
    });
  };

  /** Asks all that waits, for as long as something does. */
  async function run(db: Db, lane: Lane<Asked, Answered>): Promise<void> {
    lane.underWay += 1;
    while (lane.waiting.length > 0) await askFor(db, lane, takeFrom(lane.waiting));
    lane.underWay -= 1;
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
