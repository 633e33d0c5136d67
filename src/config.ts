import { readFileSync } from 'node:fs';
import { parseSigningKeys, type SigningKeys } from './tokens/keys.ts';
import { isEmailAddress } from './users/email-address.ts';

/** One setting: what it is called in the environment, what it means, and how its text is read. */
interface Setting<T> {
  name: string;
  about: string;
  /** What holds when it is not set, in words. */
  otherwise: string;
  /** The value, or a thrown Error whose message says what is wrong. `undefined` in: not set. */
  read(text: string | undefined): T;
}

const setting = <T>(it: Setting<T>): Setting<T> => it;

/** Every setting, documented once: the README's table is printed from here. */
export const settings = {
  nodeEnv: setting({
    name: 'NODE_ENV',
    about:
      '`development`, `test` or `production`, which asks for every setting that must not be guessed, and takes away `/dev`.',
    otherwise: 'development',
    read: (text) => readChoice(text ?? 'development', ['development', 'test', 'production']),
  }),
  host: setting({
    name: 'HOST',
    about: 'The address to listen on; `0.0.0.0` for every IPv4 interface.',
    otherwise: '`127.0.0.1`, in production `0.0.0.0`',
    read: (text) => text,
  }),
  port: setting({
    name: 'PORT',
    about: 'The TCP port to listen on; 0 lets the system choose.',
    otherwise: '3000',
    read: (text) => readPort(text ?? '3000'),
  }),
  databaseUrl: setting({
    name: 'DATABASE_URL',
    about: 'A Postgres connection URI, version 15 or newer.',
    otherwise: 'the embedded database in `DATA_DIR`',
    read: (text) => (text === undefined ? undefined : readUrl(text, ['postgres:', 'postgresql:'])),
  }),
  dataDir: setting({
    name: 'DATA_DIR',
    about: 'The folder of the embedded database and of signing keys that were made here.',
    otherwise: '`./data`',
    read: (text) => text ?? './data',
  }),
  issuer: setting({
    name: 'ISSUER',
    about: 'The public base URL of this service; the `iss` of every token. Replicas share it. Required in production.',
    otherwise: '`http://localhost:3000`',
    read: (text) => (text === undefined ? undefined : readUrl(text, ['https:', 'http:']).replace(/\/$/, '')),
  }),
  signingKeys: setting({
    name: 'SIGNING_KEYS',
    about:
      'A JWK set (RFC 7517) of Ed25519 private keys, each with a `kid`, or the path of a file that holds one. The first signs, all verify. Replicas share it. Required in production.',
    otherwise: 'made on the first start and kept in `DATA_DIR`',
    read: (text) => (text === undefined ? undefined : parseSigningKeys(textOrFile(text))),
  }),
  acceptUrl: setting({
    name: 'ACCEPT_URL',
    about:
      'Where the Accept Invite link leads: a page of your frontend, with `{token}` where the token goes. Required in production.',
    otherwise: 'a page of this service under `/dev`',
    read: readLinkTemplate,
  }),
  verifyUrl: setting({
    name: 'VERIFY_URL',
    about: 'The same for the link that verifies a new address. Required in production.',
    otherwise: 'a page of this service under `/dev`',
    read: readLinkTemplate,
  }),
  mailFrom: setting({
    name: 'MAIL_FROM',
    about: 'The sender of every mail: `Name <address>` or an address. Required with SendGrid.',
    otherwise: '`Usher <usher@example.com>`',
    read: (text) => (text === undefined ? undefined : readSender(text)),
  }),
  sendgridApiKey: setting({
    name: 'SENDGRID_API_KEY',
    about: 'Sends mail through SendGrid. Required in production.',
    otherwise: 'mails stay in the development mailbox at `/dev/mailbox`',
    read: (text) => text,
  }),
  sendgridBaseUrl: setting({
    name: 'SENDGRID_BASE_URL',
    about: 'Where SendGrid’s API is.',
    otherwise: '`https://api.sendgrid.com`',
    read: (text) => readUrl(text ?? 'https://api.sendgrid.com', ['https:', 'http:']).replace(/\/$/, ''),
  }),
  logLevel: setting({
    name: 'LOG_LEVEL',
    about: '`fatal`, `error`, `warn`, `info`, `debug`, `trace` or `silent`.',
    otherwise: '`info`',
    read: (text) => readChoice(text ?? 'info', ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
  }),
};

type Values = { [K in keyof typeof settings]: ReturnType<(typeof settings)[K]['read']> };

export interface Sender {
  name: string;
  email: string;
}

/** Everything that differs between two places where the service runs. Frozen; nothing else reads the environment. */
export interface Config {
  readonly production: boolean;
  readonly host: string;
  readonly port: number;
  readonly database: { kind: 'embedded'; dataDir: string } | { kind: 'postgres'; url: string };
  readonly dataDir: string;
  readonly issuer: string;
  /** Undefined: made on the first start and kept in `dataDir`. */
  readonly signingKeys: SigningKeys | undefined;
  readonly acceptUrl: string;
  readonly verifyUrl: string;
  readonly mail:
    | { kind: 'mailbox'; from: Sender }
    | { kind: 'sendgrid'; from: Sender; apiKey: string; baseUrl: string };
  readonly logLevel: string;
}

/**
 * Reads the environment.
 * @returns the frozen configuration, or every mistake at once, a sentence each that begins with the setting's name.
 */
export function readConfig(env: Record<string, string | undefined>): { config: Config } | { mistakes: string[] } {
  const mistakes: string[] = [];
  const values: Partial<Record<string, unknown>> = {};
  for (const [key, { name, read }] of Object.entries(settings)) {
    try {
      values[key] = read(env[name] === '' ? undefined : env[name]);
    } catch (error) {
      mistakes.push(`${name} ${(error as Error).message}`);
    }
  }
  const given = values as Values;
  if (given.nodeEnv === 'production') mistakes.push(...missingInProduction(env));
  if (env.SENDGRID_API_KEY && !env.MAIL_FROM) mistakes.push('MAIL_FROM is required when mail goes through SendGrid');
  return mistakes.length > 0 ? { mistakes } : { config: frozen(configFrom(given)) };
}

/** Freezes plain data, all the way down. Keys and maps guard themselves. */
function frozen<T extends object>(data: T): T {
  if (Object.getPrototypeOf(data) !== Object.prototype) return data;
  for (const inner of Object.values(data)) if (typeof inner === 'object' && inner !== null) frozen(inner);
  return Object.freeze(data);
}

function missingInProduction(env: Record<string, string | undefined>): string[] {
  const required = [settings.issuer, settings.signingKeys, settings.acceptUrl, settings.verifyUrl].map((it) => it.name);
  const missing = required.filter((name) => !env[name]).map((name) => `${name} is required in production`);
  if (!env.SENDGRID_API_KEY) {
    missing.push('SENDGRID_API_KEY is required in production: there is no mailbox to fall back on');
  }
  return missing;
}

function configFrom(given: Values): Config {
  const production = given.nodeEnv === 'production';
  const here = `http://localhost:${given.port}`;
  const from = given.mailFrom ?? { name: 'Usher', email: 'usher@example.com' };
  return {
    production,
    host: given.host ?? (production ? '0.0.0.0' : '127.0.0.1'),
    port: given.port,
    database: given.databaseUrl
      ? { kind: 'postgres', url: given.databaseUrl }
      : { kind: 'embedded', dataDir: given.dataDir },
    dataDir: given.dataDir,
    issuer: given.issuer ?? 'http://localhost:3000',
    signingKeys: given.signingKeys,
    acceptUrl: given.acceptUrl ?? `${here}/dev/invite#token={token}`,
    verifyUrl: given.verifyUrl ?? `${here}/dev/verify-email#token={token}`,
    mail: given.sendgridApiKey
      ? { kind: 'sendgrid', from, apiKey: given.sendgridApiKey, baseUrl: given.sendgridBaseUrl }
      : { kind: 'mailbox', from },
    logLevel: given.logLevel,
  };
}

function readPort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65535) throw new Error('must be a whole number from 0 to 65535');
  return port;
}

function readUrl(text: string, protocols: string[]): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !protocols.includes(url.protocol))
    throw new Error(`must be a URL that begins with ${protocols.join(' or ')}`);
  return text;
}

function readLinkTemplate(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (text.split('{token}').length !== 2)
    throw new Error('must hold {token} once; in an env file a # begins a comment unless the value is quoted');
  readUrl(text.replace('{token}', 'token'), ['https:', 'http:']);
  return text;
}

function readSender(text: string): Sender {
  const named = /^\s*([^<>\r\n]*?)\s*<([^<>\s]+)>\s*$/.exec(text);
  const sender = named ? { name: named[1] ?? '', email: named[2] ?? '' } : { name: '', email: text.trim() };
  if (!isEmailAddress(sender.email)) throw new Error('must be an address, or a name and an address: Name <address>');
  return sender;
}

function readChoice(text: string, choices: string[]): string {
  if (!choices.includes(text)) throw new Error(`must be one of ${choices.join(', ')}`);
  return text;
}

function textOrFile(text: string): string {
  if (text.trimStart().startsWith('{')) return text;
  try {
    return readFileSync(text, 'utf8');
  } catch {
    throw new Error('must be a JWK set or the path of a file that can be read');
  }
}
