import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import type { Test } from 'tap';
import { until } from './until.ts';

const run = promisify(execFile);

export interface PgbouncerOptions {
  mode?: 'transaction' | 'session';
  /** More lines of its `[pgbouncer]` section. */
  settings?: string[];
}

/**
 * Debian's PgBouncer in front of a database: without prepared statements, as versions before 1.21
 * are.
 */
export async function startPgbouncer(t: Test, databaseUrl: string, options: PgbouncerOptions = {}) {
  const { mode = 'transaction', settings = [] } = options;
  const target = new URL(databaseUrl);
  const [name, port] = [target.pathname.slice(1), await freePort()];
  const folder = await mkdtemp(join(tmpdir(), 'usher-pgbouncer-'));
  const { stdout: version } = await run('pgbouncer', ['--version']);
  const [, minor = '0'] = /PgBouncer 1\.(\d+)/.exec(version) ?? [];
  const lines = [
    '[databases]',
    `${name} = host=${target.hostname} port=${target.port || 5432} dbname=${name} user=${target.username}`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${port}`,
    'unix_socket_dir =',
    'auth_type = any',
    'admin_users = admin',
    `pool_mode = ${mode}`,
    'default_pool_size = 8',
    ...(Number(minor) >= 21 ? ['max_prepared_statements = 0'] : []),
    ...settings,
  ];
  const file = join(folder, 'pgbouncer.ini');
  await writeFile(file, `${lines.join('\n')}\n`);
  // It refuses to run as root.
  const isRoot = userInfo().uid === 0;
  if (isRoot) await run('chown', ['-R', 'nobody', folder]);
  const [command, parameters] = isRoot ? ['runuser', ['-u', 'nobody', '--', 'pgbouncer', file]] : ['pgbouncer', [file]];
  const child = spawn(command as string, parameters as string[], { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (log += text));
  const ended = once(child, 'close');
  t.teardown(async () => {
    child.kill('SIGTERM');
    await ended;
    await rm(folder, { recursive: true, force: true });
  });

  /** Types a command into its console. */
  async function console(statement: string): Promise<void> {
    const client = new pg.Client({ connectionString: `postgres://admin@127.0.0.1:${port}/pgbouncer` });
    client.on('error', () => {});
    await client.connect();
    await client.query(statement).finally(() => client.end());
  }

  await until(
    'PgBouncer to answer',
    async () => {
      if (child.exitCode !== null) throw new Error(`PgBouncer ended: ${log}`);
      return console('show version').then(
        () => true,
        () => false,
      );
    },
    10_000,
  );
  return { url: `postgres://usher@127.0.0.1:${port}/${name}`, console };
}

export function freePort(): Promise<number> {
  return new Promise((found) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => found(port));
    });
  });
}
