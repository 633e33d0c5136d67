import type { KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { DatabaseChoice } from '../database/database.ts';
import type { RateLimits } from '../limits/limits.ts';
import type { MailFrom } from '../mail/mail.ts';
import type { SendgridTemplates } from '../mail/sendgrid-templates.ts';
import type { SmtpServer } from '../mail/transports/smtp.ts';
import type { MailWriter } from '../mail/write.ts';
import type { PermissionDeclaration } from '../permissions/permission.ts';
import type { IdentityProvider } from '../tokens/identity-provider.ts';
import type { SigningKeys } from '../tokens/keys.ts';
import { settings } from './settings.ts';

const usualIssuer = 'http://localhost:3000';

type Values = { [K in keyof typeof settings]: ReturnType<(typeof settings)[K]['read']> };

/** Everything that differs between two places where the service runs. Frozen; nothing else reads the environment. */
export interface Config {
  readonly production: boolean;
  readonly host: string;
  readonly port: number;
  readonly database: DatabaseChoice;
  readonly dataDir: string;
  readonly issuer: string;
  /** Undefined: made on the first start and kept in `dataDir`. */
  readonly signingKeys: SigningKeys | undefined;
  readonly acceptUrl: string;
  readonly verifyUrl: string;
  readonly resetUrl: string;
  readonly emailChangeUrl: string;
  readonly optOutUrl: string;
  readonly reportUrl: string;
  /** Writes the words of mails. */
  readonly mails: MailWriter;
  readonly mail:
    | { kind: 'mailbox'; from: MailFrom }
    | { kind: 'smtp'; from: MailFrom; server: SmtpServer }
    | { kind: 'sendgrid'; from: MailFrom; apiKey: string; baseUrl: string; templates: SendgridTemplates };
  /** Mails each second, of those that wait or are tried again. */
  readonly mailBacklogRate: number;
  /** Who may tell what became of mails. */
  readonly sendgridWebhookKeys: readonly KeyObject[];
  readonly passwordLogin: boolean;
  readonly checkBatching: boolean;
  readonly identityProviders: readonly IdentityProvider[];
  /** What the catalogue is put to at each start; undefined where it is not kept in a file. */
  readonly catalogue: readonly PermissionDeclaration[] | undefined;
  /** For whom account tokens are given. */
  readonly tokenAudiences: readonly string[];
  /** Seconds. */
  readonly sessionTimeouts: { idle: number; absolute: number };
  readonly redisUrl: string | undefined;
  readonly rateLimits: RateLimits;
  /** 0: any number. */
  readonly pendingInvitesMax: number;
  readonly corsOrigins: readonly string[] | '*';
  readonly trustProxy: readonly string[] | number | undefined;
  /** Milliseconds; 0: any. */
  readonly eventLoopLagMax: number;
  /** Seconds. */
  readonly stopDelay: number;
  /** None: the metrics are not served. */
  readonly metricsPort: number | undefined;
  /** Whether requests are traced. */
  readonly tracing: boolean;
  readonly logLevel: string;
}

type Environment = Record<string, string | undefined>;

/**
 * Reads the environment.
 * @returns the frozen configuration, or every mistake at once, a sentence each that begins with the setting's name.
 */
export function readConfig(surroundings: Environment): { config: Config } | { mistakes: string[] } {
  const { env, mistakes } = withFiles(surroundings);
  const values: Partial<Record<string, unknown>> = {};
  for (const [key, { name, read }] of Object.entries(settings)) {
    try {
      values[key] = read(env[name] === '' ? undefined : env[name]);
    } catch (error) {
      mistakes.push(`${name} ${(error as Error).message}`);
    }
  }
  const given = values as Values;
  if (given.nodeEnv === 'production') mistakes.push(...missingInProduction(env), ...emptyInProduction(surroundings));
  if ((env.SMTP_URL || env.SENDGRID_API_KEY) && !env.MAIL_FROM) {
    mistakes.push('MAIL_FROM is required when mail goes through a mail server or SendGrid');
  }
  if (env.SMTP_URL && env.SENDGRID_API_KEY) {
    mistakes.push('SMTP_URL and SENDGRID_API_KEY are two ways for mail to leave: it takes one');
  }
  if (env.SENDGRID_TEMPLATES && !env.SENDGRID_API_KEY) {
    mistakes.push('SENDGRID_TEMPLATES is for mail through SendGrid, and SENDGRID_API_KEY is not set');
  }
  if (given.passwordLogin === false && given.identityProviders?.length === 0) {
    mistakes.push('PASSWORD_LOGIN is off, and without OIDC_ISSUERS nobody could log in');
  }
  if (given.identityProviders?.some((it) => it.issuer === (given.issuer ?? usualIssuer))) {
    mistakes.push('OIDC_ISSUERS names this service itself');
  }
  if (given.tokenAudiences?.some((it) => it.startsWith(given.issuer ?? usualIssuer))) {
    mistakes.push('TOKEN_AUDIENCES names this service itself: its own access tokens say who someone is, and no right');
  }
  return mistakes.length > 0 ? { mistakes } : { config: frozen(configFrom(given)) };
}

/** The environment with secrets from the files that it names, so that none has to stand in it. */
function withFiles(surroundings: Environment): { env: Environment; mistakes: string[] } {
  const env = { ...surroundings };
  const mistakes: string[] = [];
  for (const { name } of Object.values(settings).filter((it) => it.isSecret)) {
    const path = surroundings[`${name}_FILE`];
    if (!path) continue;
    if (env[name]) mistakes.push(`${name} and ${name}_FILE are both set: it takes one`);
    try {
      env[name] = readFileSync(path, 'utf8').trim();
    } catch {
      // The same answer as for a file with nothing in it.
    }
    if (!env[name]) mistakes.push(`${name}_FILE must be the path of a file that can be read and holds something`);
  }
  return { env, mistakes };
}

/** Freezes plain data and lists, all the way down. Keys and maps guard themselves. */
function frozen<T extends object>(data: T): T {
  if (![Object.prototype, Array.prototype].includes(Object.getPrototypeOf(data))) return data;
  for (const inner of Object.values(data)) if (typeof inner === 'object' && inner !== null) frozen(inner);
  return Object.freeze(data);
}

function missingInProduction(env: Environment): string[] {
  const { issuer, signingKeys, acceptUrl, optOutUrl, reportUrl, verifyUrl, resetUrl, emailChangeUrl } = settings;
  const ofPasswords = env.PASSWORD_LOGIN === 'off' ? [] : [verifyUrl, resetUrl, emailChangeUrl];
  const required = [issuer, signingKeys, acceptUrl, optOutUrl, reportUrl, ...ofPasswords].map((it) => it.name);
  const missing = required.filter((name) => !env[name]).map((name) => `${name} is required in production`);
  if (!env.SMTP_URL && !env.SENDGRID_API_KEY) {
    missing.push('SMTP_URL or SENDGRID_API_KEY is required in production: there is no mailbox to fall back on');
  }
  return missing;
}

/**
 * An empty setting counts as not set. For a setting that says where data is stored, the default
 * would then be used instead of the place that the operator meant. So these settings must be absent
 * or have a value.
 */
function emptyInProduction(env: Environment): string[] {
  const places = [settings.databaseUrl, settings.dataDir, settings.redisUrl].map((it) => it.name);
  return [...places, ...places.map((it) => `${it}_FILE`)]
    .filter((name) => env[name]?.trim() === '')
    .map((name) => `${name} is set and empty: give it a value, or remove it`);
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
      ? {
          kind: 'postgres',
          url: given.databaseUrl,
          poolSize: given.databasePoolSize,
          preparedStatements: given.preparedStatements,
        }
      : { kind: 'embedded', dataDir: given.dataDir },
    dataDir: given.dataDir,
    issuer: given.issuer ?? usualIssuer,
    signingKeys: given.signingKeys,
    acceptUrl: given.acceptUrl ?? `${here}/dev/invite#token={token}`,
    verifyUrl: given.verifyUrl ?? `${here}/dev/verify-email#token={token}`,
    resetUrl: given.resetUrl ?? `${here}/dev/reset-password#token={token}`,
    emailChangeUrl: given.emailChangeUrl ?? `${here}/dev/confirm-email#token={token}`,
    reportUrl: given.reportUrl ?? `${here}/dev/report#token={token}`,
    optOutUrl: given.optOutUrl ?? `${here}/dev/opt-out#token={token}`,
    mails: given.mails,
    mail: wayOfMail(given, from),
    mailBacklogRate: given.mailBacklogRate,
    sendgridWebhookKeys: given.sendgridWebhookKeys,
    passwordLogin: given.passwordLogin,
    checkBatching: given.checkBatching,
    identityProviders: given.identityProviders,
    catalogue: given.catalogue,
    tokenAudiences: given.tokenAudiences,
    sessionTimeouts: { idle: given.sessionIdleTimeout, absolute: given.sessionAbsoluteTimeout },
    redisUrl: given.redisUrl,
    rateLimits: given.rateLimits,
    pendingInvitesMax: given.pendingInvitesMax,
    corsOrigins: given.corsOrigins,
    trustProxy: given.trustProxy,
    eventLoopLagMax: given.eventLoopLagMax,
    stopDelay: given.stopDelay ?? (production ? 5 : 0),
    metricsPort: metricsPortOf(given),
    tracing: given.tracesEndpoint !== undefined,
    logLevel: given.logLevel,
  };
}

/** Where no port is said: the one that exporters of OpenTelemetry take, in production. */
function metricsPortOf({ metricsPort, nodeEnv }: Values): number | undefined {
  if (typeof metricsPort === 'number') return metricsPort;
  return metricsPort === undefined && nodeEnv === 'production' ? 9464 : undefined;
}

function wayOfMail(given: Values, from: MailFrom): Config['mail'] {
  const { smtpServer, sendgridApiKey: apiKey, sendgridBaseUrl: baseUrl, sendgridTemplates: templates } = given;
  if (smtpServer) return { kind: 'smtp', from, server: smtpServer };
  if (apiKey) return { kind: 'sendgrid', from, apiKey, baseUrl, templates };
  return { kind: 'mailbox', from };
}
