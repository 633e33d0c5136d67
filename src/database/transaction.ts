import type { Db, Tx } from './database.ts';

type Run = <T>(work: (tx: Tx) => Promise<T>) => Promise<T>;

const runs = new WeakMap<Db, Run>();

/** Sets how a database runs transactions, if Drizzle's own way does not suit its driver. */
export const setTransactions = (db: Db, run: Run) => void runs.set(db, run);

/** Makes a `Tx` of a database on which a transaction is already open. */
export function asTransaction(db: Db): Tx {
  const tx = db as Tx;
  setTransactions(tx, (work) => work(tx));
  return tx;
}

/**
 * Runs work in a transaction, and commits it, or rolls it back if the work throws. READ COMMITTED:
 * each statement sees what was committed before it. Inside a transaction, the work joins it.
 */
export function transaction<T>(db: Db, work: (tx: Tx) => Promise<T>): Promise<T> {
  const run = runs.get(db);
  return run ? run(work) : db.transaction((tx) => work(asTransaction(tx)));
}
