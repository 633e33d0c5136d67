/**
 * Measures requests over HTTP, compared with a bare server that runs only the necessary SQL.
 * docs/performance.md explains the method. `npm run bench` starts its own Postgres; with
 * `DATABASE_URL` it creates a database on that server, and drops it at the end.
 * `ONLY` is a regular expression that selects kinds by name, `ROUNDS` the number of rounds of each
 * kind, `SECONDS` the length of a round.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { Test } from 'tap';
import { buildApp } from '../../src/app.ts';
import { readConfig } from '../../src/config/config.ts';
import { createPasswords } from '../../src/credentials/password-hashing.ts';
import { type Db, openDatabase } from '../../src/database/database.ts';
import { migrate } from '../../src/database/migrate.ts';
import { generateSigningKeys } from '../../src/tokens/keys.ts';
import { buildOnce, startProcess } from '../../test/support/process.ts';
import { startSendgridServer } from '../../test/support/sendgrid-server.ts';
import { freshPostgres } from '../support/postgres.ts';
import { type SeededAccount, seedAccount, seedAccounts } from '../support/seed.ts';
import { measureFirstRequests } from './cold.ts';
import { type Audience, type Bench, type Kind, kinds, type Pair, requestsOf, type Series } from './kinds.ts';
import { type Load, load, readMemory, type Target } from './load.ts';
import { formatNumber, formatProgress, performanceTables, type Result, type Round, shortTable } from './report.ts';
import { type BareRead, type Statement, watchStatements } from './statements.ts';

const seconds = Number(process.env.SECONDS ?? 0.75);
const rounds = Number(process.env.ROUNDS ?? 5);
const only = new RegExp(process.env.ONLY ?? '');
const chosen = kinds.filter(({ name }) => only.test(name));
const sizes = [1_000, 100_000];
const callers = 1_000;
const connections = 32;
const poolSize = 20;
const password = 'correct horse battery staple';
/**
 * The load before the rounds: many more clients than the pools have connections, so that every
 * connection prepares every statement. It ends when all requests are answered.
 */
const warmUp = { connections: 100, amount: 1_000 };
/** How many invites are seeded: more than one processor can accept in a second. */
const acceptsPerSecond = { service: 1_200, bare: 3_000 };
const servers = ['service', 'bare'] as const;
const audiences = ['many', 'one'] as const;

const endings: (() => unknown)[] = [];
/** The test helpers use only `teardown` of a test. */
const ending = { teardown: (end: () => unknown) => void endings.unshift(end) } as unknown as Test;

const print = (text: string) => void process.stdout.write(`${text}\n`);

try {
  await run();
} finally {
  for (const end of endings) await end();
}

async function run(): Promise<void> {
  const { url: databaseUrl, version } = await freshPostgres(ending);
  const log: Statement[] = [];
  const logQuery = (text: string, values?: unknown[]) => void log.push({ text, values: values ?? [] });
  const database = await openDatabase({ kind: 'postgres', url: databaseUrl }, { logQuery });
  ending.teardown(database.close);
  await database.withoutTimeouts(migrate);

  const sendgrid = await startSendgridServer(ending);
  // SendGrid never answers, so that sending mails is not measured.
  sendgrid.answerWith({ status: 202, after: new Promise(() => {}) });
  const env = environment(databaseUrl, sendgrid.url, await generateSigningKeys());
  const { app, service } = await appInThisProcess(env, database.db);

  print(`Seeding accounts of ${sizes.map(formatNumber).join(' and ')} members and pending invites.`);
  const { accounts, manyAccounts } = await database.withoutTimeouts(seed);

  await buildOnce();
  const begin = performance.now();
  const started = await startProcess(ending, env);
  const readyAfter = performance.now() - begin;
  const idle = await readMemory(started.pid);

  const bench: Bench = { service, database, manyAccounts, maxAccepts: maxAccepts(), password };
  const setup: Setup = { bench, app, log, databaseUrl, started };
  const results: Result[] = [];
  for (const kind of chosen) {
    for (const [i, account] of accounts.entries()) {
      if (i > 0 && kind.isOutsideAccounts) continue;
      const result = await measureKind(setup, kind, account);
      print(formatProgress(result));
      results.push(result);
    }
  }
  print(
    [
      '\nFor docs/performance.md:\n',
      `${version}, Node ${process.version}, ${availableParallelism()} processors, the median of ${rounds} rounds of ${seconds} s.\n`,
      performanceTables(results),
      `\nReady ${(readyAfter / 1000).toFixed(1)} s after the start, with ${idle} MB of memory; ${await readMemory(started.pid)} MB after the benchmark.`,
      '\nFor the README:\n',
      shortTable(results),
    ].join('\n'),
  );
}

async function seed(db: Db) {
  const hash = await (await createPasswords()).hash(password);
  const accounts: SeededAccount[] = [];
  for (const size of sizes) accounts.push(await seedAccount(db, size, { sampled: callers, hash }));
  const manyAccounts = await seedAccounts(db, 100, { members: 1_000, invites: 0, hash });
  await db.execute('vacuum analyze');
  return { accounts, manyAccounts };
}

/** How many invites to seed for one measurement of accepts. */
function maxAccepts(): Bench['maxAccepts'] {
  const processorSeconds = availableParallelism() * rounds * seconds;
  // Plus a hundred for the requests that are sent one by one.
  const extra = warmUp.amount + 100;
  return {
    service: Math.ceil(acceptsPerSecond.service * processorSeconds) + extra,
    bare: Math.ceil(acceptsPerSecond.bare * processorSeconds) + extra,
  };
}

interface Setup {
  bench: Bench;
  /** The service in this process, whose statements go to `log`. */
  app: FastifyInstance;
  log: Statement[];
  databaseUrl: string;
  /** The service in its own process, which is measured. */
  started: Target;
}

async function measureKind(
  { bench, app, log, databaseUrl, started }: Setup,
  kind: Kind,
  account: SeededAccount,
): Promise<Result> {
  const series = {
    many: await kind.requests(bench, account, 'many'),
    one: await kind.requests(bench, account, 'one'),
  };
  const { count, read } = await watchStatements(app, log, kind, series);
  const bare = await startBare(databaseUrl, read);
  const measured = await measureRounds({ service: started, bare }, series);
  bare.end();
  const first = await measureFirstRequests({ databaseUrl, url: started.url }, requestsOf(series.many, 'service'));
  return {
    kind: kind.name,
    size: kind.isOutsideAccounts ? undefined : account.size,
    rounds: measured,
    statements: count,
    first,
  };
}

/** Loads both servers in turn, after a warm-up of both. */
async function measureRounds(
  targets: { [Server in keyof Pair]: Target },
  series: Record<Audience, Series>,
): Promise<Record<Audience, Round[]>> {
  const loadServer = (server: keyof Pair, audience: Audience, how: Load) =>
    load(targets[server], requestsOf(series[audience], server), how);
  for (const server of servers) await loadServer(server, 'many', warmUp);
  const measured: Record<Audience, Round[]> = { many: [], one: [] };
  for (let round = 0; round < rounds; round++) {
    for (const audience of audiences) {
      const service = await loadServer('service', audience, { connections, seconds });
      const bare = await loadServer('bare', audience, { connections, seconds });
      if (bare.perSecond === 0) throw new Error('This machine is too busy to measure on: set SECONDS higher.');
      measured[audience].push({ service, bare });
    }
  }
  return measured;
}

async function appInThisProcess(env: Record<string, string>, db: Db) {
  const read = readConfig(env);
  if ('mistakes' in read) throw new Error(read.mistakes.join('\n'));
  const { signingKeys } = read.config;
  if (!signingKeys) throw new Error('no signing keys');
  const { app, service } = await buildApp({ config: read.config, db, keys: signingKeys });
  ending.teardown(() => app.close());
  return { app: app as unknown as FastifyInstance, service };
}

function environment(databaseUrl: string, sendgridUrl: string, keys: string): Record<string, string> {
  return {
    DATABASE_URL: databaseUrl,
    DATABASE_POOL_SIZE: String(poolSize),
    SIGNING_KEYS: keys,
    MAIL_FROM: 'Bench <bench@example.com>',
    SENDGRID_API_KEY: 'SG.bench',
    SENDGRID_BASE_URL: sendgridUrl,
    RATE_LIMITS: 'off',
    PENDING_INVITES_MAX: '0',
    LOG_LEVEL: 'warn',
  };
}

async function startBare(databaseUrl: string, read: BareRead): Promise<Target & { end(): void }> {
  const folder = await mkdtemp(join(tmpdir(), 'usher-bench-'));
  const file = join(folder, 'read.json');
  await writeFile(file, JSON.stringify(read));
  const child = spawn(process.execPath, [join(import.meta.dirname, 'bare.js'), file], {
    env: { ...process.env, DATABASE_URL: databaseUrl, DATABASE_POOL_SIZE: String(poolSize) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [port] = await once(child.stdout, 'data');
  await rm(folder, { recursive: true });
  ending.teardown(() => child.kill());
  return { url: `http://127.0.0.1:${String(port).trim()}`, pid: child.pid ?? 0, end: () => void child.kill() };
}
