import { cpSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeProtectedHeader } from 'jose';
import pg from 'pg';
import type { Test } from 'tap';
import { buildApp } from '../../src/app.ts';
import { type Config, readConfig } from '../../src/config/config.ts';
import type { PasswordCost } from '../../src/credentials/password-hashing.ts';
import { type DatabaseChoice, openDatabase, type StatementLog } from '../../src/database/database.ts';
import { migrate } from '../../src/database/migrate.ts';
import type { ProcessState } from '../../src/http/availability.ts';
import type { InviteId } from '../../src/ids/ids.ts';
import type { Transport } from '../../src/mail/mail.ts';
import { createWorker } from '../../src/mail/outbox/worker.ts';
import { listMails, mailboxTransport } from '../../src/mail/transports/mailbox.ts';
import { messageWriters } from '../../src/mail-writers.ts';
import { createFirstPlatformKey } from '../../src/platform/api-keys/keys.ts';
import { generateSigningKeys } from '../../src/tokens/keys.ts';
import type { LinkKind } from '../../src/tokens/link-token.ts';
import { distribute, isCitus } from './citus.ts';
import { embeddedTemplate } from './embedded-template.ts';
import { until } from './until.ts';

export const isPostgres = process.env.TEST_DATABASE_URL !== undefined;

/**
 * The `skip` option of a test that runs on Postgres only. `scripts/test.mjs` counts the skipped
 * tests by the beginning of this reason.
 */
export const needsPostgres = (why?: string): string | false =>
  !isPostgres && (why === undefined ? 'needs Postgres' : `needs Postgres: ${why}`);

/** A fresh database for one test file: on Postgres if `TEST_DATABASE_URL` is set, else embedded. */
export async function freshDatabase(t: Test): Promise<DatabaseChoice> {
  return isPostgres ? freshPostgres(t) : freshEmbedded(t);
}

async function freshEmbedded(t: Test): Promise<DatabaseChoice> {
  const dataDir = await mkdtemp(join(tmpdir(), 'usher-test-'));
  // For a thousand files, six times as fast as the asynchronous function.
  cpSync(embeddedTemplate, dataDir, { recursive: true });
  t.teardown(() => rm(dataDir, { recursive: true, force: true }));
  return { kind: 'embedded', dataDir };
}

async function freshPostgres(t: Test): Promise<DatabaseChoice> {
  const server = process.env.TEST_DATABASE_URL as string;
  const name = `usher_test_${process.pid}_${Math.random().toString(36).slice(2, 10)}`;
  await asAdmin(server, `create database ${name}`);
  t.teardown(() => asAdmin(server, `drop database if exists ${name} with (force)`));
  const url = new URL(server);
  url.pathname = `/${name}`;
  return { kind: 'postgres', url: url.href };
}

async function asAdmin(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(statement);
  await client.end();
}

export function testConfig(env: Record<string, string> = {}): Config {
  const read = readConfig({ LOG_LEVEL: 'silent', RATE_LIMITS: 'off', EVENT_LOOP_LAG_MAX: '0', ...env });
  if ('mistakes' in read) throw new Error(read.mistakes.join('; '));
  return read.config;
}

/** The settings that select a database. */
const settingsOf = (choice: DatabaseChoice): Record<string, string> =>
  choice.kind === 'postgres' ? { DATABASE_URL: choice.url } : { DATA_DIR: choice.dataDir };

export interface TestServiceOptions {
  env?: Record<string, string>;
  database?: DatabaseChoice;
  transport?: Transport;
  keys?: Config['signingKeys'];
  statements?: StatementLog;
  /** The state of the process (default: healthy). */
  state?: ProcessState;
  /** The cost of hashing a password (default: minimal). */
  passwordCost?: PasswordCost | 'recommended';
  /** Receives the log lines. */
  logTo?: { write(line: string): void };
}

const cheap: PasswordCost = { memoryCost: 64, timeCost: 1, parallelism: 1 };

/**
 * Migrates and distributes a database, over connections of its own: those of a service depend on
 * how tables are stored.
 */
async function distributed(choice: Extract<DatabaseChoice, { kind: 'postgres' }>): Promise<void> {
  const { db, close } = await openDatabase(choice);
  await migrate(db).finally(close);
  await distribute(choice.url);
}

export type TestService = Awaited<ReturnType<typeof startService>>;

/**
 * Starts the whole service without a socket, on a fresh database, with a clock that the test can
 * set. The test fails if a route answers with a problem that it does not list.
 */
export async function startService(t: Test, options: TestServiceOptions = {}) {
  const choice = options.database ?? (await freshDatabase(t));
  if (isCitus && choice.kind === 'postgres' && !options.database) await distributed(choice);
  const database = await openDatabase(choice, options.statements);
  if (isCitus) await database.reach();
  await migrate(database.db);
  const time: { ahead: number; stopped?: Date | undefined } = { ahead: 0 };
  const clock = () => time.stopped ?? new Date(Date.now() + time.ahead);
  const keysText = await generateSigningKeys();
  const { passwordCost = cheap } = options;
  const config = testConfig({ SIGNING_KEYS: keysText, ...settingsOf(choice), ...options.env });
  const keys = options.keys ?? config.signingKeys;
  if (!keys) throw new Error('no keys');
  const { app, service } = await buildApp({
    config,
    db: database.db,
    keys,
    clock,
    ...(passwordCost !== 'recommended' && { passwordCost }),
    ...(options.state && { state: options.state }),
    ...(options.logTo && { logTo: options.logTo }),
  });
  const worker = createWorker({
    service,
    writers: messageWriters(service),
    transport: options.transport ?? mailboxTransport(database.db),
    log: app.log,
    backlogRate: config.mailBacklogRate,
  });
  t.teardown(async () => {
    await app.close();
    await database.close();
  });

  const unlisted: string[] = [];

  /** Makes one call. */
  async function call(method: 'GET' | 'POST' | 'PATCH' | 'DELETE' | 'PUT', url: string, options: CallOptions = {}) {
    const { body, token, headers = {}, remoteAddress } = options;
    const response = await app.inject({
      method,
      url,
      ...(remoteAddress !== undefined && { remoteAddress }),
      headers: { ...(token && { authorization: `Bearer ${token}` }), ...headers },
      ...(body !== undefined && { payload: body as object }),
    });
    const json = response.body === '' ? undefined : response.json();
    const code = String(response.headers['content-type']).startsWith('application/problem+json')
      ? json.code
      : undefined;
    const listed = listedProblemsOf(method, url);
    if (code !== undefined && listed && !listed.includes(code)) unlisted.push(`${method} ${url} answered ${code}`);
    return { status: response.statusCode, body: json, headers: response.headers, code: code as string | undefined };
  }
  t.teardown(() => {
    if (unlisted.length > 0) throw new Error(`problems that no route lists: ${unlisted.join('; ')}`);
  });

  function listedProblemsOf(method: string, url: string): string[] | undefined {
    const operations = app.swagger().paths as unknown as Record<string, Record<string, { 'x-problems'?: string[] }>>;
    const path = (url.split('?')[0] as string).split('/');
    const matches = Object.keys(operations).filter((template) => {
      const parts = template.split('/');
      return parts.length === path.length && parts.every((part, i) => part === path[i] || part.startsWith('{'));
    });
    // The router takes the one with the fewest parameters.
    const [found] = matches.sort((a, b) => a.split('{').length - b.split('{').length);
    const operation = found === undefined ? undefined : operations[found]?.[method.toLowerCase()];
    return operation?.['x-problems'];
  }

  /** Sends the queued mails. @returns the mails to an address, newest first. */
  async function mailsTo(email: string) {
    await worker.drain();
    return listMails(database.db, email);
  }

  /**
   * The token in the first link of the newest mail to an address, or in the newest link of `kind`.
   * Waits for it, since a running worker may be sending the mail.
   */
  function tokenFor(email: string, kind?: LinkKind): Promise<string> {
    return until(
      `a link${kind === undefined ? '' : ` (${kind})`} in a mail to ${email}`,
      async () => {
        const tokens = (await mailsTo(email)).map(({ text }) => tokensIn(text));
        if (kind === undefined) return tokens[0]?.[0];
        return tokens.flat().find((it) => decodeProtectedHeader(it).typ === `${kind}+jwt`);
      },
      5_000,
    );
  }

  /** A user with a session, who registered and verified the address. */
  async function newUser(email = newEmail(), name = 'Some Body'): Promise<TestUser> {
    await call('POST', '/v1/auth/register', { body: { email } });
    const token = await tokenFor(email, 'verify-email');
    const { body } = await call('POST', '/v1/auth/verify-email', { body: { token, name, password } });
    return { id: body.user.id, email, token: body.accessToken, refreshToken: body.refreshToken };
  }

  /** Creates an account with its owner. */
  async function newAccount(name = 'Example Hosting'): Promise<TestAccount> {
    const owner = await newUser(newEmail('owner'), 'Olivia Owner');
    const { body } = await call('POST', '/v1/accounts', { body: { name }, token: owner.token });
    return { id: body.id as string, url: `/v1/accounts/${body.id}`, owner };
  }

  /** Creates a platform key, like `npm run key`. */
  async function newPlatformKey(...scopes: string[]): Promise<string> {
    const options = { name: 'test', scopes: scopes.length > 0 ? scopes : ['*'], expiresAt: null };
    return (await createFirstPlatformKey(database.db, options, clock())).text;
  }

  /** Creates an account key. */
  async function newAccountKey(account: { url: string }, by: TestUser, ...scopes: string[]): Promise<string> {
    const body = { name: 'test', scopes: scopes.length > 0 ? scopes : ['*'] };
    const made = await call('POST', `${account.url}/keys`, { body, token: by.token });
    if (made.status !== 201) throw new Error(`could not make a key: ${JSON.stringify(made.body)}`);
    return made.body.secret;
  }

  /** Invites an address. @returns the answer of the call. */
  function invite(
    account: { url: string },
    by: TestUser,
    email: string,
    access: Access = { allPermissions: true },
    more = {},
  ) {
    return call('POST', `${account.url}/invites`, { body: { email, access, ...more }, token: by.token });
  }

  /** Sends an invite, and takes the token from its mail. */
  async function sendInvite(
    account: TestAccount,
    email = newEmail('invitee'),
    access: Access = { permissions: ['invoices:read'] },
    by = account.owner,
  ) {
    const { body } = await invite(account, by, email, access);
    const token = await tokenFor(email, 'invite');
    return { id: body.id as InviteId, email, token, expiresAt: new Date(body.expiresAt) };
  }

  /** Sends an invite to a new user. */
  async function inviteUser(account: TestAccount, by?: TestUser, access?: Access) {
    const user = await newUser();
    return { ...(await sendInvite(account, user.email, access, by)), user };
  }

  /** The ids of the users in an account. */
  async function memberIds({ url, owner }: TestAccount): Promise<string[]> {
    const members = await listAll<{ user: { id: string } }>(`${url}/members?limit=100`, owner.token);
    return members.map((it) => it.user.id);
  }

  /** Creates a member of an account, invited by the owner. */
  async function newMember(
    account: { url: string; owner: TestUser },
    access: Access,
    name = 'Adam Member',
  ): Promise<TestUser> {
    const email = newEmail('member');
    await invite(account, account.owner, email, access);
    const token = await tokenFor(email, 'invite');
    const { body, status } = await call('POST', '/v1/invites/accept', {
      body: { token, register: { name, password } },
    });
    if (status !== 201) throw new Error(`could not make a member: ${JSON.stringify(body)}`);
    return {
      id: body.session.user.id,
      email,
      token: body.session.accessToken,
      refreshToken: body.session.refreshToken,
    };
  }

  /** All items of a list, from all pages. `url` must have a `limit`. */
  async function listAll<Item = { id: string }>(url: string, token: string, cursor?: string): Promise<Item[]> {
    const { body } = await call('GET', cursor === undefined ? url : `${url}&cursor=${cursor}`, { token });
    return body.nextCursor === null
      ? body.items
      : [...body.items, ...(await listAll<Item>(url, token, body.nextCursor))];
  }

  /** Logs in again, for tests that move the clock past the end of access tokens. */
  async function logIn({ email }: { email: string }): Promise<string> {
    const { body } = await call('POST', '/v1/auth/login', { body: { email, password } });
    return body.accessToken;
  }

  return {
    app,
    service,
    db: database.db,
    choice,
    worker,
    call,
    mailsTo,
    tokenFor,
    newUser,
    newAccount,
    newMember,
    newPlatformKey,
    newAccountKey,
    invite,
    sendInvite,
    inviteUser,
    memberIds,
    listAll,
    logIn,
    /** Moves the service's clock. */
    travel: (milliseconds: number) => {
      time.ahead += milliseconds;
    },
    /** Runs `act` while the service's clock is stopped at a time. */
    async at<T>(when: Date, act: () => Promise<T>): Promise<T> {
      time.stopped = when;
      return act().finally(() => {
        time.stopped = undefined;
      });
    },
    clock,
  };
}

export interface CallOptions {
  body?: unknown;
  token?: string | undefined;
  headers?: Record<string, string>;
  /** The client's IP address (default: 127.0.0.1). */
  remoteAddress?: string;
}

export type TestAnswer = Awaited<ReturnType<TestService['call']>>;

export interface TestAccount {
  id: string;
  /** The path of the account in the API. */
  url: string;
  owner: TestUser;
}

export type SentInvite = Awaited<ReturnType<TestService['sendInvite']>>;

export interface TestUser {
  id: string;
  email: string;
  token: string;
  refreshToken: string;
}

export type Access =
  | { allPermissions: true; endsAt?: string }
  | { permissions?: string[]; roles?: string[]; endsAt?: string };

/** The tokens in the links of a mail, in order. */
export const tokensIn = (text: string): string[] => text.match(/(?<=#token=)[\w.-]+/g) ?? [];

export const password = 'correct horse battery staple';
export const day = 24 * 3_600_000;

let counter = 0;

/** An e-mail address that is unique in this test run. */
export function newEmail(who = 'someone'): string {
  counter += 1;
  return `${who}-${process.pid}-${counter}@example.com`;
}
