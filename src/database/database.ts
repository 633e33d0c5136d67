import { type DrizzleConfig, type ExtractTablesWithRelations, sql } from 'drizzle-orm';
import { drizzle as overPostgres } from 'drizzle-orm/node-postgres';
import type { PgColumn, PgDatabase, PgQueryResultHKT, PgTransaction } from 'drizzle-orm/pg-core';
import pg from 'pg';
import { isUnanswered, isUnavailable } from './errors.ts';
import { mapRowsAtOnce } from './row-mapper.ts';
import * as schema from './schema.ts';

export type Schema = typeof schema;

/** The database, over either driver. What only reads takes this. */
export type Db = PgDatabase<PgQueryResultHKT, Schema>;

/** An open transaction. It is a `Db`, and a `Db` is not one: what writes takes this, so that it can't be called outside. */
export type Tx = PgTransaction<PgQueryResultHKT, Schema, ExtractTablesWithRelations<Schema>>;

export interface OpenDatabase {
  db: Db;
  /** Does work that may take as long as it takes, such as a migration. */
  patiently<T>(work: (db: Db) => Promise<T>): Promise<T>;
  /** How many connections the pool has in each state, and how many statements wait for one. */
  connections(): Record<'idle' | 'busy' | 'waiting', number>;
  close(): Promise<void>;
}

export type DatabaseChoice =
  | { readonly kind: 'embedded'; readonly dataDir: string }
  | { readonly kind: 'postgres'; readonly url: string; readonly poolSize?: number };

type PostgresChoice = Extract<DatabaseChoice, { kind: 'postgres' }>;

/** Told of each SQL statement before it runs. */
export interface StatementLog {
  logQuery(statement: string): void;
}

/** Connections, where no number is said. */
const usualPoolSize = 10;

/** Milliseconds. A database that answers nothing costs a request this much and no more. */
const usualPatience = { connect: 3_000, lock: 5_000, statement: 8_000, answer: 10_000, idleInTransaction: 15_000 };

export type Patience = typeof usualPatience;

/** Connecting apart, as long as it takes: 0 is no limit. */
const endlessPatience: Patience = { connect: 3_000, lock: 0, statement: 0, answer: 0, idleInTransaction: 0 };

/**
 * Opens the embedded database or a pool of connections to Postgres. A Postgres that is away does not stop this: the pool
 * connects when it is first asked, and again after it was lost.
 * @throws an Error for a person, where another process has the embedded database open.
 */
export async function openDatabase(
  choice: DatabaseChoice,
  log?: StatementLog,
  patience: Patience = usualPatience,
): Promise<OpenDatabase> {
  const options = { schema, logger: log ?? false };
  if (choice.kind === 'embedded') {
    // Loaded where it is wanted alone: a replica on Postgres has no use for a database in its memory.
    const { openEmbedded } = await import('./embedded.ts');
    const { db, close } = await openEmbedded(choice.dataDir, options);
    return { db, patiently: (work) => work(db), connections: () => ({ idle: 0, busy: 1, waiting: 0 }), close };
  }
  const { db, connections, close } = openPool(choice, options, patience);
  const patiently = async <T>(work: (db: Db) => Promise<T>) => {
    const patient = openPool({ ...choice, poolSize: 1 }, options, endlessPatience);
    return work(patient.db).finally(patient.close);
  };
  return { db, patiently, connections, close };
}

function openPool(choice: PostgresChoice, options: DrizzleConfig<Schema>, patience: Patience) {
  const pool = postgresPool(choice, patience);
  const db = overPostgres(pool, options) as unknown as Db;
  const over = onceFor(
    (connection: pg.PoolClient) => overPostgres(endingWhenSilent(connection), options) as unknown as Db,
  );
  db.transaction = (work) => onOneConnection(pool, over, work);
  const connections = () => ({
    idle: pool.idleCount,
    busy: pool.totalCount - pool.idleCount,
    waiting: pool.waitingCount,
  });
  return { db, connections, close: () => pool.end() };
}

function postgresPool({ url, poolSize = usualPoolSize }: PostgresChoice, patience: Patience): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    application_name: 'usher',
    max: poolSize,
    connectionTimeoutMillis: patience.connect,
    lock_timeout: patience.lock,
    statement_timeout: patience.statement,
    query_timeout: patience.answer,
    idle_in_transaction_session_timeout: patience.idleInTransaction,
    keepAlive: true,
  });
  // An idle connection that breaks is no request's trouble: the pool drops it and opens another when asked.
  pool.on('error', () => {});
  // One that breaks in use fails the statement it is at, which is enough: unheard, its event would end the process.
  pool.on('connect', (connection) => void connection.on('error', () => {}));
  return pool;
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
