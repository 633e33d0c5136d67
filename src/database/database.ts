import { type DrizzleConfig, type ExtractTablesWithRelations, sql } from 'drizzle-orm';
import { drizzle as overPostgres } from 'drizzle-orm/node-postgres';
import type { PgColumn, PgDatabase, PgQueryResultHKT, PgTransaction } from 'drizzle-orm/pg-core';
import type pg from 'pg';
import { type Connecting, connectTo, type PostgresChoice, postgresPool } from './connecting.ts';
import { isUnanswered, isUnavailable } from './errors.ts';
import { requirePreparedStatements } from './prepared-statements.ts';
import { mapRowsAtOnce } from './row-mapper.ts';
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

/** An open transaction. It is a `Db`, and a `Db` is not one: what writes takes this, so that it can't be called outside. */
export type Tx = PgTransaction<PgQueryResultHKT, Schema, ExtractTablesWithRelations<Schema>>;

export interface OpenDatabase {
  db: Db;
  /**
   * Connects once, and finds out whether sessions take their settings at startup. A pooler may refuse them: then they
   * must be settings of the role.
   */
  reach(): Promise<void>;
  /**
   * Verifies that sessions have every setting that the code relies on, and keep what they prepare.
   * @throws DatabaseSetupError that says what to do, where that is not so.
   */
  verify(): Promise<void>;
  /** Makes the session settings those of a role: by default of the current one, where its sessions lack them. */
  setUpRole(role?: string): Promise<'set' | 'not needed'>;
  /** Does work that may take as long as it takes, such as a migration. */
  patiently<T>(work: (db: Db) => Promise<T>): Promise<T>;
  /** How many connections the pool has in each state, and how many statements wait for one. */
  connections(): Record<'idle' | 'busy' | 'waiting', number>;
  close(): Promise<void>;
}

export type DatabaseChoice = { readonly kind: 'embedded'; readonly dataDir: string } | PostgresChoice;

/** Told of each SQL statement before it runs. */
export interface StatementLog {
  logQuery(statement: string): void;
}

/** A database that does not answer costs a request this much and no more. */
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
    // Loaded only where it is used: a replica on Postgres has no use for a database in its memory.
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
  const connecting = connectTo(choice);
  const { db, connections, close } = openPool(connecting, options, timeouts);
  const patiently = async <T>(work: (db: Db) => Promise<T>) => {
    const patient = openPool({ ...connecting, choice: { ...choice, poolSize: 1 } }, options, noTimeouts);
    return work(patient.db).finally(patient.close);
  };
  const verify = async () => {
    await connecting.reach(timeouts);
    await requireSessionSettings(db, timeouts);
    if (choice.preparedStatements !== false) await requirePreparedStatements(() => connecting.connect(timeouts));
  };
  const setUpRole = async (role?: string) => {
    const { wrong, role: current } = await findWrongSettings(db, timeouts);
    if (role === undefined && wrong.length === 0) return 'not needed';
    await setForRole(db, role ?? current, timeouts);
    return 'set';
  };
  return { db, reach: () => connecting.reach(timeouts), verify, setUpRole, patiently, connections, close };
}

function openPool(connecting: Connecting, options: DrizzleConfig<Schema>, timeouts: Timeouts) {
  const pool = postgresPool(connecting, timeouts);
  const isUnnamed = connecting.choice.preparedStatements === false;
  const open = (client: pg.Pool | pg.PoolClient) => {
    const db = overPostgres(client, options) as unknown as Db;
    if (isUnnamed) unnamed.add(db);
    return db;
  };
  const db = open(pool);
  const over = onceFor((connection: pg.PoolClient) => open(endingWhenSilent(connection)));
  db.transaction = (work) => onOneConnection(pool, over, work);
  const connections = () => ({
    idle: pool.idleCount,
    busy: pool.totalCount - pool.idleCount,
    waiting: pool.waitingCount,
  });
  return { db, connections, close: () => pool.end() };
}

/**
 * A transaction on a connection of the pool. The connection goes back whatever happens, also where the transaction could not
 * begin, and is closed where it broke or fell silent: otherwise each such transaction would cost the pool a connection for good.
 */
async function onOneConnection<T>(
  pool: pg.Pool,
  over: (connection: pg.PoolClient) => Db,
  work: (tx: Tx) => Promise<T>,
): Promise<T> {
  const connection = await pool.connect();
  let isLost = false;
  try {
    return await transactionOn(over(connection), work);
  } catch (error) {
    isLost = isUnavailable(error);
    throw error;
  } finally {
    connection.release(isLost);
  }
}

/** The first transaction of each connection: all have one session, and what is prepared is kept with the object it is asked of. */
const firstOf = new WeakMap<Db, Tx>();

/**
 * A transaction on a database of one connection. The work is given the same object in each of them, so that what it prepares is built
 * once for the connection.
 */
function transactionOn<T>(db: Db, work: (tx: Tx) => Promise<T>): Promise<T> {
  return db.transaction((tx) => {
    const first = firstOf.get(db) ?? tx;
    if (unnamed.has(db)) unnamed.add(first);
    firstOf.set(db, first);
    return work(first);
  });
}

/** The connection, but one unanswered statement ends it, so that the rollback behind it is not waited for as well. */
function endingWhenSilent(connection: pg.PoolClient): pg.PoolClient {
  const query = async (...statement: unknown[]) => {
    try {
      return await (connection.query as (...it: unknown[]) => Promise<unknown>)(...statement);
    } catch (error) {
      if (isUnanswered(error)) void connection.end();
      throw error;
    }
  };
  return { query } as unknown as pg.PoolClient;
}

/** What a query builder is before it has a name. */
interface Preparable<Query> {
  prepare(name: string): Query;
}

/** Databases, and their transactions, whose statements are sent without a name. */
const unnamed = new WeakSet<Db>();

/**
 * A query that is built once for a database and kept there as a prepared statement; inside a transaction once for its
 * connection, on the embedded database again for each transaction.
 * @param name unique in the service. Where prepared statements are off, the statement is sent without it.
 */
export function prepared<Query>(name: string, build: (db: Db) => Preparable<Query>): (db: Db) => Query {
  return onceFor((db) => mapRowsAtOnce(build(db).prepare(unnamed.has(db) ? '' : name)));
}

/** Makes something once for each thing that it is made for, and forgets it with that thing. */
function onceFor<Thing extends object, Made>(make: (thing: Thing) => Made): (thing: Thing) => Made {
  const kept = new WeakMap<Thing, Made>();
  return (thing) => {
    const known = kept.get(thing) ?? make(thing);
    kept.set(thing, known);
    return known;
  };
}

/** Compares with a literal: a generic plan can't use a partial index (`where status = 'pending'`) for a parameter. */
export const equalsLiteral = <Column extends PgColumn>(column: Column, word: Column['_']['data'] & string) =>
  sql`${column} = ${sql.raw(`'${word}'`)}`;

/** A time as a literal, for a plan that depends on how much is before it: a generic plan can't know. */
export const literalTime = (time: Date) => sql.raw(`'${time.toISOString()}'::timestamptz`);

/** A place in a prepared query for a value of a column, or for none, which is written as that column writes it. */
export function placeholderFor(column: PgColumn, name: string) {
  const mapToDriverValue = (value: unknown) => (value === null ? null : column.mapToDriverValue(value));
  return sql.param(sql.placeholder(name), { mapToDriverValue });
}

/**
 * A place in a prepared query for a list. Behind a select it has no length that the planner could see: so the plan that it made once
 * suits each time.
 */
export const listPlaceholder = (name: string, type: 'text' | 'uuid' | 'jsonb') =>
  sql`(select ${sql.placeholder(name)}::text[]::${sql.raw(type)}[])`;
