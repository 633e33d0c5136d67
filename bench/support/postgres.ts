import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import type { Test } from 'tap';

const run = promisify(execFile);

/**
 * Creates an empty database on the server of `DATABASE_URL`, or on its own Postgres. It is dropped
 * at the end.
 */
export async function freshPostgres(ending: Pick<Test, 'teardown'>): Promise<{ url: string; version: string }> {
  const server = process.env.DATABASE_URL;
  if (!server) {
    const { url, version, stop } = await startPostgres();
    ending.teardown(stop);
    return { url, version };
  }
  const name = `usher_bench_${process.pid}`;
  const [row] = await asAdmin(server, 'show server_version');
  await asAdmin(server, `create database ${name}`);
  ending.teardown(() => asAdmin(server, `drop database if exists ${name} with (force)`));
  return { url: new URL(`/${name}`, server).href, version: `PostgreSQL ${row?.server_version}` };
}

async function asAdmin(server: string, statement: string): Promise<Record<string, string>[]> {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  const { rows } = await client.query(statement);
  await client.end();
  return rows;
}

interface ServerOptions {
  /** Files to copy into the data folder, by their names there. */
  files?: Record<string, string>;
  /** Extra command-line options of the server. */
  options?: string[];
}

/**
 * Starts a Postgres server in a temporary folder, with its default settings, including durability.
 * @returns its URL, and a function that stops and removes it.
 * @throws an Error if Postgres is not installed.
 */
export async function startPostgres({ files = {}, options: extra = [] }: ServerOptions = {}): Promise<{
  url: string;
  version: string;
  stop(): Promise<void>;
}> {
  const bin = await findNewestPostgres();
  const folder = await mkdtemp(join(tmpdir(), 'usher-postgres-'));
  const port = await freePort();
  // Postgres refuses to run as root, so root starts it as the user of Debian's package.
  const as = userInfo().uid === 0 ? ['runuser', '-u', 'postgres', '--'] : [];
  const tool = (name: string, ...parameters: string[]) => {
    const [command, ...rest] = [...as, join(bin, name), ...parameters] as [string, ...string[]];
    return run(command, rest);
  };
  if (as.length > 0) await run('chown', ['postgres', folder]);
  const data = join(folder, 'data');
  await tool('initdb', '-D', data, '-A', 'trust', '-U', 'postgres', '-E', 'UTF8', '--locale', 'C.UTF-8');
  for (const [name, path] of Object.entries(files)) {
    const owner = as.length > 0 ? ['-o', 'postgres'] : [];
    await run('install', ['-m', '600', ...owner, path, join(data, name)]);
  }
  const options = [`-p ${port} -k ${folder} -c listen_addresses=127.0.0.1`, ...extra].join(' ');
  await tool('pg_ctl', '-D', data, '-w', '-l', join(folder, 'log'), '-o', options, 'start');
  const { stdout } = await tool('postgres', '--version');
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    version: stdout.replace(/^\D*/, 'PostgreSQL ').split(' (')[0] as string,
    async stop() {
      await tool('pg_ctl', '-D', data, '-m', 'immediate', 'stop');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The folder of the newest version among Debian's packages. */
async function findNewestPostgres(): Promise<string> {
  const versions = await readdir('/usr/lib/postgresql').catch(() => []);
  const newest = versions.sort((one, other) => Number(other) - Number(one))[0];
  if (!newest) throw new Error('No PostgreSQL is installed: install Debian’s package postgresql, or set DATABASE_URL.');
  return `/usr/lib/postgresql/${newest}/bin`;
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
