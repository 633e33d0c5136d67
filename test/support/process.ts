import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import type { DatabaseChoice } from '../../src/database/database.ts';
import { root } from './root.ts';
import { until } from './until.ts';

/** The environment that every program needs. */
const baseEnvironment = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '' };

/** A command without the hooks that the test runner adds to child processes. */
const withoutHooks = (...command: string[]): [string, string[]] => ['env', ['-u', 'NODE_OPTIONS', ...command]];

/** Builds the service if the sources are newer than the build. */
export async function buildOnce(): Promise<void> {
  const built = await stat(join(root, 'dist/main.js')).catch(() => undefined);
  if (built && built.mtimeMs > (await newestIn(join(root, 'src')))) return;
  await promisify(execFile)(...withoutHooks('npm', 'run', '--silent', 'build'), { cwd: root, env: baseEnvironment });
}

async function newestIn(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true });
  const times = await Promise.all(entries.map(async (it) => (await stat(join(folder, it))).mtimeMs));
  return Math.max(...times);
}

/** Runs a built program for operators, without npm. @returns its output and exit code. */
export async function runProgram(name: string, choice: DatabaseChoice, args: string[], more: Environment = {}) {
  const databaseEnv = choice.kind === 'postgres' ? { DATABASE_URL: choice.url } : { DATA_DIR: choice.dataDir };
  const env = { PATH: process.env.PATH, ...databaseEnv, ...more };
  const command = withoutHooks(process.execPath, `dist/cli/${name}.js`, ...args);
  const { stdout, stderr, code } = await promisify(execFile)(...command, { cwd: root, env }).then(
    (it) => ({ ...it, code: 0 }),
    (error) => error as { stdout: string; stderr: string; code: number },
  );
  return { stdout, stderr, code };
}

export type Environment = Record<string, string>;

/** Starts the built service as a process with only this environment. */
export function spawnService(t: Test, env: Environment) {
  const child = spawn(...withoutHooks(process.execPath, 'dist/main.js'), {
    cwd: root,
    env: { ...baseEnvironment, PORT: '0', HOST: '127.0.0.1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const printed = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => {
    printed.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    printed.stderr += text;
  });
  // `close` comes after the last byte of the output, `exit` may not.
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal }) as Ending);
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return {
    pid: child.pid ?? 0,
    /** Its output so far. */
    printed,
    isOver: () => isOver,
    /** Sends a signal, and waits until the process has ended. */
    end(signal: NodeJS.Signals): Promise<Ending> {
      child.kill(signal);
      return ended;
    },
    /** Sends a signal. */
    kill: (signal: NodeJS.Signals) => void child.kill(signal),
    ended,
  };
}

export interface Ending {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export type RunningService = Awaited<ReturnType<typeof startProcess>>;

/**
 * Starts the service and waits until it is ready.
 * @throws an Error with its output if it ends before that.
 */
export async function startProcess(t: Test, env: Environment) {
  await buildOnce();
  const service = spawnService(t, env);
  const url = await until(
    'the service to be ready',
    async () => {
      if (service.isOver()) throw new Error(`the service ended: ${service.printed.stderr}${service.printed.stdout}`);
      const port = /http:\/\/(?:localhost|127\.0\.0\.1):(\d+)/.exec(service.printed.stdout)?.[1];
      const base = `http://127.0.0.1:${port}`;
      return port !== undefined && (await isReady(base)) && base;
    },
    30_000,
  );
  return { ...service, url };
}

const isReady = (base: string) =>
  fetch(`${base}/readyz`).then(
    (answer) => answer.ok,
    () => false,
  );

export interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests assert what they expect
  body: any;
}

export interface RequestOptions {
  token?: string | undefined;
  body?: unknown;
  headers?: Record<string, string>;
}

/** Makes one call over HTTP. */
export async function request(
  base: string,
  method: string,
  path: string,
  { token, body, headers = {} }: RequestOptions = {},
): Promise<Answer> {
  const answer = await fetch(base + path, {
    method,
    headers: {
      ...headers,
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  const isJson = /json/.test(answer.headers.get('content-type') ?? '');
  return { status: answer.status, headers: answer.headers, body: isJson ? JSON.parse(text) : text };
}
