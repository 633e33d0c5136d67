/**
 * What a check costs: over HTTP against the built service, side by side with a bare server that runs the same prepared SELECT, for an
 * account of 1 000 and one of 100 000 members. `npm run bench:check`; `DATABASE_URL` names the Postgres server, on which a database is
 * made and dropped again; `SECONDS` is how long each of the rounds takes (2), `ROUNDS` how many there are of each kind (4).
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import autocannon from 'autocannon';
import { sql } from 'drizzle-orm';
import pg from 'pg';
import type { Test } from 'tap';
import { checkAll } from '../src/checks/check.ts';
import type { Question } from '../src/checks/question.ts';
import { openDatabase } from '../src/database/database.ts';
import { migrate } from '../src/database/migrate.ts';
import type { Caller } from '../src/service.ts';
import { readKeyText } from '../src/tokens/key-text.ts';
import { buildOnce, startProcess } from '../test/support/process.ts';
import { type SeededAccount, seedAccount } from './check/seed.ts';

const server = process.env.DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres';
const duration = Number(process.env.SECONDS ?? 2);
const rounds = Number(process.env.ROUNDS ?? 4);
const sizes = [1_000, 100_000];
/** How many different questions are asked in turn. */
const sampled = 500;
const connections = 16;
const batch = 50;
const name = `usher_bench_${process.pid}`;
const url = new URL(`/${name}`, server).href;

const endings: (() => unknown)[] = [];
const ending = { teardown: (end: () => unknown) => void endings.unshift(end) } as unknown as Test;

type Requests = NonNullable<autocannon.Options['requests']>;
interface Measured {
  perSecond: number;
  p50: number;
  p99: number;
}

/** What is asked of the service, and the questions that the bare server answers in the place of it. */
const kinds: Record<string, { ask(account: SeededAccount, at: number): Requests[number]; questions: number }> = {
  'GET …/check': {
    questions: 1,
    ask: ({ id, key, members }, at) => ({
      method: 'GET',
      path: `/v1/accounts/${id}/check?userId=${members[at % members.length]}&permission=invoices:pay`,
      headers: { authorization: `Bearer ${key}` },
    }),
  },
  'POST /access/v1/evaluation': {
    questions: 1,
    ask: ({ key, members }, at) => post('/access/v1/evaluation', key, evaluationOf(members[at % members.length])),
  },
  [`POST /access/v1/evaluations, ${batch}`]: {
    questions: batch,
    ask: ({ key, members }, at) =>
      post('/access/v1/evaluations', key, {
        evaluations: Array.from({ length: batch }, (_, i) => evaluationOf(members[(at + i) % members.length])),
      }),
  },
};

const evaluationOf = (id: string | undefined) => ({
  subject: { type: 'user', id },
  action: { name: 'invoices:pay' },
  resource: { type: 'contact', id: '1' },
});

const post = (path: string, key: string, body: object): Requests[number] => ({
  method: 'POST',
  path,
  headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

try {
  await run();
} finally {
  for (const end of endings) await end();
  await asAdmin(`drop database if exists ${name} with (force)`);
}

async function run(): Promise<void> {
  await asAdmin(`create database ${name}`);
  const statements: { text: string; values: unknown[] }[] = [];
  const log = { logQuery: (text: string, values?: unknown[]) => void statements.push({ text, values: values ?? [] }) };
  const { db, close, patiently } = await openDatabase({ kind: 'postgres', url }, log);
  ending.teardown(close);
  await patiently(migrate);
  const accounts = await patiently(async (patient) => {
    const seeded: SeededAccount[] = [];
    for (const size of sizes) seeded.push(await seedAccount(patient, size, sampled));
    await patient.execute(sql`vacuum analyze`);
    return seeded;
  });
  await buildOnce();
  const service = await startProcess(ending, { DATABASE_URL: url, RATE_LIMITS: 'off', LOG_LEVEL: 'warn' });
  const lines: string[] = [];
  for (const [kind, { ask, questions }] of Object.entries(kinds)) {
    const perSize: Measured[] = [];
    for (const [i, account] of accounts.entries()) {
      const asked = await statementsOf(account, questions);
      const bare = await startBare(asked);
      const ofService = Array.from({ length: sampled }, (_, at) => ask(account, at));
      const ofBare = Array.from({ length: sampled }, (_, at) => ({ method: 'GET' as const, path: `/${at}` }));
      const [own, least]: [Measured[], Measured[]] = [[], []];
      for (let round = 0; round < rounds; round++) {
        own.push(await measure(service.url, ofService));
        least.push(await measure(bare.url, ofBare));
      }
      bare.end();
      const [mine, theirs] = [middleOf(own), middleOf(least)];
      perSize.push(mine);
      const bigger = i === 0 ? '' : ratio(mine.perSecond, (perSize[0] as Measured).perSecond);
      lines.push(
        `| ${kind} | ${(sizes[i] as number).toLocaleString('en')} | ${Math.round(mine.perSecond)} | ${mine.p50} | ${mine.p99} | ${asked.each} | ${Math.round(theirs.perSecond)} | ${theirs.p50} | ${theirs.p99} | ${ratio(mine.perSecond, theirs.perSecond)} | ${bigger} |`,
      );
    }
  }
  process.stdout.write(
    [
      '| Request | Members | Requests/s | p50 ms | p99 ms | SQL | bare/s | p50 | p99 | to the bare server | 100,000 to 1,000 |',
      '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
      ...lines,
      '',
    ].join('\n'),
  );

  /** The statement that the service runs for its questions, with the values of each; how many there are for one request. */
  async function statementsOf(account: SeededAccount, questions: number) {
    const caller = callerOf(account);
    const values: unknown[][] = [];
    let text = '';
    let each = 0;
    for (let at = 0; at < sampled; at++) {
      statements.length = 0;
      const asked = Array.from({ length: questions }, (_, i) => questionOf(account, at + i));
      await checkAll(db, caller, asked);
      each = statements.length;
      text = statements[0]?.text ?? '';
      values.push(statements[0]?.values ?? []);
    }
    return { text, values, each };
  }
}

function callerOf({ key }: SeededAccount): Caller {
  const read = readKeyText(key);
  if (read?.kind !== 'account') throw new Error('no key of an account');
  const client = { network: '127.0.0.1', userAgent: '' };
  return {
    userId: read.userId,
    sessionId: null,
    identityId: null,
    key: read,
    now: new Date(),
    client,
    audit: () => {},
  };
}

function questionOf({ id, members }: SeededAccount, at: number): Question {
  const subject = { id: members[at % members.length] as Question['subject'] & string };
  return { accountId: id, subject, permission: 'invoices:pay', resource: null, properties: {} } as Question;
}

async function startBare(asked: { text: string; values: unknown[][] }) {
  const folder = await mkdtemp(join(tmpdir(), 'usher-bench-'));
  await writeFile(join(folder, 'asked.json'), JSON.stringify(asked));
  const child = spawn(process.execPath, ['bench/check/bare.mjs', join(folder, 'asked.json')], {
    env: { ...process.env, DATABASE_URL: url },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [port] = await once(child.stdout, 'data');
  await rm(folder, { recursive: true });
  ending.teardown(() => child.kill());
  return { url: `http://127.0.0.1:${String(port).trim()}`, end: () => child.kill() };
}

/** Loads a server for one round. @throws where it answers anything but 200. */
async function measure(base: string, requests: Requests): Promise<Measured> {
  const result = await autocannon({ url: base, connections, duration, requests });
  if (result.non2xx > 0 || result.errors > 0) throw new Error(`${result.non2xx} refusals, ${result.errors} errors`);
  return { perSecond: result.requests.total / result.duration, p50: result.latency.p50, p99: result.latency.p99 };
}

/** The round in the middle, by its requests per second. The first warms up, and is seldom that one. */
function middleOf(all: Measured[]): Measured {
  const sorted = all.toSorted((one, other) => one.perSecond - other.perSecond);
  return sorted[Math.floor(sorted.length / 2)] as Measured;
}

function ratio(one: number, other: number): string {
  return (one / other).toFixed(2);
}

async function asAdmin(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  await client.query(statement);
  await client.end();
}
