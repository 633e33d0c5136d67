import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import type { DatabaseChoice } from '../../src/database/database.ts';
import { root } from './root.ts';
import { until } from './until.ts';

/** What a program needs to run at all. */
const surroundings = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '' };

/** Starts a program without the hooks that the test runner puts into every child of its own. */
const plainly = (...command: string[]): [string, string[]] => ['env', ['-u', 'NODE_OPTIONS', ...command]];

/** Builds the service where the sources are newer than what was built from them. */
export async function buildOnce(): Promise<void> {
  const built = await stat(join(root, 'dist/main.js')).catch(() => undefined);
  if (built && built.mtimeMs > (await newestIn(join(root, 'src')))) return;
  await promisify(execFile)(...plainly('npm', 'run', '--silent', 'build'), { cwd: root, env: surroundings });
}

async function newestIn(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true });
  const times = await Promise.all(entries.map(async (it) => (await stat(join(folder, it))).mtimeMs));
  return Math.max(...times);
}

/** What a program for operators printed, and how it ended: run as an operator does, but for npm. It must be built. */
export async function runProgram(name: string, choice: DatabaseChoice, words: string[], more: Environment = {}) {
  const place = choice.kind === 'postgres' ? { DATABASE_URL: choice.url } : { DATA_DIR: choice.dataDir };
  const env = { PATH: process.env.PATH, ...place, ...more };
  const command = plainly(process.execPath, `dist/cli/${name}.js`, ...words);
  const { stdout, stderr, code } = await promisify(execFile)(...command, { cwd: root, env }).then(
    (it) => ({ ...it, code: 0 }),
    (error) => error as { stdout: string; stderr: string; code: number },
  );
  return { stdout, stderr, code };
}

export type Environment = Record<string, string>;

/** The built service as a process of its own, with this environment and nothing else in it. */
export function spawnService(t: Test, env: Environment) {
  const child = spawn(...plainly(process.execPath, 'dist/main.js'), {
    cwd: root,
    env: { ...surroundings, PORT: '0', HOST: '127.0.0.1', ...env },
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
    /** What it has printed so far. */
    printed,
    isOver: () => isOver,
    /** Sends a signal, and answers when it has ended. */
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

/** The same, once it says that it will serve requests. @throws an Error with what it printed, where it ends before that. */
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
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects, and fails where that is not so
  body: any;
}

export interface RequestOptions {
  token?: string | undefined;
  body?: unknown;
  headers?: Record<string, string>;
}

/** Makes one call over HTTP, as whoever the token names. */
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
