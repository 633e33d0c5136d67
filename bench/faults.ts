/**
 * Measures what is lost when something breaks under load. A client sends reads and writes at a
 * steady rate to two replicas of the built service on one Postgres. Like a load balancer, it checks
 * `/readyz` and sends requests to the replicas that are ready. Meanwhile replicas are stopped,
 * killed and started, and the database is frozen and cut off. `npm run bench:faults` starts its own
 * Postgres, or creates a database on the server of `DATABASE_URL`. `RATE` is the number of requests
 * per second (default: 200).
 */
import { Agent, request as httpRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Test } from 'tap';
import { openDatabase } from '../src/database/database.ts';
import { migrate } from '../src/database/migrate.ts';
import { newId } from '../src/ids/ids.ts';
import { generateSigningKeys } from '../src/tokens/keys.ts';
import { startPostgresProxy } from '../test/support/postgres-proxy.ts';
import { type RunningService, startProcess } from '../test/support/process.ts';
import { freshPostgres } from './support/postgres.ts';
import { type SeededAccount, seedAccount } from './support/seed.ts';

const rate = Number(process.env.RATE ?? 200);
/** Milliseconds between readiness checks. */
const probeInterval = 200;

/** The test helpers use only `teardown` of a test. */
const endings: (() => unknown)[] = [];
const ending = { teardown: (end: () => unknown) => void endings.unshift(end) } as unknown as Test;

interface Counts {
  sent: number;
  succeeded: number;
  unavailable: number;
  otherStatus: number;
  lost: number;
  /** Invites that were answered with 201 but are not in the database. */
  missing: number;
  /** Duration of the slowest answer in milliseconds. */
  slowest: number;
}

const agent = new Agent({ keepAlive: true });
const lines: string[] = [];

try {
  await run();
} finally {
  for (const end of endings) await end();
}

async function run(): Promise<void> {
  const { url, version } = await freshPostgres(ending);
  const { withoutTimeouts, close } = await openDatabase({ kind: 'postgres', url });
  await withoutTimeouts(migrate);
  const account = await withoutTimeouts((db) => seedAccount(db, 1_000, { sampled: 500, hash: '' }));
  await close();
  const proxy = await startPostgresProxy(ending, url);
  const keys = await generateSigningKeys();
  const start = (delay: number) =>
    startProcess(ending, {
      DATABASE_URL: proxy.url,
      SIGNING_KEYS: keys,
      STOP_DELAY: String(delay),
      RATE_LIMITS: 'off',
      PENDING_INVITES_MAX: '0',
      LOG_LEVEL: 'silent',
    });
  let replicas = [await start(2), await start(2)];
  const measure = async (name: string, seconds: number, break_: () => Promise<unknown>) => {
    process.stdout.write(`${name}\n`);
    const counts = await loadWhile({ url, account, replicas: () => replicas, seconds }, break_);
    const { sent, succeeded, unavailable, otherStatus, lost, missing, slowest } = counts;
    lines.push(
      `| ${[name, sent, succeeded, unavailable, otherStatus, lost, missing, Math.round(slowest)].join(' | ')} |`,
    );
    await untilReady(replicas);
  };
  /** Replaces a replica: starts a new one, then ends the old one. */
  const replace = async (at: number, signal: NodeJS.Signals, delay = 2) => {
    const [old] = replicas.splice(at, 1, await start(delay)) as [RunningService];
    await old.end(signal);
  };

  await untilReady(replicas);
  await measure('no fault', 10, async () => {});
  await measure('SIGTERM to both, one after the other, each replaced', 20, async () => {
    for (const at of [0, 1]) await replace(at, 'SIGTERM');
  });
  await measure('SIGTERM to one of two, `STOP_DELAY=2`', 12, async () => {
    await sleep(3_000);
    await replicas[0]?.end('SIGTERM');
  });
  replicas = [replicas[1] as RunningService, await start(0)];
  await measure('SIGTERM to one of two, `STOP_DELAY=0`', 12, async () => {
    await sleep(3_000);
    await replicas[1]?.end('SIGTERM');
  });
  replicas = [replicas[0] as RunningService, await start(2)];
  await measure('`kill -9` of one of two', 12, async () => {
    await sleep(3_000);
    await replicas[1]?.end('SIGKILL');
  });
  replicas = [replicas[0] as RunningService, await start(2)];
  await measure('the database frozen for 15 s: it accepts connections, but does not answer', 45, async () => {
    await sleep(3_000);
    proxy.freeze();
    await sleep(15_000);
    proxy.thaw();
  });
  await measure('the database unreachable for 10 s', 25, async () => {
    await sleep(3_000);
    proxy.cut();
    await sleep(10_000);
    await proxy.restore();
  });
  process.stdout.write(
    [
      `\n${version}, Node ${process.version}; ${rate} requests a second, half of them checks and half invites, to two replicas.\n`,
      '| Fault | Sent | 2xx | 503 | Other status | No answer | Answered 201 but not stored | Slowest ms |',
      '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
      ...lines,
      '',
    ].join('\n'),
  );
}

interface Load {
  url: string;
  account: SeededAccount;
  replicas: () => RunningService[];
  seconds: number;
}

/** Sends requests for some seconds, and causes a fault meanwhile. */
async function loadWhile(
  { url, account, replicas, seconds }: Load,
  causeFault: () => Promise<unknown>,
): Promise<Counts> {
  const counts: Counts = { sent: 0, succeeded: 0, unavailable: 0, otherStatus: 0, lost: 0, missing: 0, slowest: 0 };
  const createdEmails: string[] = [];
  const running = new Set<Promise<void>>();
  let ready: RunningService[] = replicas();
  let turn = 0;
  const probe = setInterval(async () => {
    const all = replicas();
    const states = await Promise.all(all.map((it) => send(it.url, 'GET', '/readyz').catch(() => 0)));
    const able = all.filter((_, i) => states[i] === 200);
    // If none is ready, a load balancer uses all of them.
    ready = able.length > 0 ? able : all;
  }, probeInterval);

  const sendOne = async () => {
    const target = ready[turn++ % ready.length] as RunningService;
    const startedAt = performance.now();
    const isWrite = turn % 2 === 0;
    const email = `${newId('inv')}@example.com`;
    const member = account.members[turn % account.members.length];
    const status = await (isWrite
      ? send(target.url, 'POST', `/v1/accounts/${account.id}/invites`, account.key, {
          email,
          access: { permissions: [] },
        })
      : send(
          target.url,
          'GET',
          `/v1/accounts/${account.id}/check?userId=${member?.id}&permission=tickets:open`,
          account.key,
        )
    ).catch(() => 0);
    counts.slowest = Math.max(counts.slowest, performance.now() - startedAt);
    if (status === 0) counts.lost += 1;
    else if (status === 503) counts.unavailable += 1;
    else if (status < 300) counts.succeeded += 1;
    else counts.otherStatus += 1;
    if (status === 201) createdEmails.push(email);
  };

  const fault = sleep(2_000).then(causeFault);
  const end = performance.now() + seconds * 1_000;
  const start = performance.now();
  while (performance.now() < end) {
    const due = Math.floor(((performance.now() - start) / 1_000) * rate);
    for (; counts.sent < due; counts.sent++) {
      const one: Promise<void> = sendOne().finally(() => running.delete(one));
      running.add(one);
    }
    await sleep(5);
  }
  clearInterval(probe);
  await fault;
  await Promise.all(running);
  counts.missing = await countMissing(url, createdEmails);
  return counts;
}

/** How many of these invites are not in the database. */
async function countMissing(url: string, emails: string[]): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query(
    'select count(*)::int as stored from invites join unnest($1::text[]) as created on created = email',
    [emails],
  );
  await client.end();
  return emails.length - rows[0].stored;
}

/** Waits until all running replicas are ready. */
async function untilReady(replicas: RunningService[]): Promise<void> {
  for (const { url } of replicas.filter((it) => !it.isOver())) {
    while ((await send(url, 'GET', '/readyz').catch(() => 0)) !== 200) await sleep(100);
  }
}

/** @returns the status of the answer. @throws if there is no answer. */
function send(base: string, method: string, path: string, token?: string, body?: object): Promise<number> {
  return new Promise((resolve, reject) => {
    const payload = body && JSON.stringify(body);
    const headers = {
      ...(token && { authorization: `Bearer ${token}` }),
      ...(payload && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
    };
    const outgoing = httpRequest(base + path, { agent, method, headers }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0)).on('error', reject);
    });
    outgoing.on('error', reject).end(payload);
  });
}
