/**
 * Checks that login, registration and reset take equally long for known and unknown addresses.
 * Measures the distributions over HTTP, in random order, on the built service on Postgres.
 * `npm run bench:sameness` creates a database on the server of `DATABASE_URL` and drops it at the
 * end. `ROUNDS` is the number of requests of each kind (default: 300).
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import pg from 'pg';

const server = process.env.DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres';
const rounds = Number(process.env.ROUNDS ?? 300);
const password = 'correct horse battery staple';
const name = `usher_bench_${process.pid}`;
let unknownAddresses = 0;

await asAdmin(`create database ${name}`);
const url = new URL(server);
url.pathname = `/${name}`;
const service = spawn(process.execPath, ['dist/main.js'], {
  env: { ...process.env, DATABASE_URL: url.href, PORT: '0', RATE_LIMITS: 'off', LOG_LEVEL: 'warn' },
  stdio: ['ignore', 'pipe', 'inherit'],
});
try {
  const base = await untilReady();
  const people = await seed(base);
  const table = [];
  table.push(...(await compare('login, wrong password', base, loginCases(people))));
  table.push(...(await compare('registration', base, registrationCases(people))));
  table.push(...(await compare('reset', base, resetCases(people))));
  // biome-ignore lint/suspicious/noConsole: this program prints to the console
  console.table(table);
} finally {
  service.kill('SIGTERM');
  await once(service, 'close');
  await asAdmin(`drop database if exists ${name} with (force)`);
}

/** The first case is an unknown address: the others are compared with it. */
function loginCases({ known, withoutPassword, disabled }) {
  const logIn = (email) => ['/v1/auth/login', { email, password: 'not the right one at all' }];
  return {
    unknown: () => logIn(unknownAddress()),
    known: () => logIn(any(known)),
    'without a password': () => logIn(any(withoutPassword)),
    disabled: () => logIn(any(disabled)),
  };
}

function registrationCases({ known }) {
  const register = (email) => ['/v1/auth/register', { email }];
  return { unknown: () => register(unknownAddress()), known: () => register(any(known)) };
}

function resetCases({ known, withoutPassword }) {
  const reset = (email) => ['/v1/auth/password-reset', { email }];
  return {
    unknown: () => reset(unknownAddress()),
    known: () => reset(any(known)),
    'without a password': () => reset(any(withoutPassword)),
  };
}

/**
 * Times the cases in random order, so that other load on the machine affects all of them equally.
 */
async function compare(route, base, cases) {
  const order = Object.keys(cases).flatMap((it) => Array(rounds).fill(it));
  for (let i = order.length - 1; i > 0; i -= 1) {
    const j = Math.floor(Math.random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  const times = Object.fromEntries(Object.keys(cases).map((it) => [it, []]));
  for (const it of Object.keys(cases)) for (let i = 0; i < 10; i += 1) await post(base, ...cases[it]());
  for (const it of order) {
    const [path, body] = cases[it]();
    const start = performance.now();
    await post(base, path, body);
    times[it].push(performance.now() - start);
  }
  const [first, ...others] = Object.keys(cases);
  return [row(route, first, times[first]), ...others.map((it) => row(route, it, times[it], times[first]))];
}

function row(route, address, times, against) {
  const at = (part) => Number(quantile(times, part).toFixed(2));
  return {
    route,
    address,
    'p10 ms': at(0.1),
    'p50 ms': at(0.5),
    'p90 ms': at(0.9),
    'p99 ms': at(0.99),
    'p50 ratio': against ? Number((quantile(times, 0.5) / quantile(against, 0.5)).toFixed(3)) : 1,
    // How often a request is slower than one for an unknown address: 0.5 tells an attacker nothing.
    'slower than unknown': against ? Number(slowerThan(times, against).toFixed(3)) : 0.5,
  };
}

function quantile(times, part) {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
}

/** The Mann-Whitney statistic, as a share of all pairs. */
function slowerThan(times, others) {
  let slower = 0;
  for (const a of times) for (const b of others) slower += a > b ? 1 : a === b ? 0.5 : 0;
  return slower / (times.length * others.length);
}

function unknownAddress() {
  unknownAddresses += 1;
  return `unknown-${unknownAddresses}@example.com`;
}

function any(list) {
  return list[Math.floor(Math.random() * list.length)];
}

/** Creates users through the API, by registering and verifying. */
async function seed(base) {
  const emails = Array.from({ length: 30 }, (_, i) => `person-${i}@example.com`);
  for (const email of emails) {
    await post(base, '/v1/auth/register', { email });
    const token = await readToken(base, email);
    await post(base, '/v1/auth/verify-email', { token, name: 'Some Body', password });
  }
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  await client.query('update users set password_hash = null where email = any($1)', [emails.slice(10, 20)]);
  await client.query('update users set disabled_at = now() where email = any($1)', [emails.slice(20)]);
  await client.end();
  return { known: emails.slice(0, 10), withoutPassword: emails.slice(10, 20), disabled: emails.slice(20) };
}

async function readToken(base, email) {
  for (let tries = 0; tries < 100; tries += 1) {
    const answer = await fetch(`${base}/dev/mailbox?to=${email}`, { headers: { accept: 'application/json' } });
    const [mail] = (await answer.json()).items;
    if (mail) return /#token=([\w.-]+)/.exec(mail.text)[1];
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`no mail to ${email}`);
}

async function post(base, path, body) {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(base + path, { method: 'POST', headers, body: JSON.stringify(body) });
  await answer.arrayBuffer();
  if (answer.status >= 500 || answer.status === 429) throw new Error(`${path} answered ${answer.status}`);
}

async function untilReady() {
  let printed = '';
  for await (const chunk of service.stdout) {
    printed += chunk;
    const port = /localhost:(\d+)/.exec(printed)?.[1];
    if (port && printed.includes('npm run demo')) return `http://127.0.0.1:${port}`;
  }
  throw new Error(`the service did not start: ${printed}`);
}

async function asAdmin(statement) {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  await client.query(statement);
  await client.end();
}
