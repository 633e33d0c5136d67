import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { eq, sql } from 'drizzle-orm';
import Fastify from 'fastify';
import { Redis } from 'ioredis';
import t, { type Test } from 'tap';
import { openDatabase } from '../../src/database/database.ts';
import { isUnavailable } from '../../src/database/errors.ts';
import { migrate } from '../../src/database/migrate.ts';
import { rateLimits } from '../../src/database/schema.ts';
import { networkOf } from '../../src/http/network.ts';
import { limitNetworks } from '../../src/http/network-limits.ts';
import { renderProblems } from '../../src/http/problem-json.ts';
import { provideRequestContext } from '../../src/http/request-context.ts';
import type { Counters } from '../../src/limits/counters.ts';
import { createLimiter, type LimitName, limits, parseRateLimits, type RateLimits } from '../../src/limits/limits.ts';
import { memoryCounters } from '../../src/limits/memory.ts';
import { postgresCounters } from '../../src/limits/postgres.ts';
import { redisCounters } from '../../src/limits/redis.ts';
import { Problem } from '../../src/problems/problem.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { logTo } from '../support/outbox.ts';
import { startPostgresProxy } from '../support/postgres-proxy.ts';
import { freshDatabase, isPostgres, needsPostgres } from '../support/service.ts';
import { until } from '../support/until.ts';

const start = new Date('2026-11-20T12:00:00.000Z');
/** Seconds later. */
const after = (seconds: number) => new Date(start.getTime() + seconds * 1000);
const key = () => `test:${randomUUID()}`;

const statements: string[] = [];
const choice = await freshDatabase(t);
const database = await openDatabase(choice, { logQuery: (it) => void statements.push(it) });
// The embedded database can be opened only once, so both counters share it.
const sameDatabase = isPostgres ? await openDatabase(choice) : database;
t.teardown(async () => {
  await database.close();
  if (isPostgres) await sameDatabase.close();
});
await migrate(database.db);
const { db } = database;

const redis = await startRedis(t);
const noRedis = redis ? false : 'no redis-server is installed, and none answers on 127.0.0.1:6379';

/** The counters of two replicas that share a store. */
type Pair = [Counters, Counters];

const inMemory = (): Pair => {
  const counters = memoryCounters();
  return [counters, counters];
};
const inSql = (): Pair => [postgresCounters(db), postgresCounters(sameDatabase.db)];
const inRedis = async (t: Test): Promise<Pair> => [await reachingRedis(t), await reachingRedis(t)];

async function reachingRedis(t: Test, url = redis?.url ?? '', log = logTo([])) {
  const counters = redisCounters(url, log);
  t.teardown(() => counters.close());
  await until('Redis to be reached', () => countsInRedis(url, counters));
  return counters;
}

/** Whether the counters count in Redis, not in the process. */
async function countsInRedis(url: string, counters: Counters): Promise<boolean> {
  const name = key();
  await counters.hit([{ key: name, window: 60 }], start);
  const found = await inspect(url, (client) => client.exists(`usher:limit:${name}`)).catch(() => 0);
  return found === 1;
}

async function inspect<T>(url: string, look: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url, { maxRetriesPerRequest: 1, retryStrategy: () => null });
  client.on('error', () => {});
  return look(client).finally(() => client.disconnect());
}

t.test('counters in memory', (t) => keepTheContract(t, inMemory));
t.test(`counters in ${isPostgres ? 'Postgres' : 'the embedded database'}`, (t) => keepTheContract(t, inSql));
t.test('counters in Redis', { skip: noRedis }, (t) => keepTheContract(t, inRedis));

async function keepTheContract(t: Test, open: (t: Test) => Pair | Promise<Pair>) {
  const [one, other] = await open(t);
  t.teardown(() => Promise.all([one.close(), other.close()]));

  t.test('count each hit and return the end of the window', async (t) => {
    const hit = { key: key(), window: 60 };
    t.same(await one.hit([hit], start), [{ count: 1, resetsAt: after(60) }]);
    t.same(await other.hit([hit], after(1)), [{ count: 2, resetsAt: after(60) }], 'a hit does not extend the window');
    t.same(await one.hit([hit], after(2)), [{ count: 3, resetsAt: after(60) }]);
  });

  t.test('count several keys at once and return the counts in the same order', async (t) => {
    const [a, b, c] = ['c', 'a', 'b'].map((it) => ({ key: `${it}:${key()}`, window: 10 })) as [Hit, Hit, Hit];
    await one.hit([b], start);
    await one.hit([b, c], start);
    const counts = await one.hit([a, b, { ...c, window: 30 }], after(1));
    t.same(counts, [
      { count: 1, resetsAt: after(11) },
      { count: 3, resetsAt: after(10) },
      { count: 2, resetsAt: after(10) },
    ]);
    t.same(await one.hit([], start), []);
  });

  t.test('count a key twice that occurs twice', async (t) => {
    const hit = { key: key(), window: 10 };
    const counts = await one.hit([hit, { key: key(), window: 20 }, hit], start);
    t.same(counts, [
      { count: 2, resetsAt: after(10) },
      { count: 1, resetsAt: after(20) },
      { count: 2, resetsAt: after(10) },
    ]);
    t.match(await other.hit([hit, hit], start), [{ count: 4 }, { count: 4 }]);
  });

  t.test('undo hits of refused actions until the window ends', async (t) => {
    const [one1, two] = [
      { key: key(), window: 60 },
      { key: key(), window: 60 },
    ];
    await one.hit([one1, two], start);
    const [again] = await other.hit([one1], after(1));
    await other.undo([{ key: one1.key, resetsAt: again?.resetsAt as Date }]);
    t.match(await one.hit([one1, two], after(2)), [{ count: 2 }, { count: 2 }], 'other hits are not undone');
    const [next] = await one.hit([one1], after(61));
    t.same(next, { count: 1, resetsAt: after(121) });
    await one.undo([{ key: one1.key, resetsAt: after(60) }]);
    t.match(await one.hit([one1], after(62)), [{ count: 2 }], 'a hit of an earlier window is not undone');
    const both = { key: one1.key, resetsAt: after(121) };
    await one.undo([both, both, both]);
    const begun = { count: 1, resetsAt: after(123) };
    t.same(await other.hit([one1], after(63)), [begun], 'a count of 0 is deleted');
    await one.undo([]);
  });

  t.test('lose no concurrent hits from two replicas in any order', async (t) => {
    const hits = Array.from({ length: 8 }, () => ({ key: key(), window: 60 }));
    const calls = Array.from({ length: 100 }, (_, i) => {
      const turned = [...hits.slice(i % 8), ...hits.slice(0, i % 8)];
      return (i % 2 === 0 ? one : other).hit(i % 3 === 0 ? turned.reverse() : turned, start);
    });
    const seen = (await Promise.all(calls)).flatMap((counts) => counts.map((it) => it.count));
    for (let n = 1; n <= 100; n++) {
      if (seen.filter((it) => it === n).length !== 8) t.fail(`${n} was not returned exactly once for each key`);
    }
    t.match(
      await one.hit(hits, start),
      hits.map(() => ({ count: 101 })),
    );
  });

  t.test('start again when the window has ended, by the clock of the caller', async (t) => {
    const hit = { key: key(), window: 60 };
    await one.hit([hit, hit, hit], start);
    t.same(await one.hit([hit], after(59.999)), [{ count: 4, resetsAt: after(60) }]);
    t.same(await other.hit([hit], after(60)), [{ count: 1, resetsAt: after(120) }]);
    t.same(await one.hit([hit], after(119.999)), [{ count: 2, resetsAt: after(120) }]);
    t.same(await one.hit([hit], after(100_000)), [{ count: 1, resetsAt: after(100_060) }]);
  });
}

interface Hit {
  key: string;
  window: number;
}

t.test('counters in memory keep a limited number of keys', async (t) => {
  const counters = memoryCounters(10);
  const countOf = async (name: string, now: Date, window = 60) =>
    (await counters.hit([{ key: name, window }], now))[0]?.count;

  t.test('expired windows are removed first', async (t) => {
    for (let i = 0; i < 5; i++) await countOf(`long ${i}`, start, 600);
    for (let i = 0; i < 5; i++) await countOf(`short ${i}`, start, 1);
    await countOf('one more', after(1));
    for (let i = 0; i < 4; i++) t.equal(await countOf(`long ${i}`, after(1)), 2, `long ${i} is still counted`);
  });

  t.test('then the oldest windows are removed', async (t) => {
    for (let i = 0; i < 10; i++) await countOf(`key ${i}`, after(1000 + i));
    await countOf('one more', after(1010));
    for (let i = 2; i < 10; i++) t.equal(await countOf(`key ${i}`, after(1011)), 2, `key ${i} is still counted`);
    t.equal(await countOf('key 0', after(1011)), 1);
  });
});

t.test('counters in SQL', async (t) => {
  t.beforeEach(() => db.delete(rateLimits));
  const runOut = (count: number) =>
    db.execute(sql`
      insert into rate_limits (key, count, resets_at)
      select 'over:' || i, 1, ${after(-60).toISOString()} from generate_series(1, ${count}::integer) i`);

  t.test('use one statement for all hits of a call', async (t) => {
    const counters = postgresCounters(db);
    const hits = Array.from({ length: 5 }, () => ({ key: key(), window: 60 }));
    await counters.hit(hits, start);
    await counters.close();
    statements.length = 0;
    await counters.hit(hits, start);
    await counters.hit([], start);
    await counters.close();
    t.equal(statements.length, 1);
    t.match(statements[0], /^with "counted" as \(\s*insert into rate_limits/);
  });

  t.test('delete expired rows, a limited number once a minute', async (t) => {
    const counters = postgresCounters(db);
    await runOut(15_000);
    await db.insert(rateLimits).values({ key: 'over by 59 s then', count: 1, resetsAt: after(1) });
    const hit = { key: key(), window: 300 };
    const hitAt = async (now: Date) => {
      await counters.hit([hit], now);
      await counters.close();
      return db.$count(rateLimits);
    };
    t.equal(await hitAt(start), 5_002, '10,000 expired rows were deleted');
    t.equal(await hitAt(after(59)), 5_002);
    t.equal(await hitAt(after(60)), 2, 'current rows and rows that have just expired stay');
    t.match(await counters.hit([hit], after(61)), [{ count: 4 }]);
  });

  t.test(
    'do not wait for locked rows when they delete expired ones',
    { skip: needsPostgres('the embedded database has one connection') },
    (t) =>
      db.transaction(async (tx) => {
        await runOut(3);
        await tx.select().from(rateLimits).limit(1).for('update');
        const counters = postgresCounters(sameDatabase.db);
        await counters.hit([{ key: key(), window: 60 }], start);
        await counters.close();
        t.equal(await sameDatabase.db.$count(rateLimits), 2, 'only the locked row stays');
      }),
  );

  t.test('throw the error of an unavailable database', async (t) => {
    const away = await openDatabase({ kind: 'postgres', url: 'postgres://127.0.0.1:1/none' });
    t.teardown(() => away.close());
    const error = await postgresCounters(away.db)
      .hit([{ key: key(), window: 60 }], start)
      .catch((error: unknown) => error);
    t.ok(isUnavailable(error));
  });
});

t.test('counters in Redis', { skip: noRedis }, async (t) => {
  const { url, stop, start: startAgain } = redis as RunningRedis;
  const hit = { key: key(), window: 60 };

  /** Hits once and returns the count. Fails the test if that takes longer than a second. */
  async function promptly(t: Test, counters: Counters, { key, window }: Hit = hit): Promise<number | undefined> {
    const began = Date.now();
    const [counted] = await counters.hit([{ key, window }], start);
    const took = Date.now() - began;
    if (took > 1000) t.fail(`a hit took ${took} ms`);
    return counted?.count;
  }
  const outages = (lines: string[]) => lines.map((it) => JSON.parse(it)).filter((it) => it.level >= 40);

  t.test('use one key for each count, which expires in Redis', async (t) => {
    const counters = await reachingRedis(t);
    const name = key();
    await counters.hit([{ key: name, window: 60 }], start);
    const left = await inspect(url, (client) => client.pttl(`usher:limit:${name}`));
    t.ok(left > 55_000 && left <= 60_000, `${left} ms`);
  });

  t.test('count in the process when Redis is killed, and together when it is available again', async (t) => {
    const lines: string[] = [];
    const counters = await reachingRedis(t, url, logTo(lines));
    const limiter = createLimiter(counters, parseRateLimits(undefined));
    const attempt = () => limiter.requireWithin([{ limit: 'login.address', of: hit.key }], start);
    for (let i = 0; i < 5; i++) await promptly(t, counters);
    await stop();
    t.teardown(startAgain);
    for (let i = 1; i <= 10; i++) await attempt();
    await t.rejects(attempt(), { code: 'too-many-requests' }, 'limits still apply');
    for (let i = 1; i <= 20; i++) t.equal(await promptly(t, counters), i);
    await until('the outage to be logged', () => outages(lines).length > 0);
    await startAgain();
    await until('Redis to be reached again', () => countsInRedis(url, counters));
    t.ok(lines.some((it) => it.includes('Redis is available again')));
    t.match(outages(lines), [{ msg: 'Redis is unavailable: this process counts rate limits on its own' }]);
    t.equal(outages(lines).length, 1, 'the outage is logged once, not for each request');
    const other = await reachingRedis(t);
    const shared = key();
    await counters.hit([{ key: shared, window: 60 }], start);
    t.match(await other.hit([{ key: shared, window: 60 }], start), [{ count: 2 }]);
  });

  t.test('count the hits that are in progress when Redis is killed', async (t) => {
    const counters = await reachingRedis(t);
    const underway = Array.from({ length: 20 }, () => promptly(t, counters));
    await stop();
    t.teardown(startAgain);
    t.ok((await Promise.all(underway)).every((it) => it !== undefined && it > 0));
    await startAgain();
  });

  t.test('count in the process if Redis does not answer, and wait for it only once', async (t) => {
    const lines: string[] = [];
    const proxy = await startPostgresProxy(t, url);
    const counters = await reachingRedis(t, proxy.url, logTo(lines));
    proxy.freeze();
    const name = key();
    const counts = await Promise.all(
      Array.from({ length: 10 }, () => promptly(t, counters, { key: name, window: 60 })),
    );
    t.same(
      counts.sort((a, b) => Number(a) - Number(b)),
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    );
    const began = Date.now();
    for (let i = 11; i <= 30; i++) t.equal(await promptly(t, counters, { key: name, window: 60 }), i);
    t.ok(Date.now() - began < 1000, 'later hits do not wait');
    t.equal(outages(lines).length, 1);
    proxy.thaw();
    await until('Redis to be reached again', () => countsInRedis(url, counters));
  });

  t.test('can start while Redis is unavailable', async (t) => {
    await stop();
    t.teardown(startAgain);
    const lines: string[] = [];
    const counters = redisCounters(url, logTo(lines));
    t.teardown(() => counters.close());
    const name = key();
    for (let i = 1; i <= 3; i++) t.equal(await promptly(t, counters, { key: name, window: 60 }), i);
    await until('the outage to be logged', () => outages(lines).length === 1);
    await startAgain();
    await until('Redis to be reached', () => countsInRedis(url, counters));
    t.equal(outages(lines).length, 1);
  });

  t.test('do not log the password in the URL', async (t) => {
    const lines: string[] = [];
    const wrong = new URL(url);
    wrong.username = 'somebody';
    wrong.password = 'hunter2hunter2';
    const counters = redisCounters(wrong.href, logTo(lines));
    t.teardown(() => counters.close());
    await until('the refusal to be logged', () => outages(lines).length === 1);
    t.equal(await promptly(t, counters, { key: key(), window: 60 }), 1);
    t.notMatch(lines.join(), 'hunter2hunter2');
  });
});

t.test('the limiter', async (t) => {
  const defaults = parseRateLimits(undefined);
  const limiterOf = (rates: RateLimits = defaults) => createLimiter(memoryCounters(), rates);
  const login = (of: string) => [{ limit: 'login.address' as const, of }];

  t.test('allows the attempts of the limit, and says when the next is allowed', async (t) => {
    const limiter = limiterOf();
    for (let i = 0; i < 10; i++) await limiter.requireWithin(login('eve@example.com'), after(i));
    t.equal(await waitOf(limiter.requireWithin(login('eve@example.com'), after(10.5))), 890);
    t.equal(await waitOf(limiter.requireWithin(login('eve@example.com'), after(899.999))), 1);
    await limiter.requireWithin(login('adam@example.com'), after(11));
    await limiter.requireWithin([{ limit: 'login.known', of: 'eve@example.com' }], after(11));
    await limiter.requireWithin(login('eve@example.com'), after(900));
  });

  t.test('does not name the limit in a refusal', async (t) => {
    const limiter = limiterOf(parseRateLimits('login.address=1/60'));
    await limiter.requireWithin(login('eve@example.com'), start);
    const refused = await limiter.requireWithin(login('eve@example.com'), start).catch((error: Problem) => error);
    t.ok(refused instanceof Problem);
    t.same([refused?.detail, Object.keys(refused?.extensions ?? {})], [undefined, ['retryAfter']]);
  });

  t.test('returns the longest wait if several limits are exceeded', async (t) => {
    const limiter = limiterOf(parseRateLimits('invites.inviter=1/60, invites.account=1/3600, invites.pair=9/86400'));
    const tries = (['invites.inviter', 'invites.account', 'invites.pair'] as const).map((limit) => ({
      limit,
      of: 'someone',
    }));
    await limiter.requireWithin(tries, start);
    t.equal(await waitOf(limiter.requireWithin(tries, start)), 3600);
  });

  t.test('calls its counters once, with hashed addresses', async (t) => {
    const batches: string[][] = [];
    const counters = memoryCounters();
    const hit: Counters['hit'] = (hits, now) => {
      batches.push(hits.map((it) => it.key));
      return counters.hit(hits, now);
    };
    const limiter = createLimiter({ ...counters, hit }, defaults);
    await limiter.requireWithin([...login('eve@example.com'), { limit: 'login.network', of: '192.0.2.1' }], start);
    await limiter.requireWithin([], start);
    t.equal(batches.length, 1);
    t.match(batches[0], [/^login\.address:[\w-]{22}$/, /^login\.network:[\w-]{22}$/]);
  });

  t.test('does not count if limits are off', async (t) => {
    const limiter = createLimiter(untouchable, 'off');
    for (let i = 0; i < 20; i++) await limiter.requireWithin(login('eve@example.com'), start);
    t.pass();
  });

  t.test('does not count refused attempts', async (t) => {
    const limiter = limiterOf(parseRateLimits('invites.pair=2/60, invites.account=3/60'));
    const tries = (['invites.account', 'invites.pair'] as const).map((limit) => ({ limit, of: 'one' }));
    const refuse = () => Promise.reject(new Problem('already-member'));
    for (let i = 0; i < 9; i++) await t.rejects(limiter.countIfDone(tries, start, refuse), { code: 'already-member' });
    t.equal(await limiter.countIfDone(tries, start, async () => 'sent'), 'sent');
    const fail = () => Promise.reject(new Error('the answer was lost'));
    await t.rejects(limiter.countIfDone(tries, start, fail), 'an attempt with an unknown result is counted');
    for (let i = 0; i < 9; i++)
      await t.rejects(limiter.countIfDone(tries, start, refuse), { code: 'too-many-requests' });
    await limiter.requireWithin([{ limit: 'invites.account', of: 'one' }], start);
    await t.rejects(limiter.requireWithin([{ limit: 'invites.account', of: 'one' }], start));
  });

  t.test('refuses attempts that can’t be counted', async (t) => {
    await t.rejects(createLimiter(untouchable, defaults).requireWithin(login('eve@example.com'), start));
  });
});

/** The seconds to wait of a refusal; undefined if nothing was refused. */
const waitOf = (attempt: Promise<void>) =>
  attempt.then(
    () => undefined,
    (error: Problem) => error.code === 'too-many-requests' && error.extensions.retryAfter,
  );

/** Counters that must not be called. */
const untouchable: Counters = {
  hit: () => Promise.reject(new Error('was called')),
  undo: () => Promise.reject(new Error('was called')),
  clear: () => Promise.reject(new Error('was called')),
  close: async () => {},
};

t.test('RATE_LIMITS', async (t) => {
  const defaults = Object.fromEntries(Object.entries(limits).map(([name, { max, window }]) => [name, { max, window }]));
  t.same(parseRateLimits(undefined), defaults);
  t.equal(parseRateLimits('off'), 'off');
  t.same(parseRateLimits(' login.network = 7/60,reset.address=5/86400 '), {
    ...defaults,
    'login.network': { max: 7, window: 60 },
    'reset.address': { max: 5, window: 86_400 },
  });
  const wrong: [string, RegExp][] = [
    ['login.networks=1/2', /contains an unknown limit: login.networks/],
    ['toString=1/2, __proto__=1/2', /unknown limit: toString; .*unknown limit: __proto__/],
    ['login.network=1/2, login.network=2/3', /contains login.network twice/],
    ['reset.mails=5/901', /must set reset.mails to 1 to 1000000 attempts in 1 to 900 seconds/],
    ['login.network=0/60', /must set login.network to 1 to 1000000 attempts/],
    ['login.network=10/0', /in 1 to 2678400 seconds/],
    ['login.network=1000001/60', /1000000/],
    ...['', 'on', 'login.network', 'login.network=1', 'login.network=1/60,', 'login.network=-1/60', 'off, off'].map(
      (it): [string, RegExp] => [it, /must be off, or limits such as login.network=100\/60 separated by commas/],
    ),
  ];
  for (const [text, message] of wrong) t.throws(() => parseRateLimits(text), { message }, text);
});

t.test('the network of a request', async (t) => {
  const networks: [string, string][] = [
    ['192.0.2.1', '192.0.2.1'],
    ['192.0.2.1:51234', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::ffff:c000:201', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::1', '2001:db8:1:2::/64'],
    ['[2001:db8:1:2::1]:443', '2001:db8:1:2::/64'],
    ['[2001:db8:1:2::1]', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8::/64'],
    ['fe80::1%eth0', 'fe80::/64'],
    ['::1', '::/64'],
    ['', 'unknown'],
    ['unknown', 'unknown'],
    ['192.0.2.256', 'unknown'],
    ['192.0.2.1, 192.0.2.2', 'unknown'],
    ['<script>', 'unknown'],
  ];
  for (const [ip, network] of networks) t.equal(networkOf(ip), network, ip);
});

t.test('routes with a network limit', async (t) => {
  let now = start;
  const rates = (text?: string) => parseRateLimits(text);
  t.beforeEach(() => {
    now = start;
  });

  /** An app with two logins that count together, and a route without a limit. */
  async function startApp(t: Test, counters: Counters, limits: RateLimits = rates('login.network=3/60')) {
    const handled: string[] = [];
    const app = Fastify();
    t.teardown(() => app.close());
    provideRequestContext(app, { clock: () => now, metrics: createMetrics() });
    renderProblems(app, 'https://usher.example.com', { report: () => {} });
    await limitNetworks(app, { counters, limits, clock: () => now });
    const handler = async ({ url }: { url: string }) => void handled.push(url);
    const schema = { body: { type: 'object', required: ['email'] } };
    app.post('/login', { config: { networkLimit: 'login.network' }, schema, handler });
    app.post('/login-again', { config: { networkLimit: 'login.network' }, handler });
    app.post('/reset', { config: { networkLimit: 'reset.network' }, handler });
    app.post('/free', { handler });
    const limiter = createLimiter(counters, limits);
    app.post('/guess', async ({ requestContext }) =>
      limiter.requireWithin([{ limit: 'password.user', of: 'eve' }], requestContext.now),
    );
    const post = (url: string, remoteAddress = '192.0.2.1', body: string | object = { email: 'eve@example.com' }) =>
      app.inject({ method: 'POST', url, remoteAddress, body, headers: { 'content-type': 'application/json' } });
    return { post, handled };
  }

  const limitHeaders = (headers: object) =>
    Object.fromEntries(Object.entries(headers).filter(([name]) => /ratelimit|retry/.test(name)));

  t.test('send the RateLimit headers of the draft on each answer, and no others', async (t) => {
    const { post } = await startApp(t, memoryCounters());
    t.same(limitHeaders((await post('/login')).headers), {
      'ratelimit-limit': 3,
      'ratelimit-remaining': 2,
      'ratelimit-reset': 60,
    });
    now = after(20);
    t.same(limitHeaders((await post('/login')).headers), {
      'ratelimit-limit': 3,
      'ratelimit-remaining': 1,
      'ratelimit-reset': 40,
    });
    t.same(limitHeaders((await post('/free')).headers), {});
  });

  t.test('refuse requests beyond the limit with a problem document and Retry-After', async (t) => {
    const { post, handled } = await startApp(t, memoryCounters());
    for (let i = 0; i < 3; i++) t.equal((await post('/login')).statusCode, 200);
    now = after(12.5);
    const refused = await post('/login');
    t.equal(refused.statusCode, 429);
    t.match(refused.headers['content-type'], 'application/problem+json');
    t.match(refused.json(), {
      type: 'https://usher.example.com/problems/too-many-requests',
      status: 429,
      code: 'too-many-requests',
      retryAfter: 48,
    });
    t.match(limitHeaders(refused.headers), { 'retry-after': '48', 'ratelimit-remaining': 0, 'ratelimit-reset': 48 });
    t.equal(handled.length, 3, 'the handler did not run');
    now = after(60);
    t.equal((await post('/login')).statusCode, 200);
  });

  t.test('send Retry-After also for limits that the handler counts', async (t) => {
    const { post } = await startApp(t, memoryCounters(), rates('password.user=1/60'));
    t.same(limitHeaders((await post('/guess')).headers), {});
    now = after(15);
    const refused = await post('/guess');
    t.equal(refused.statusCode, 429);
    t.match(refused.json(), { code: 'too-many-requests', retryAfter: 45 });
    t.same(limitHeaders(refused.headers), { 'retry-after': '45' });
  });

  t.test('count together if they have the same limit, and separately from others', async (t) => {
    const { post } = await startApp(t, memoryCounters());
    for (const url of ['/login', '/login-again', '/login']) t.equal((await post(url)).statusCode, 200);
    t.equal((await post('/login-again')).statusCode, 429);
    t.equal((await post('/reset')).statusCode, 200);
    t.equal((await post('/free')).statusCode, 200);
  });

  t.test('count by network: an IPv4 address, or the first 64 bits of an IPv6 address', async (t) => {
    const { post } = await startApp(t, memoryCounters());
    for (let i = 1; i <= 3; i++) await post('/login', `2001:db8:1:2::${i}`);
    t.equal((await post('/login', '2001:db8:1:2:3:4:5:6')).statusCode, 429);
    t.equal((await post('/login', '2001:db8:1:3::1')).statusCode, 200);
    t.equal((await post('/login', '192.0.2.1')).statusCode, 200);
  });

  t.test('count before the body is read', async (t) => {
    const { post } = await startApp(t, memoryCounters());
    for (const body of ['{', '[]', '{}']) t.equal((await post('/login', '192.0.2.1', body)).statusCode, 400);
    t.equal((await post('/login', '192.0.2.1', '{')).statusCode, 429);
  });

  t.test('count together in replicas that share a store', async (t) => {
    const [one, other] = inSql();
    const replicas = [await startApp(t, one), await startApp(t, other)];
    const answers = await Promise.all(Array.from({ length: 12 }, (_, i) => replicas[i % 2]?.post('/login')));
    t.equal(answers.filter((it) => it?.statusCode === 200).length, 3);
    t.equal(answers.filter((it) => it?.statusCode === 429).length, 9);
    const kept = await db.select().from(rateLimits).where(eq(rateLimits.count, 12));
    t.equal(kept.length, 1);
    t.notMatch(kept[0]?.key, '192.0.2.1');
  });

  t.test('refuse requests that can’t be counted as unavailable', async (t) => {
    const away = await openDatabase({ kind: 'postgres', url: 'postgres://127.0.0.1:1/none' });
    t.teardown(() => away.close());
    const { post, handled } = await startApp(t, postgresCounters(away.db));
    const refused = await post('/login');
    t.equal(refused.statusCode, 503);
    t.equal(refused.json().code, 'unavailable');
    t.equal(refused.headers['retry-after'], '5');
    t.same(handled, []);
    t.equal((await post('/free')).statusCode, 200);
  });

  t.test('do not count and send no headers if limits are off', async (t) => {
    const { post } = await startApp(t, untouchable, 'off');
    for (let i = 0; i < 5; i++) {
      const { statusCode, headers } = await post('/login');
      t.equal(statusCode, 200);
      t.same(limitHeaders(headers), {});
    }
  });
});

t.test('each limit has a description and allows at least one attempt', async (t) => {
  for (const [name, { about, max, window }] of Object.entries(limits)) {
    t.match(about, /^[A-Z].*\.$/, name as LimitName);
    t.ok(max >= 1 && window >= 1, name);
  }
});

interface RunningRedis {
  url: string;
  /** Kills the server, or cuts the connections to one that was not started by this test. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** A new Redis, or a proxy to the one on 127.0.0.1:6379; undefined if there is neither. */
async function startRedis(t: Test): Promise<RunningRedis | undefined> {
  const url = `redis://127.0.0.1:${await freePort()}`;
  let server = await spawnRedis(t, url);
  if (!server) return borrowRedis(t);
  const stop = async () => {
    if (!server) return;
    server.kill('SIGKILL');
    await once(server, 'exit');
    server = undefined;
  };
  const start = async () => {
    server ??= await spawnRedis(t, url);
  };
  return { url, stop, start };
}

async function spawnRedis(t: Test, url: string) {
  const { port } = new URL(url);
  const options = ['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const child = spawn('redis-server', options, { stdio: 'ignore' });
  const missing = await new Promise<boolean>((done) =>
    child.once('spawn', () => done(false)).once('error', () => done(true)),
  );
  if (missing) return undefined;
  t.teardown(() => child.kill('SIGKILL'));
  process.once('exit', () => child.kill('SIGKILL'));
  await until('redis-server to answer', () => answers(url));
  return child;
}

async function borrowRedis(t: Test): Promise<RunningRedis | undefined> {
  if (!(await answers('redis://127.0.0.1:6379'))) return undefined;
  const { url, cut, restore } = await startPostgresProxy(t, 'redis://127.0.0.1:6379');
  let isCut = false;
  return {
    url,
    stop: async () => {
      isCut = true;
      cut();
    },
    start: async () => {
      if (isCut) await restore();
      isCut = false;
    },
  };
}

function answers(url: string): Promise<boolean> {
  return inspect(url, (client) => client.ping()).then(
    () => true,
    () => false,
  );
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
