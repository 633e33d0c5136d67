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

const defaultIssuer = 'http://localhost:3000';

type Values = { [K in keyof typeof settings]: ReturnType<(typeof settings)[K]['read']> };

/** Deployment-specific settings. Frozen. Nothing else reads the environment. */
export interface Config {
  readonly production: boolean;
  readonly host: string;
  readonly port: number;
  readonly database: DatabaseChoice;
  readonly dataDir: string;
  readonly issuer: string;
  /** Undefined: generated on the first start and stored in `dataDir`. */
  readonly signingKeys: SigningKeys | undefined;
  readonly acceptUrl: string;
  readonly verifyUrl: string;
  readonly resetUrl: string;
  readonly emailChangeUrl: string;
  readonly optOutUrl: string;
  readonly reportUrl: string;
  readonly mails: MailWriter;
  readonly mail:
    | { kind: 'mailbox'; from: MailFrom }
    | { kind: 'smtp'; from: MailFrom; server: SmtpServer }
    | { kind: 'sendgrid'; from: MailFrom; apiKey: string; baseUrl: string; templates: SendgridTemplates };
  /** Mails of the backlog lane per second. */
  readonly mailBacklogRate: number;
  /** Verify SendGrid's delivery events. */
  readonly sendgridWebhookKeys: readonly KeyObject[];
  readonly passwordLogin: boolean;
  readonly checkBatching: boolean;
  readonly identityProviders: readonly IdentityProvider[];
  /** Applied at each start; undefined without `CATALOGUE_FILE`. */
  readonly catalogue: readonly PermissionDeclaration[] | undefined;
  /** The allowed audiences of account tokens. */
  readonly tokenAudiences: readonly string[];
  /** Seconds. */
  readonly sessionTimeouts: { idle: number; absolute: number };
  readonly redisUrl: string | undefined;
  readonly rateLimits: RateLimits;
  /** 0: no limit. */
  readonly pendingInvitesMax: number;
  readonly corsOrigins: readonly string[] | '*';
  readonly trustProxy: readonly string[] | number | undefined;
  /** Milliseconds; 0: no limit. */
  readonly eventLoopLagMax: number;
  /** Seconds. */
  readonly stopDelay: number;
  /** Undefined: metrics are off. */
  readonly metricsPort: number | undefined;
  /** Whether requests are traced. */
  readonly tracing: boolean;
  readonly logLevel: string;
}

type Environment = Record<string, string | undefined>;

/**
 * Reads the settings from the environment.
 * @returns the frozen configuration, or all mistakes. Each message begins with the setting's name.
 */
export function readConfig(environment: Environment): { config: Config } | { mistakes: string[] } {
  const { env, mistakes } = withFiles(environment);
  const read: Partial<Record<string, unknown>> = {};
  for (const [key, setting] of Object.entries(settings)) {
    const { name } = setting;
    try {
      read[key] = setting.read(env[name] === '' ? undefined : env[name]);
    } catch (error) {
      mistakes.push(`${name} ${(error as Error).message}`);
    }
  }
  const values = read as Values;
  if (values.nodeEnv === 'production') mistakes.push(...missingInProduction(env), ...emptyInProduction(environment));
  if ((env.SMTP_URL || env.SENDGRID_API_KEY) && !env.MAIL_FROM) {
    mistakes.push('MAIL_FROM is required with SMTP_URL or SENDGRID_API_KEY');
  }
  if (env.SMTP_URL && env.SENDGRID_API_KEY) {
    mistakes.push('SMTP_URL and SENDGRID_API_KEY are mutually exclusive; set one');
  }
  if (env.SENDGRID_TEMPLATES && !env.SENDGRID_API_KEY) {
    mistakes.push('SENDGRID_TEMPLATES requires SENDGRID_API_KEY');
  }
  if (values.passwordLogin === false && values.identityProviders?.length === 0) {
    mistakes.push('PASSWORD_LOGIN must be on without OIDC_ISSUERS, or nobody could log in');
  }
  if (values.identityProviders?.some((it) => it.issuer === (values.issuer ?? defaultIssuer))) {
    mistakes.push('OIDC_ISSUERS must not contain the ISSUER of this service');
  }
  if (values.tokenAudiences?.some((it) => it.startsWith(values.issuer ?? defaultIssuer))) {
    mistakes.push(
      'TOKEN_AUDIENCES must not contain URLs of this service: its own access tokens contain no permissions',
    );
  }
  return mistakes.length > 0 ? { mistakes } : { config: deepFreeze(configFrom(values)) };
}

/** The environment, with the secrets that are in files (`…_FILE`). */
function withFiles(environment: Environment): { env: Environment; mistakes: string[] } {
  const env = { ...environment };
  const mistakes: string[] = [];
  for (const { name } of Object.values(settings).filter((it) => it.isSecret)) {
    const path = environment[`${name}_FILE`];
    if (!path) continue;
    if (env[name]) mistakes.push(`${name} and ${name}_FILE are mutually exclusive; set one`);
    try {
      env[name] = readFileSync(path, 'utf8').trim();
    } catch {
      // The same message as for an empty file.
    }
    if (!env[name]) mistakes.push(`${name}_FILE must be the path of a readable file that is not empty`);
  }
  return { env, mistakes };
}

/** Freezes plain objects and arrays deeply. Key objects and maps are left as they are. */
function deepFreeze<T extends object>(data: T): T {
  if (![Object.prototype, Array.prototype].includes(Object.getPrototypeOf(data))) return data;
  for (const inner of Object.values(data)) if (typeof inner === 'object' && inner !== null) deepFreeze(inner);
  return Object.freeze(data);
}

function missingInProduction(env: Environment): string[] {
  const { issuer, signingKeys, acceptUrl, optOutUrl, reportUrl, verifyUrl, resetUrl, emailChangeUrl } = settings;
  const passwordUrls = env.PASSWORD_LOGIN === 'off' ? [] : [verifyUrl, resetUrl, emailChangeUrl];
  const required = [issuer, signingKeys, acceptUrl, optOutUrl, reportUrl, ...passwordUrls].map((it) => it.name);
  const missing = required.filter((name) => !env[name]).map((name) => `${name} is required in production`);
  if (!env.SMTP_URL && !env.SENDGRID_API_KEY) {
    missing.push('SMTP_URL or SENDGRID_API_KEY is required in production');
  }
  return missing;
}

/**
 * An empty setting counts as not set. For the settings that say where data is stored, the default
 * could then silently replace the intended place. In production they must be absent or have a
 * value.
 */
function emptyInProduction(env: Environment): string[] {
  const places = [settings.databaseUrl, settings.dataDir, settings.redisUrl].map((it) => it.name);
  return [...places, ...places.map((it) => `${it}_FILE`)]
    .filter((name) => env[name]?.trim() === '')
    .map((name) => `${name} is empty; set a value or remove it`);
}

function configFrom(values: Values): Config {
  const production = values.nodeEnv === 'production';
  const here = `http://localhost:${values.port}`;
  const from = values.mailFrom ?? { name: 'Usher', email: 'usher@example.com' };
  return {
    production,
    host: values.host ?? (production ? '0.0.0.0' : '127.0.0.1'),
    port: values.port,
    database: values.databaseUrl
      ? {
          kind: 'postgres',
          url: values.databaseUrl,
          poolSize: values.databasePoolSize,
          preparedStatements: values.preparedStatements,
        }
      : { kind: 'embedded', dataDir: values.dataDir },
    dataDir: values.dataDir,
    issuer: values.issuer ?? defaultIssuer,
    signingKeys: values.signingKeys,
    acceptUrl: values.acceptUrl ?? `${here}/dev/invite#token={token}`,
    verifyUrl: values.verifyUrl ?? `${here}/dev/verify-email#token={token}`,
    resetUrl: values.resetUrl ?? `${here}/dev/reset-password#token={token}`,
    emailChangeUrl: values.emailChangeUrl ?? `${here}/dev/confirm-email#token={token}`,
    reportUrl: values.reportUrl ?? `${here}/dev/report#token={token}`,
    optOutUrl: values.optOutUrl ?? `${here}/dev/opt-out#token={token}`,
    mails: values.mails,
    mail: mailConfigFrom(values, from),
    mailBacklogRate: values.mailBacklogRate,
    sendgridWebhookKeys: values.sendgridWebhookKeys,
    passwordLogin: values.passwordLogin,
    checkBatching: values.checkBatching,
    identityProviders: values.identityProviders,
    catalogue: values.catalogue,
    tokenAudiences: values.tokenAudiences,
    sessionTimeouts: { idle: values.sessionIdleTimeout, absolute: values.sessionAbsoluteTimeout },
    redisUrl: values.redisUrl,
    rateLimits: values.rateLimits,
    pendingInvitesMax: values.pendingInvitesMax,
    corsOrigins: values.corsOrigins,
    trustProxy: values.trustProxy,
    eventLoopLagMax: values.eventLoopLagMax,
    stopDelay: values.stopDelay ?? (production ? 5 : 0),
    metricsPort: metricsPortFrom(values),
    tracing: values.tracesEndpoint !== undefined,
    logLevel: values.logLevel,
  };
}

/** The default in production is the port of OpenTelemetry's Prometheus exporter. */
function metricsPortFrom({ metricsPort, nodeEnv }: Values): number | undefined {
  if (typeof metricsPort === 'number') return metricsPort;
  return metricsPort === undefined && nodeEnv === 'production' ? 9464 : undefined;
}

function mailConfigFrom(values: Values, from: MailFrom): Config['mail'] {
  const { smtpServer, sendgridApiKey: apiKey, sendgridBaseUrl: baseUrl, sendgridTemplates: templates } = values;
  if (smtpServer) return { kind: 'smtp', from, server: smtpServer };
  if (apiKey) return { kind: 'sendgrid', from, apiKey, baseUrl, templates };
  return { kind: 'mailbox', from };
}
