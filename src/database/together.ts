import { type Context, context } from '@opentelemetry/api';
import type { Db } from './database.ts';
import { isAway, isOfStatement } from './errors.ts';

/** Milliseconds for which what comes after a statement waits for it: one that takes longer, or will never end, holds up nobody. */
const patience = 50;

export interface Asking<Asked, Answered> {
  /** What goes together. Where the statement reads whether a credential stands: only what that one asks. */
  laneOf(asked: Asked): string;
  /** Asks all of them in one statement, or in one that leaves nothing behind where it fails. @returns an answer to each, in their order. */
  ask(db: Db, all: readonly Asked[]): Promise<Answered[]>;
  /** How many of the units of `most` something takes; one unless given. */
  weightOf?(asked: Asked): number;
  /** What one statement may take, unless one asks for more by itself. */
  most?: number;
}

interface Waiting<Asked, Answered> {
  asked: Asked;
  weight: number;
  resolve(answered: Answered): void;
  reject(error: unknown): void;
  /** What the asker is doing, so that a trace shows the statement there. */
  doing: Context;
}

interface Lane<Asked, Answered> {
  /** Whether there is a statement to wait for. */
  isHeld: boolean;
  waiting: Waiting<Asked, Answered>[];
}

/**
 * Asks the database at once where no statement of the lane is under way; whatever comes meanwhile waits for it to end, and then goes in
 * one statement (request batching). So whoever asks much costs the database one statement at a time, and everything is still
 * answered by what holds after it was asked. What fails in company is asked by itself, so that nobody pays for another one's value.
 * Inside a transaction nothing goes together with what is outside.
 */
export function together<Asked, Answered>({ laneOf, ask, weightOf = () => 1, most = 200 }: Asking<Asked, Answered>) {
  type Waits = Waiting<Asked, Answered>;
  const lanesOf = new WeakMap<Db, Map<string, Lane<Asked, Answered>>>();

  return (db: Db, asked: Asked): Promise<Answered> =>
    new Promise((resolve, reject) => {
      const name = laneOf(asked);
      const lanes = lanesOf.get(db) ?? new Map<string, Lane<Asked, Answered>>();
      lanesOf.set(db, lanes);
      const lane = lanes.get(name) ?? { isHeld: false, waiting: [] };
      lane.waiting.push({ asked, weight: weightOf(asked), resolve, reject, doing: context.active() });
      lanes.set(name, lane);
      if (!lane.isHeld) askNext(db, lane, () => lanes.delete(name));
    });

  /** Asks what waits, and then what has come meanwhile, for as long as something has. */
  function askNext(db: Db, lane: Lane<Asked, Answered>, forget: () => void): void {
    let isOver = false;
    const goOn = (failure?: unknown) => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      lane.isHeld = false;
      // A database that is away is away for those who wait too: to ask in their name would cost them its patience once more.
      if (isAway(failure)) for (const { reject } of lane.waiting.splice(0)) reject(failure);
      if (lane.waiting.length > 0) askNext(db, lane, forget);
      else forget();
    };
    const timer = setTimeout(goOn, patience);
    lane.isHeld = true;
    void askFor(db, takeFrom(lane.waiting)).then(goOn);
  }

  /** @returns why it failed, where it did. */
  async function askFor(db: Db, batch: Waits[]): Promise<unknown> {
    const all = batch.map((it) => it.asked);
    try {
      const answers = await context.with((batch.at(-1) as Waits).doing, () => ask(db, all));
      if (answers.length !== batch.length) throw new Error('not every question was answered');
      for (const [i, { resolve }] of batch.entries()) resolve(answers[i] as Answered);
      return undefined;
    } catch (error) {
      if (batch.length > 1 && isOfStatement(error)) await Promise.all(batch.map((it) => askFor(db, [it])));
      else for (const { reject } of batch) reject(error);
      return error;
    }
  }

  /** Takes what came first, as much as fits into one statement, and one at least. */
  function takeFrom(waiting: Waits[]): Waits[] {
    let sum = 0;
    const beyond = waiting.findIndex(({ weight }, i) => {
      sum += weight;
      return i > 0 && sum > most;
    });
    return waiting.splice(0, beyond === -1 ? waiting.length : beyond);
  }
}

/**
 * A read that is the same for all who ask it at once: they share what it found.
 * @param timeOf when something was asked, where what is found depends on it: it is read as the latest asks it.
 */
export function sharing<Asked, Answered>(
  laneOf: (asked: Asked) => string,
  read: (db: Db, asked: Asked) => Promise<Answered>,
  timeOf: (asked: Asked) => number = () => 0,
) {
  return together<Asked, Answered>({
    laneOf,
    async ask(db, all) {
      const found = await read(db, latest(all, timeOf));
      return all.map(() => found);
    },
  });
}

/** The latest of some. What comes last is not always the latest: a request has its time from when it began. */
export const latest = <Asked>(all: readonly Asked[], timeOf: (asked: Asked) => number): Asked =>
  all.reduce((one, other) => (timeOf(other) >= timeOf(one) ? other : one));
