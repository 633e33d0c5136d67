import { parseRateLimits } from '../limits/limits.ts';
import { parseIdentityProviders } from '../tokens/identity-provider.ts';
import { parseSigningKeys } from '../tokens/keys.ts';
import { readCatalogueFile } from './catalogue-file.ts';
import { readDatabaseUrl } from './database-url.ts';
import { mailSettings } from './mail-settings.ts';
import {
  readAudiences,
  readChoice,
  readNumber,
  readOrigins,
  readPort,
  readProxies,
  readServerUrl,
  readUrl,
  setting,
  textOrFile,
} from './setting-values.ts';

/** Every setting. The table in docs/settings.md shows these texts; a test compares them. */
export const settings = {
  nodeEnv: setting({
    name: 'NODE_ENV',
    about:
      '`development`, `test` or `production`. Production requires every setting that has no safe default, and has no `/dev` pages.',
    default: 'development',
    read: (text) => readChoice(text ?? 'development', ['development', 'test', 'production']),
  }),
  host: setting({
    name: 'HOST',
    about: 'The address to listen on; `0.0.0.0` for every IPv4 interface.',
    default: '`127.0.0.1`; in production `0.0.0.0`',
    read: (text) => text,
  }),
  port: setting({
    name: 'PORT',
    about: 'The TCP port to listen on; 0 lets the system choose.',
    default: '3000',
    read: (text) => readPort(text ?? '3000'),
  }),
  databaseUrl: setting({
    name: 'DATABASE_URL',
    isSecret: true,
    about:
      'The connection URI of a Postgres server, version 15 or newer; see [docs/operators.md](docs/operators.md#on-postgres).',
    default: 'the embedded database in `DATA_DIR`',
    read: (text) => (text === undefined ? undefined : readDatabaseUrl(text)),
  }),
  preparedStatements: setting({
    name: 'DATABASE_PREPARED_STATEMENTS',
    about:
      '`on` or `off`. Turn it off if a connection pooler does not support prepared statements (PgBouncer before 1.21 in transaction mode); see [docs/operators.md](docs/operators.md#behind-a-pooler).',
    default: '`on`',
    read: (text) => readChoice(text ?? 'on', ['on', 'off']) === 'on',
  }),
  databasePoolSize: setting({
    name: 'DATABASE_POOL_SIZE',
    about:
      'The maximum number of Postgres connections of each replica, from 1 to 1000. The total of all replicas must stay below the server’s `max_connections`.',
    default: '10 connections',
    read: (text) => readNumber(text ?? '10', { min: 1, max: 1000 }),
  }),
  dataDir: setting({
    name: 'DATA_DIR',
    about: 'The folder of the embedded database and of generated signing keys.',
    default: '`./data`',
    read: (text) => text ?? './data',
  }),
  issuer: setting({
    name: 'ISSUER',
    about:
      'The public base URL of this service, and the `iss` of every token. The same for all replicas. Required in production.',
    default: '`http://localhost:3000`',
    read: (text) => (text === undefined ? undefined : readUrl(text, ['https:', 'http:']).replace(/\/$/, '')),
  }),
  signingKeys: setting({
    name: 'SIGNING_KEYS',
    isSecret: true,
    about:
      'A JWK set (RFC 7517) of Ed25519 private keys, each with a `kid`, or the path of a file with one. The first key signs; all keys verify. The same for all replicas. Required in production.',
    default: 'generated on the first start and stored in `DATA_DIR`',
    read: (text) => (text === undefined ? undefined : parseSigningKeys(textOrFile(text))),
  }),
  ...mailSettings,
  passwordLogin: setting({
    name: 'PASSWORD_LOGIN',
    about:
      '`on` or `off`. With `off`, people log in only at the identity providers in `OIDC_ISSUERS`: Usher has no registration, passwords or sessions.',
    default: '`on`',
    read: (text) => readChoice(text ?? 'on', ['on', 'off']) === 'on',
  }),
  checkBatching: setting({
    name: 'CHECK_BATCHING',
    about:
      '`on` or `off`. With `on`, permission checks of a credential that arrive while another of its checks is running share one statement (`usher_check_batch_size` shows how many).',
    default: '`on`',
    read: (text) => readChoice(text ?? 'on', ['on', 'off']) === 'on',
  }),
  catalogue: setting({
    name: 'CATALOGUE_FILE',
    about:
      'The path of a file with the catalogue, in the format of `PUT /v1/permissions`. It is applied at each start. The start fails if it would remove a permission that someone has.',
    default: 'the catalogue of a customer portal, until you declare your own',
    read: (text) => (text === undefined ? undefined : readCatalogueFile(text)),
  }),
  tokenAudiences: setting({
    name: 'TOKEN_AUDIENCES',
    about:
      'The audiences for which account tokens are issued (`aud` of RFC 9068), such as `https://billing.example.com`, separated by commas; see [docs/permissions.md](docs/permissions.md).',
    default: 'none',
    read: (text) => (text === undefined ? [] : readAudiences(text)),
  }),
  identityProviders: setting({
    name: 'OIDC_ISSUERS',
    about:
      'The identity providers whose access tokens are accepted: a JSON array of `{ "issuer", "audience" }`, or the path of a file with one; see [docs/security.md](docs/security.md).',
    default: 'none',
    read: (text) => (text === undefined ? [] : parseIdentityProviders(textOrFile(text))),
  }),
  sessionIdleTimeout: setting({
    name: 'SESSION_IDLE_TIMEOUT',
    about: 'Seconds without a refresh after which a session ends, from 900 (15 minutes) to 7776000 (90 days).',
    default: '604800 (7 days)',
    read: (text) => readNumber(text ?? '604800', { min: 900, max: 7_776_000 }),
  }),
  sessionAbsoluteTimeout: setting({
    name: 'SESSION_ABSOLUTE_TIMEOUT',
    about: 'The maximum lifetime of a session in seconds, from 900 to 31536000 (a year).',
    default: '2592000 (30 days)',
    read: (text) => readNumber(text ?? '2592000', { min: 900, max: 31_536_000 }),
  }),
  redisUrl: setting({
    name: 'REDIS_URL',
    isSecret: true,
    about: 'The Redis server in which all replicas count their rate limits.',
    default: 'counted in Postgres, or in memory with the embedded database',
    read: (text) => (text === undefined ? undefined : readServerUrl(text, ['redis:', 'rediss:'])),
  }),
  rateLimits: setting({
    name: 'RATE_LIMITS',
    about:
      'Rate limits that replace the defaults, such as `login.network=200/60` (200 tries in 60 seconds), separated by commas, or `off`; see [docs/security.md](docs/security.md).',
    default: 'the default limits',
    read: parseRateLimits,
  }),
  pendingInvitesMax: setting({
    name: 'PENDING_INVITES_MAX',
    about: 'The maximum number of pending invites of an account; 0 for no limit.',
    default: '1000',
    read: (text) => readNumber(text ?? '1000', { min: 0, max: 10_000_000 }),
  }),
  corsOrigins: setting({
    name: 'CORS_ORIGINS',
    about:
      'The origins whose pages may call this API from a browser, such as `https://app.example.com`, separated by commas, or `*`. Browser credentials such as cookies are never allowed.',
    default: 'none',
    read: (text) => (text === undefined ? [] : readOrigins(text)),
  }),
  trustProxy: setting({
    name: 'TRUST_PROXY',
    about:
      'The proxies whose `X-Forwarded-For` is trusted: addresses and networks, separated by commas, or the number of proxies in front of this service. Without it, rate limits count the proxy as the client.',
    default: 'none',
    read: (text) => (text === undefined ? undefined : readProxies(text)),
  }),
  eventLoopLagMax: setting({
    name: 'EVENT_LOOP_LAG_MAX',
    about:
      'The event loop lag in milliseconds above which a replica answers requests with `unavailable`, until it has caught up; 0 for no limit.',
    default: '500',
    read: (text) => readNumber(text ?? '500', { min: 0, max: 60_000 }),
  }),
  stopDelay: setting({
    name: 'STOP_DELAY',
    about:
      'For how many seconds a stopping replica still accepts requests while `/readyz` answers 503, from 0 to 20: the time that the load balancer needs to notice.',
    default: '0; in production 5',
    read: (text) => (text === undefined ? undefined : readNumber(text, { min: 0, max: 20 })),
  }),
  metricsPort: setting({
    name: 'METRICS_PORT',
    about:
      'The TCP port of the Prometheus metrics at `/metrics`, separate so that they are not public; 0 lets the system choose, `off` for none.',
    default: '`9464` in production, none in development',
    read: (text) => (text === undefined || text === 'off' ? text : readPort(text)),
  }),
  tracesEndpoint: setting({
    name: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    about:
      'Where traces are sent: the base URL of a collector that accepts OTLP over HTTP, such as `http://localhost:4318`. OpenTelemetry’s other standard variables also apply; see [docs/operators.md](docs/operators.md#traces).',
    default: 'no traces',
    read: (text) => (text === undefined ? undefined : readUrl(text, ['https:', 'http:'])),
  }),
  logLevel: setting({
    name: 'LOG_LEVEL',
    about: '`fatal`, `error`, `warn`, `info`, `debug`, `trace` or `silent`.',
    default: '`info`',
    read: (text) => readChoice(text ?? 'info', ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
  }),
};
