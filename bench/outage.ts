/**
 * Checks that the mail of every invite is delivered or reported as failed, while a third of the
 * requests to SendGrid fail in various ways and the service is killed several times. `npm run
 * bench:outage` creates a database on the server of `DATABASE_URL` and drops it at the end.
 * `INVITES` is the number of invites (default: 500), `KILLS` how often the service is killed with
 * `kill -9` (default: 5).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Test } from 'tap';
import { type RunningService, request, startProcess } from '../test/support/process.ts';
import { eventOf, newWebhookKey, seconds } from '../test/support/sendgrid-events.ts';
import { type SendgridAnswer, type SendgridRequest, startSendgridServer } from '../test/support/sendgrid-server.ts';

const server = process.env.DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres';
const inviteCount = Number(process.env.INVITES ?? 500);
const kills = Number(process.env.KILLS ?? 5);
const password = 'correct horse battery staple';
const name = `usher_bench_${process.pid}`;

/** The test helpers use only `teardown` of a test. */
const endings: (() => unknown)[] = [];
const ending = { teardown: (end: () => unknown) => void endings.unshift(end) } as unknown as Test;

/** The ways in which SendGrid fails, with equal probability. */
const faults: Record<string, SendgridAnswer> = {
  '400': { status: 400 },
  '401': { status: 401 },
  '403': { status: 403 },
  '413': { status: 413 },
  '429': { status: 429 },
  '429, Retry-After': { status: 429, headers: { 'retry-after': '3' } },
  '500': { status: 500 },
  '503': { status: 503 },
  '503, Retry-After': { status: 503, headers: { 'retry-after': '3' } },
  slow: { status: 202 },
  'half a body': 'half',
  cut: 'cut',
  silence: 'hang',
};
const answerCounts: Record<string, number> = {};

function answerFor(): SendgridAnswer {
  const names = Object.keys(faults);
  const fault = Math.random() < 1 / 3 ? (names[Math.floor(Math.random() * names.length)] as string) : 'none';
  answerCounts[fault] = (answerCounts[fault] ?? 0) + 1;
  if (fault === 'none') return { status: 202 };
  return fault === 'slow' ? { status: 202, after: sleep(2_000) } : (faults[fault] as SendgridAnswer);
}

try {
  await run();
} finally {
  for (const end of endings) await end();
  await asAdmin(`drop database if exists ${name} with (force)`);
}

async function run(): Promise<void> {
  await asAdmin(`create database ${name}`);
  const sendgrid = await startSendgridServer(ending);
  const key = newWebhookKey();
  const env = environment(sendgrid.url, key.verificationKey);
  let service = await startProcess(ending, env);
  const account = await newAccount(service, sendgrid);
  sendgrid.answerWith(answerFor);
  const killing = (async () => {
    for (let kill = 0; kill < kills; kill += 1) {
      await sleep(2_000 + Math.random() * 3_000);
      await service.end('SIGKILL');
      service = await startProcess(ending, env);
    }
  })();
  const start = Date.now();
  const invites = await inviteAll(() => service, account);
  const invited = Date.now() - start;
  await killing;
  const outcomes = await untilSettled(() => service, account, sendgrid, key);
  report({ invites, outcomes, sendgrid, invited, took: Date.now() - start });
}

function environment(sendgridUrl: string, verificationKey: string): Record<string, string> {
  const url = new URL(server);
  url.pathname = `/${name}`;
  return {
    ...{
      DATABASE_URL: url.href,
      DATA_DIR: `/tmp/${name}`,
      RATE_LIMITS: 'off',
      LOG_LEVEL: 'silent',
      PENDING_INVITES_MAX: '0',
    },
    ...{ SENDGRID_API_KEY: 'SG.this-key-is.never-shown', SENDGRID_BASE_URL: sendgridUrl },
    ...{ MAIL_FROM: 'Example Hosting <invites@example.com>', SENDGRID_WEBHOOK_KEYS: verificationKey },
  };
}

type Sendgrid = Awaited<ReturnType<typeof startSendgridServer>>;
type Account = { url: string; token: () => string };

async function newAccount({ url }: RunningService, sendgrid: Sendgrid): Promise<Account> {
  const email = 'owner@example.com';
  await request(url, 'POST', '/v1/auth/register', { body: { email } });
  const link = await eventually(
    () => /#token=([\w.-]+)/.exec(sendgrid.acceptedFor(email)[0]?.body.content[0]?.value ?? '')?.[1],
  );
  const { body } = await request(url, 'POST', '/v1/auth/verify-email', {
    body: { token: link, name: 'Olivia Owner', password },
  });
  const created = await request(url, 'POST', '/v1/accounts', {
    body: { name: 'Example Hosting' },
    token: body.accessToken,
  });
  return { url: `/v1/accounts/${created.body.id}`, token: () => body.accessToken };
}

/**
 * Creates the invites, ten at a time. A call that a kill interrupted is retried, and may find its
 * invite pending.
 */
async function inviteAll(service: () => RunningService, account: Account): Promise<number> {
  const emails = Array.from({ length: inviteCount }, (_, i) => `invitee-${i}@example.com`);
  const each = async (): Promise<void> => {
    for (let email = emails.pop(); email !== undefined; email = emails.pop()) {
      const body = { email, access: { allPermissions: true } };
      await eventually(async () => {
        const answer = await request(service().url, 'POST', `${account.url}/invites`, { body, token: account.token() });
        return answer.status === 201 || answer.body.code === 'invite-already-pending';
      });
      await sleep(200);
    }
  };
  await Promise.all(Array.from({ length: 10 }, each));
  return inviteCount;
}

type SettledInvite = {
  id: string;
  email: string;
  delivery: { event: string; attempts: number; reason: string | null };
};

/**
 * Waits until the mail of every invite is delivered or failed. Like the real one, SendGrid reports
 * deliveries late and repeatedly.
 */
async function untilSettled(
  service: () => RunningService,
  account: Account,
  sendgrid: Sendgrid,
  key: ReturnType<typeof newWebhookKey>,
) {
  return eventually(async () => {
    await reportDelivered(service(), sendgrid.requests.filter(mayBeSent), key);
    const waiting = await list(service(), account, 'waiting');
    if (waiting.length > 0) return undefined;
    return { delivered: await list(service(), account, 'delivered'), failed: await list(service(), account, 'failed') };
  }, 1_200_000);
}

async function reportDelivered(
  { url }: RunningService,
  requests: SendgridRequest[],
  key: ReturnType<typeof newWebhookKey>,
) {
  const now = new Date();
  const events = requests.map((it) => {
    const id = it.body.custom_args?.deliveryId ?? '';
    return eventOf(id, 'delivered', now, { sg_event_id: `delivered ${id}` });
  });
  const body = JSON.stringify(events);
  const answer = await fetch(`${url}/v1/webhooks/sendgrid`, {
    method: 'POST',
    body,
    headers: key.sign(body, seconds(now)),
  });
  if (answer.status !== 204) throw new Error(`the webhook answered ${answer.status}: ${await answer.text()}`);
}

async function list(
  { url }: RunningService,
  account: Account,
  delivery: string,
  cursor = '',
): Promise<SettledInvite[]> {
  const more = cursor === '' ? '' : `&cursor=${cursor}`;
  const path = `${account.url}/invites?delivery=${delivery}&limit=100${more}`;
  const { body } = await request(url, 'GET', path, { token: account.token() });
  return body.nextCursor === null
    ? body.items
    : [...body.items, ...(await list({ url } as RunningService, account, delivery, body.nextCursor))];
}

/** Whether SendGrid may have sent the mail: it read the whole request and did not refuse it. */
function mayBeSent({ status, answer }: SendgridRequest): boolean {
  return status === 202 || typeof answer === 'string';
}

async function eventually<T>(find: () => Promise<T> | T, within = 11_200_000): Promise<NonNullable<T>> {
  let cause: unknown;
  for (const end = Date.now() + within; Date.now() < end; await sleep(250)) {
    try {
      const found = await find();
      if (found) return found;
    } catch (error) {
      // The service may be restarting.
      cause = error;
    }
  }
  throw new Error('timed out', { cause });
}

interface Findings {
  invites: number;
  outcomes: { delivered: SettledInvite[]; failed: SettledInvite[] };
  sendgrid: Sendgrid;
  invited: number;
  took: number;
}

/** @throws an Error if an invite is lost, or failed without a reason. */
function report({ invites, outcomes: { delivered, failed }, sendgrid, invited, took }: Findings): void {
  const byDelivery = groupBy(sendgrid.requests.filter(mayBeSent), (it) => it.body.custom_args?.deliveryId);
  const twice = [...byDelivery.values()].filter((it) => it.length > 1);
  const unanswered = (it: SendgridRequest[]) => it.slice(0, -1).some((each) => typeof each.answer === 'string');
  const reasons = groupBy(failed, (it) => it.delivery.reason ?? 'no reason');
  const lines = {
    invites,
    delivered: delivered.length,
    failed: failed.length,
    lost: invites - delivered.length - failed.length,
    'requests to SendGrid': sendgrid.requests.length,
    'sent twice or more': twice.length,
    'of these, after an incomplete or missing answer': twice.filter(unanswered).length,
    'of these, after a kill before the result was stored': twice.filter((it) => !unanswered(it)).length,
    'most attempts for one mail': Math.max(...[...delivered, ...failed].map((it) => it.delivery.attempts)),
    'seconds to invite': Math.round(invited / 1000),
    'seconds in total': Math.round(took / 1000),
  };
  // biome-ignore-start lint/suspicious/noConsole: this program prints to the console
  console.table(lines);
  console.table(answerCounts);
  console.table(Object.fromEntries([...reasons].map(([reason, them]) => [reason, them.length])));
  // biome-ignore-end lint/suspicious/noConsole: the same
  if (lines.lost !== 0) throw new Error(`${lines.lost} invites are lost`);
  if (reasons.has('no reason')) throw new Error('some invites failed without a reason');
}

function groupBy<Item, Key>(items: Item[], keyOf: (it: Item) => Key): Map<Key, Item[]> {
  const groups = new Map<Key, Item[]>();
  for (const it of items) groups.set(keyOf(it), [...(groups.get(keyOf(it)) ?? []), it]);
  return groups;
}

async function asAdmin(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  await client.query(statement);
  await client.end();
}
