import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core';
import { connectTo, openPool } from './postgres.ts';
import { requirePreparedStatements } from './prepared-statements.ts';
import * as schema from './schema.ts';
import {
  findWrongSettings,
  requireSessionSettings,
  setForRole,
  setInSession,
  type Timeouts,
} from './session-settings.ts';

export type Schema = typeof schema;

/** The database, over either driver. What only reads takes this. */
export type Db = PgDatabase<PgQueryResultHKT, Schema>;

declare const isOpen: unique symbol;

/**
 * A database inside a transaction. It is a `Db`, but a `Db` is not a `Tx`: what writes takes this, so
 * that it can't be called outside a transaction.
 */
export type Tx = Db & { readonly [isOpen]: true };

export interface OpenDatabase {
  db: Db;
  /**
   * Connects once, and finds out whether sessions take their settings at startup. A pooler may
   * refuse them: then they must be settings of the role. Also finds out whether the tables are
   * distributed by Citus.
   */
  reach(): Promise<void>;
  /**
   * Verifies that sessions have every setting that the code relies on, and keep their prepared
   * statements.
   * @throws DatabaseSetupError that says what to do.
   */
  verify(): Promise<void>;
  /**
   * Stores the session settings with a role (`ALTER ROLE … SET`): without `role` with the current
   * one, if its sessions lack them.
   */
  setUpRole(role?: string): Promise<'set' | 'not needed'>;
  /** Does work that may take as long as it takes, such as a migration. */
  patiently<T>(work: (db: Db) => Promise<T>): Promise<T>;
  /** How many connections the pool has in each state, and how many statements wait for one. */
  connections(): Record<'idle' | 'busy' | 'waiting', number>;
  close(): Promise<void>;
}

export type DatabaseChoice =
  | { readonly kind: 'embedded'; readonly dataDir: string }
  | {
      readonly kind: 'postgres';
      readonly url: string;
      readonly poolSize?: number;
      /** Default: true. Must be false behind poolers that don't keep prepared statements. */
      readonly preparedStatements?: boolean;
    };

/** Told of each SQL statement before it runs. */
export interface StatementLog {
  logQuery(statement: string): void;
}

/** The longest that a request waits for a database that does not answer. */
const defaultTimeouts: Timeouts = {
  connect: 3_000,
  lock: 5_000,
  statement: 8_000,
  answer: 10_000,
  idleInTransaction: 15_000,
};

/** As long as it takes, except for connecting. */
const noTimeouts: Timeouts = { connect: 3_000, lock: 0, statement: 0, answer: 0, idleInTransaction: 0 };

/**
 * Opens the embedded database or a pool of connections to Postgres. A Postgres that is away does not stop this: the pool
 * connects when it is first asked, and again after it was lost.
 * @throws an Error for a person, where another process has the embedded database open.
 */
export async function openDatabase(
  choice: DatabaseChoice,
  log?: StatementLog,
  timeouts: Timeouts = defaultTimeouts,
): Promise<OpenDatabase> {
  const options = { schema, logger: log ?? false };
  if (choice.kind === 'embedded') {
    // Loaded only where it is used: a replica on Postgres does not need it in memory.
    const { openEmbedded } = await import('./embedded.ts');
    const { db, close } = await openEmbedded(choice.dataDir, options);
    await setInSession(db);
    return {
      db,
      reach: async () => {},
      verify: async () => {},
      setUpRole: async () => 'not needed',
      patiently: (work) => work(db),
      connections: () => ({ idle: 0, busy: 1, waiting: 0 }),
      close,
    };
  }
  const connector = connectTo(choice);
  const { db, connections, close } = openPool(connector, options, timeouts);
  const patiently = async <T>(work: (db: Db) => Promise<T>) => {
    const patient = openPool({ ...connector, choice: { ...choice, poolSize: 1 } }, options, noTimeouts);
    return work(patient.db).finally(patient.close);
  };
  const verify = async () => {
    await connector.reach(timeouts);
    await requireSessionSettings(db, choice.url, timeouts, connector.traits);
    if (choice.preparedStatements !== false) await requirePreparedStatements(() => connector.connect(timeouts));
  };
  const setUpRole = async (role?: string) => {
    const { wrong, role: current } = await findWrongSettings(db, timeouts, connector.traits);
    if (role === undefined && wrong.length === 0) return 'not needed';
    await setForRole(db, role ?? current, timeouts, connector.traits);
    return 'set';
  };
  return { db, reach: () => connector.reach(timeouts), verify, setUpRole, patiently, connections, close };
}
