import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import type { Test } from 'tap';
import { blocksOf } from './blocks.ts';
import { root } from './root.ts';
import { until } from './until.ts';

const run = promisify(execFile);

export interface PgbouncerOptions {
  mode?: 'transaction' | 'session';
  /** Extra lines of its `[pgbouncer]` section. */
  settings?: string[];
}

const password = 'secret';

/**
 * Starts Debian's PgBouncer in front of a database, with the configuration in docs/operators.md,
 * but without support for prepared statements, like versions before 1.21.
 */
export async function startPgbouncer(t: Test, databaseUrl: string, options: PgbouncerOptions = {}) {
  const { mode = 'transaction', settings = [] } = options;
  const target = new URL(databaseUrl);
  const [name, port] = [target.pathname.slice(1), await freePort()];
  const folder = await mkdtemp(join(tmpdir(), 'usher-pgbouncer-'));
  const { stdout: version } = await run('pgbouncer', ['--version']);
  const [, minor = '0'] = /PgBouncer 1\.(\d+)/.exec(version) ?? [];
  const role = target.username;
  const [file, userFile] = [join(folder, 'pgbouncer.ini'), join(folder, 'userlist.txt')];
  const shown = readDocumentedFiles();
  const configuration = replaceLines(shown.configuration, {
    usher: `${name} = host=${target.hostname} port=${target.port || 5432} dbname=${name}`,
    listen_port: `listen_port = ${port}`,
    auth_file: `auth_file = ${userFile}`,
    admin_users: `admin_users = ${role}`,
    pool_mode: `pool_mode = ${mode}`,
  });
  const more = ['unix_socket_dir =', ...(Number(minor) >= 21 ? ['max_prepared_statements = 0'] : []), ...settings];
  await writeFile(file, `${configuration}${more.join('\n')}\n`);
  await writeFile(userFile, shown.users.replace('"usher" "secret"', `"${role}" "${password}"`));
  // PgBouncer refuses to run as root.
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

  /** Runs a command on its console. */
  async function console(statement: string): Promise<void> {
    const client = new pg.Client({ connectionString: `postgres://${role}:${password}@127.0.0.1:${port}/pgbouncer` });
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
  return { url: `postgres://${role}:${password}@127.0.0.1:${port}/${name}`, console };
}

/** The configuration and the list of users in docs/operators.md. */
function readDocumentedFiles(): { configuration: string; users: string } {
  const blocks = blocksOf(readFileSync(join(root, 'docs/operators.md'), 'utf8'));
  const at = blocks.findIndex((it) => it.content.startsWith('[databases]'));
  const [configuration, users] = blocks.slice(at, at + 2).map((it) => it.content);
  if (at === -1 || configuration === undefined || users === undefined)
    throw new Error('docs/operators.md has no configuration');
  return { configuration, users };
}

/** Replaces lines, selected by the name before `=`. @throws an Error if a line is missing. */
function replaceLines(text: string, replacements: Record<string, string>): string {
  return Object.entries(replacements).reduce((replaced, [name, line]) => {
    const pattern = new RegExp(`^${name} = .*$`, 'm');
    if (!pattern.test(replaced)) throw new Error(`the configuration has no line ${name}`);
    return replaced.replace(pattern, line);
  }, text);
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
