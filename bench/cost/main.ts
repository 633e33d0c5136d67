/**
 * What requests cost: over HTTP against the built service, in turn with a bare server that does the same minimum of SQL, for an account of
 * 1 000 and one of 100 000 members and pending invites. `npm run bench` starts a Postgres of its own; with `DATABASE_URL` it makes a
 * database on that server, and drops it again. `SECONDS` is how long each round takes (2), `ROUNDS` how many there are of each kind
 * (4), `ONLY` a part of the names of the kinds to measure.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { buildApp } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';
import { openDatabase } from '../../src/database/database.ts';
import { migrate } from '../../src/database/migrate.ts';
import { generateSigningKeys } from '../../src/tokens/keys.ts';
import { createPasswords } from '../../src/users/passwords/hashing.ts';
import { buildOnce, startProcess } from '../../test/support/process.ts';
import { startSendgridServer } from '../../test/support/sendgrid-server.ts';
import { freshPostgres } from '../support/postgres.ts';
import { type SeededAccount, seedAccount } from '../support/seed.ts';
import { type Bench, type Kind, kinds, type Pair, slug } from './kinds.ts';
import { load, type Measured, memoryOf, middleOf, type Requests, type Target } from './load.ts';

const seconds = Number(process.env.SECONDS ?? 2);
const rounds = Number(process.env.ROUNDS ?? 4);
const wanted = kinds.filter(({ name }) => name.includes(process.env.ONLY ?? ''));
const sizes = [1_000, 100_000];
const sampled = 500;
const connections = 16;
const password = 'correct horse battery staple';

/** What the helpers of the tests need of a test: something to do at the end. */
const endings: (() => unknown)[] = [];
const ending = { teardown: (end: () => unknown) => void endings.unshift(end) } as unknown as Test;

const say = (text: string) => void process.stdout.write(`${text}\n`);

try {
  await run();
} finally {
  for (const end of endings) await end();
}

async function run(): Promise<void> {
  const { url, version } = await freshPostgres(ending);
  const statements: { text: string; values: unknown[] }[] = [];
  const log = { logQuery: (text: string, values?: unknown[]) => void statements.push({ text, values: values ?? [] }) };
  const database = await openDatabase({ kind: 'postgres', url }, log);
  ending.teardown(database.close);
  await database.patiently(migrate);

  const sendgrid = await startSendgridServer(ending);
  // A mail service that takes its time: what is measured is a request, and not the mails that come of it.
  sendgrid.answerWith({ status: 202, after: new Promise(() => {}) });
  const env = environment(url, sendgrid.url, await generateSigningKeys());
  const read = readConfig(env);
  if ('mistakes' in read) throw new Error(read.mistakes.join('\n'));
  const { signingKeys: keys } = read.config;
  if (!keys) throw new Error('no keys');
  const { app, service } = await buildApp({ config: read.config, db: database.db, keys });
  ending.teardown(() => app.close());

  say(`Seeding accounts of ${sizes.map(numeral).join(' and ')} members and pending invites.`);
  const hash = await (await createPasswords()).hash(password);
  const accounts: SeededAccount[] = [];
  for (const size of sizes) {
    accounts.push(await database.patiently((db) => seedAccount(db, size, { sampled, hash })));
  }
  await database.patiently((db) => db.execute('vacuum analyze'));

  await buildOnce();
  const begun = performance.now();
  const started = await startProcess(ending, env);
  const readyAfter = performance.now() - begun;
  const own: Target = { url: started.url, pid: started.pid };
  const idle = await memoryOf(own.pid);

  const bench: Bench = { service, sampled, most: (2 * rounds * seconds + 2) * 5_000, password, database };
  const lines: string[] = [];
  for (const kind of wanted) {
    let small: Measured | undefined;
    for (const account of accounts) {
      say(`${kind.name}, ${numeral(account.size)}`);
      const { next, all } = await kind.make(bench, account);
      const { asked, count } = await statementsOf(kind, next ? [next()] : (all ?? []));
      const bare = await startBare(url, asked);
      // One round that does not count: both are warm when the others begin.
      for (const which of ['own', 'bare'] as const) {
        await load(which === 'own' ? own : bare, { requests: requestsOf(which, next, all), connections, seconds: 1 });
      }
      const turns: Record<'own' | 'bare', Measured[]> = { own: [], bare: [] };
      for (let round = 0; round < rounds; round++) {
        for (const which of ['own', 'bare'] as const) {
          const requests = requestsOf(which, next, all);
          turns[which].push(await load(which === 'own' ? own : bare, { requests, connections, seconds }));
        }
      }
      bare.end();
      const [mine, theirs] = [middleOf(turns.own), middleOf(turns.bare)];
      const line = lineOf(kind, account, { mine, theirs, count, small });
      say(line);
      lines.push(line);
      small ??= mine;
    }
  }
  say(
    [
      `\n${version}, Node ${process.version}, ${availableParallelism()} cores, ${connections} connections, the middle of ${rounds} rounds of ${seconds} s.\n`,
      '| Request | Members and invites | Requests/s | p50 ms | p99 ms | SQL | CPU ms | Bare: requests/s | p50 ms | p99 ms | CPU ms | To the bare server | 100 000 to 1 000 |',
      '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
      ...lines,
      `\nReady ${(readyAfter / 1000).toFixed(1)} s after it was started; ${idle} MB of memory idle, ${await memoryOf(own.pid)} MB after all that.`,
    ].join('\n'),
  );

  /** The statements of one request to the service: how many there are, and for reads the one that the bare server runs. */
  async function statementsOf({ name, statement }: Kind, pairs: Pair[]) {
    const values: unknown[][] = [];
    let text = '';
    let count = 0;
    for (const { own: request } of pairs) {
      statements.length = 0;
      const { method, path, headers, body } = request as {
        method: 'GET';
        path: string;
        headers: Record<string, string>;
        body?: string;
      };
      const answer = await app.inject({ method, url: path, headers, ...(body && { payload: body }) });
      if (answer.statusCode >= 300) throw new Error(`${name}: ${answer.statusCode} ${answer.body}`);
      count = statements.length;
      const chosen = statements.at(statement === 'first' ? 0 : -1);
      text = chosen?.text ?? '';
      values.push(chosen?.values ?? []);
    }
    return { asked: { [slug(name)]: { text, values } }, count };
  }
}

function lineOf(
  { name }: Kind,
  { size }: SeededAccount,
  { mine, theirs, count, small }: { mine: Measured; theirs: Measured; count: number; small: Measured | undefined },
): string {
  const figures = ({ perSecond, p50, p99 }: Measured) => [Math.round(perSecond), p50, p99];
  const cells = [
    small ? '' : name,
    numeral(size),
    ...figures(mine),
    count,
    mine.cpu.toFixed(2),
    ...figures(theirs),
    theirs.cpu.toFixed(2),
    (mine.perSecond / theirs.perSecond).toFixed(2),
    small ? (mine.perSecond / small.perSecond).toFixed(2) : '',
  ];
  return `| ${cells.join(' | ')} |`;
}

/** What the load generator is given: one request that is made anew each time, or all of them in turn. */
function requestsOf(which: 'own' | 'bare', next: (() => Pair) | undefined, all: Pair[] = []): Requests {
  if (!next) return all.map((it) => it[which]);
  return [{ method: 'POST', setupRequest: (request) => ({ ...request, ...next()[which] }) }];
}

function environment(databaseUrl: string, sendgridUrl: string, keys: string): Record<string, string> {
  return {
    DATABASE_URL: databaseUrl,
    SIGNING_KEYS: keys,
    MAIL_FROM: 'Bench <bench@example.com>',
    SENDGRID_API_KEY: 'SG.bench',
    SENDGRID_BASE_URL: sendgridUrl,
    RATE_LIMITS: 'off',
    PENDING_INVITES_MAX: '0',
    LOG_LEVEL: 'warn',
  };
}

async function startBare(databaseUrl: string, asked: object): Promise<Target & { end(): void }> {
  const folder = await mkdtemp(join(tmpdir(), 'usher-bench-'));
  await writeFile(join(folder, 'asked.json'), JSON.stringify(asked));
  const child = spawn(process.execPath, ['bench/cost/bare.mjs', join(folder, 'asked.json')], {
    env: { ...process.env, DATABASE_URL: databaseUrl },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [port] = await once(child.stdout, 'data');
  await rm(folder, { recursive: true });
  ending.teardown(() => child.kill());
  return { url: `http://127.0.0.1:${String(port).trim()}`, pid: child.pid ?? 0, end: () => void child.kill() };
}

function numeral(number: number): string {
  return number.toLocaleString('en').replaceAll(',', ' ');
}
