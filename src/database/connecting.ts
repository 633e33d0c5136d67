import pg from 'pg';
import { isStartupRefused } from './errors.ts';
import { startupOptions, type Timeouts } from './session-settings.ts';

export interface PostgresChoice {
  readonly kind: 'postgres';
  readonly url: string;
  readonly poolSize?: number;
  /** Default: true. Poolers that don't know prepared statements need false. */
  readonly preparedStatements?: boolean;
}

const defaultPoolSize = 10;

export interface Connecting {
  choice: PostgresChoice;
  /** What a connection is made with. */
  configOf(timeouts: Timeouts): pg.ClientConfig;
  /** Opens a connection outside the pool. */
  connect(timeouts: Timeouts): Promise<pg.Client>;
  reach(timeouts: Timeouts): Promise<void>;
}

/** How connections are made, which is the same in all pools of a database. */
export function connectTo(choice: PostgresChoice): Connecting {
  let takesOptions = true;
  const configOf = (timeouts: Timeouts): pg.ClientConfig => ({
    connectionString: takesOptions ? withOptions(choice.url, startupOptions(timeouts)) : choice.url,
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
      if (!takesOptions || !isStartupRefused(error)) throw error;
      takesOptions = false;
      return connect(timeouts);
    });
    // Not awaited: a server that fell silent would keep the start waiting.
    void client.end().catch(() => {});
  };
  return { choice, configOf, connect, reach };
}

/** The URL with more `options`, which give way to its own. */
function withOptions(text: string, options: string): string {
  const url = new URL(text);
  const own = url.searchParams.get('options');
  url.searchParams.set('options', own === null ? options : `${options} ${own}`);
  return url.href;
}

export function postgresPool({ choice, configOf }: Connecting, timeouts: Timeouts): pg.Pool {
  // A pool keeps the configuration that it was made with, and how to connect is found out later.
  class Client extends pg.Client {
    constructor() {
      super(configOf(timeouts));
    }
  }
  const { poolSize: max = defaultPoolSize } = choice;
  const pool = new pg.Pool({ Client, max, connectionTimeoutMillis: timeouts.connect });
  // An idle connection that breaks affects no request: the pool drops it and opens another when asked.
  pool.on('error', () => {});
  // One that breaks in use fails its statement, which is enough: without a listener, its event would end the process.
  pool.on('connect', (connection) => void connection.on('error', () => {}));
  return pool;
}
