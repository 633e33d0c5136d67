import { type DrizzleConfig, sql } from 'drizzle-orm';
import { drizzle as overPostgres } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import type { DatabaseChoice, Db, Schema, Tx } from './database.ts';
import { isConnectionLost, isStartupRefused } from './errors.ts';
import { startupOptions, type Timeouts } from './session-settings.ts';
import { cachedFor, type DatabaseTraits, setTraits } from './statements.ts';
import { asTransaction, setTransactions } from './transaction.ts';

type PostgresChoice = Extract<DatabaseChoice, { kind: 'postgres' }>;

const defaultPoolSize = 10;

/** How to connect to one database, shared by its pools. */
interface Connector {
  choice: PostgresChoice;
  traits: DatabaseTraits;
  /** The configuration of a connection. */
  configOf(timeouts: Timeouts): pg.ClientConfig;
  /** Opens a connection outside the pool. */
  connect(timeouts: Timeouts): Promise<pg.Client>;
  /**
   * Connects once, and finds out whether the server accepts startup options, and whether Citus is
   * installed.
   */
  reach(timeouts: Timeouts): Promise<void>;
}

export function connectTo(choice: PostgresChoice): Connector {
  const traits = { isUnnamed: choice.preparedStatements === false, isDistributed: false };
  let acceptsOptions = true;
  const configOf = (timeouts: Timeouts): pg.ClientConfig => ({
    connectionString: acceptsOptions ? withOptions(choice.url, startupOptions(timeouts, traits)) : choice.url,
    application_name: 'usher',
    connectionTimeoutMillis: timeouts.connect,
    query_timeout: timeouts.answer,
    keepAlive: true,
  });
  const connect = async (timeouts: Timeouts) => {
    const client = new pg.Client(configOf(timeouts));
    client.on('error', () => {});
    await client.connect();
    return client;
  };
  const reach = async (timeouts: Timeouts) => {
    const client = await connect(timeouts).catch((error) => {
      if (!acceptsOptions || !isStartupRefused(error)) throw error;
      acceptsOptions = false;
      return connect(timeouts);
    });
    // Closing is not awaited: a server that stops answering would block the start.
    traits.isDistributed = await hasCitus(client).finally(() => void client.end().catch(() => {}));
  };
  return { choice, traits, configOf, connect, reach };
}

async function hasCitus(client: pg.Client): Promise<boolean> {
  const { rowCount } = await client.query("select from pg_extension where extname = 'citus'");
  return rowCount === 1;
}

/** Adds `options` to a URL. Those already in the URL take precedence. */
function withOptions(text: string, options: string): string {
  const url = new URL(text);
  const own = url.searchParams.get('options');
  url.searchParams.set('options', own === null ? options : `${options} ${own}`);
  return url.href;
}

export function openPool(connector: Connector, options: DrizzleConfig<Schema>, timeouts: Timeouts) {
  const pool = postgresPool(connector, timeouts);
  const open = (client: pg.Pool | pg.PoolClient) => {
    const db = overPostgres(client, options) as unknown as Db;
    setTraits(db, connector.traits);
    return db;
  };
  const db = open(pool);
  // One for each connection, so that a prepared statement is built once for each connection.
  const over = cachedFor((connection: pg.PoolClient) => asTransaction(open(connection)));
  setTransactions(db, (work) => onOneConnection(pool, over, work));
  const connections = () => ({
    idle: pool.idleCount,
    busy: pool.totalCount - pool.idleCount,
    waiting: pool.waitingCount,
  });
  return { db, connections, close: () => pool.end() };
}

function postgresPool({ choice, configOf }: Connector, timeouts: Timeouts): pg.Pool {
  // A pool keeps the configuration that it was created with, but `reach` may change it later.
  class Client extends pg.Client {
    constructor() {
      super(configOf(timeouts));
    }
  }
  const { poolSize: max = defaultPoolSize } = choice;
  const pool = new pg.Pool({ Client, max, connectionTimeoutMillis: timeouts.connect });
  // If an idle connection breaks, no request is affected: the pool replaces it when needed.
  pool.on('error', () => {});
  // If a busy connection breaks, its statement fails. Without a listener, the event would also end
  // the process.
  pool.on('connect', (connection) => void connection.on('error', () => {}));
  return pool;
}

/**
 * Runs a transaction on a connection of the pool, and always releases the connection, even if the
 * transaction could not begin. A connection that broke or stopped answering is closed instead of
 * rolled back, which would wait again. (Drizzle's own transaction does neither.)
 */
async function onOneConnection<T>(
  pool: pg.Pool,
  over: (connection: pg.PoolClient) => Tx,
  work: (tx: Tx) => Promise<T>,
): Promise<T> {
  const connection = await pool.connect();
  const tx = over(connection);
  let isBroken = false;
  try {
    await tx.execute(sql`begin`);
    const result = await work(tx);
    await tx.execute(sql`commit`);
    return result;
  } catch (error) {
    isBroken = isConnectionLost(error) || (await rollbackFails(tx));
    throw error;
  } finally {
    connection.release(isBroken);
  }
}

/** Rolls back. @returns whether the rollback failed. */
const rollbackFails = (tx: Tx): Promise<boolean> =>
  tx.execute(sql`rollback`).then(
    () => false,
    () => true,
  );
