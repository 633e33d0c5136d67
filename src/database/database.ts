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

/** The database, over either driver. Functions that only read take this. */
export type Db = PgDatabase<PgQueryResultHKT, Schema>;

declare const isOpen: unique symbol;

/**
 * A database inside a transaction. Functions that write take this, so that the compiler rejects
 * calls outside a transaction: a `Tx` is a `Db`, but a `Db` is not a `Tx`.
 */
export type Tx = Db & { readonly [isOpen]: true };

export interface OpenDatabase {
  db: Db;
  /**
   * Connects once, and finds out whether the server accepts session settings at startup, and
   * whether the tables are distributed by Citus. If a pooler refuses the settings, they must be
   * settings of the role.
   */
  reach(): Promise<void>;
  /**
   * Verifies that sessions have every setting that the code relies on, and keep their prepared
   * statements.
   * @throws DatabaseSetupError whose message says how to fix the setup.
   */
  verify(): Promise<void>;
  /**
   * Stores the session settings in a role (`ALTER ROLE … SET`). Without `role`, stores them in the
   * current role if its sessions lack them.
   */
  setUpRole(role?: string): Promise<'set' | 'not needed'>;
  /** Runs work without timeouts, such as a migration. */
  withoutTimeouts<T>(work: (db: Db) => Promise<T>): Promise<T>;
  /** The number of connections in each state, and of statements that wait for a connection. */
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

/** Receives each SQL statement before it runs. */
export interface StatementLog {
  logQuery(statement: string): void;
}

/** How long a request waits for a database that does not answer. */
const defaultTimeouts: Timeouts = {
  connect: 3_000,
  lock: 5_000,
  statement: 8_000,
  answer: 10_000,
  idleInTransaction: 15_000,
};

const noTimeouts: Timeouts = { connect: 3_000, lock: 0, statement: 0, answer: 0, idleInTransaction: 0 };

/**
 * Opens the embedded database, or a pool of connections to Postgres. Postgres need not be
 * reachable: the pool connects on first use, and reconnects after a lost connection.
 * @throws an Error with a message for the operator if another process has the embedded database
 * open.
 */
export async function openDatabase(
  choice: DatabaseChoice,
  log?: StatementLog,
  timeouts: Timeouts = defaultTimeouts,
): Promise<OpenDatabase> {
  const options = { schema, logger: log ?? false };
  if (choice.kind === 'embedded') {
    // Loaded on demand: replicas on Postgres should not have it in memory.
    const { openEmbedded } = await import('./embedded.ts');
    const { db, close } = await openEmbedded(choice.dataDir, options);
    await setInSession(db);
    return {
      db,
      reach: async () => {},
      verify: async () => {},
      setUpRole: async () => 'not needed',
      withoutTimeouts: (work) => work(db),
      connections: () => ({ idle: 0, busy: 1, waiting: 0 }),
      close,
    };
  }
  const connector = connectTo(choice);
  const { db, connections, close } = openPool(connector, options, timeouts);
  const withoutTimeouts = async <T>(work: (db: Db) => Promise<T>) => {
    const pool = openPool({ ...connector, choice: { ...choice, poolSize: 1 } }, options, noTimeouts);
    return work(pool.db).finally(pool.close);
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
  return { db, reach: () => connector.reach(timeouts), verify, setUpRole, withoutTimeouts, connections, close };
}
