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

/** Every setting, documented once: the README's table is printed from here. */
export const settings = {
  nodeEnv: setting({
    name: 'NODE_ENV',
    about:
      '`development`, `test` or `production`, which asks for every setting that must not be guessed, and takes away `/dev`.',
    default: 'development',
    read: (text) => readChoice(text ?? 'development', ['development', 'test', 'production']),
  }),
  host: setting({
    name: 'HOST',
    about: 'The address to listen on; `0.0.0.0` for every IPv4 interface.',
    default: '`127.0.0.1`, in production `0.0.0.0`',
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
    about: 'A Postgres connection URI, version 15 or newer; see [docs/operators.md](docs/operators.md#on-postgres).',
    default: 'the embedded database in `DATA_DIR`',
    read: (text) => (text === undefined ? undefined : readDatabaseUrl(text)),
  }),
  preparedStatements: setting({
    name: 'DATABASE_PREPARED_STATEMENTS',
    about:
      '`on`, or `off` where a pooler in front of Postgres does not keep prepared statements (PgBouncer before 1.21 in transaction mode); see [docs/operators.md](docs/operators.md#behind-a-pooler).',
    default: '`on`',
    read: (text) => readChoice(text ?? 'on', ['on', 'off']) === 'on',
  }),
  databasePoolSize: setting({
    name: 'DATABASE_POOL_SIZE',
    about:
      'How many connections to Postgres each replica opens at most, from 1 to 1000. All replicas together stay below what the server allows (`max_connections`).',
    default: '10 connections',
    read: (text) => readNumber(text ?? '10', { min: 1, max: 1000 }),
  }),
  dataDir: setting({
    name: 'DATA_DIR',
    about: 'The folder of the embedded database and of signing keys that were made here.',
    default: '`./data`',
    read: (text) => text ?? './data',
  }),
  issuer: setting({
    name: 'ISSUER',
    about: 'The public base URL of this service; the `iss` of every token. Replicas share it. Required in production.',
    default: '`http://localhost:3000`',
    read: (text) => (text === undefined ? undefined : readUrl(text, ['https:', 'http:']).replace(/\/$/, '')),
  }),
  signingKeys: setting({
    name: 'SIGNING_KEYS',
    isSecret: true,
    about:
      'A JWK set (RFC 7517) of Ed25519 private keys, each with a `kid`, or the path of a file that holds one. The first signs, all verify. Replicas share it. Required in production.',
    default: 'made on the first start and kept in `DATA_DIR`',
    read: (text) => (text === undefined ? undefined : parseSigningKeys(textOrFile(text))),
  }),
  ...mailSettings,
  passwordLogin: setting({
    name: 'PASSWORD_LOGIN',
    about:
      '`on`, or `off`: people log in at the identity providers of `OIDC_ISSUERS` alone, and there is no registering, no password and no session here.',
    default: '`on`',
    read: (text) => readChoice(text ?? 'on', ['on', 'off']) === 'on',
  }),
  checkBatching: setting({
    name: 'CHECK_BATCHING',
    about:
      '`on`, or `off`: checks that one credential asks while another of its checks runs share a statement (`usher_check_batch_size` shows how many).',
    default: '`on`',
    read: (text) => readChoice(text ?? 'on', ['on', 'off']) === 'on',
  }),
  catalogue: setting({
    name: 'CATALOGUE_FILE',
    about:
      'The path of a file with the catalogue of permissions, as `PUT /v1/permissions` takes it: it is put in place at each start, which stops where a permission would be removed that someone has.',
    default: 'the catalogue of a customer portal, until another one is declared',
    read: (text) => (text === undefined ? undefined : readCatalogueFile(text)),
  }),
  tokenAudiences: setting({
    name: 'TOKEN_AUDIENCES',
    about:
      'Audiences that account tokens are given for (`aud` of RFC 9068), such as `https://billing.example.com`, parted by commas; see [docs/permissions.md](docs/permissions.md).',
    default: 'none',
    read: (text) => (text === undefined ? [] : readAudiences(text)),
  }),
  identityProviders: setting({
    name: 'OIDC_ISSUERS',
    about:
      'Identity providers whose access tokens are taken: a JSON array of `{ "issuer", "audience" }`, or the path of a file that holds one; see [docs/security.md](docs/security.md).',
    default: 'none',
    read: (text) => (text === undefined ? [] : parseIdentityProviders(textOrFile(text))),
  }),
  sessionIdleTimeout: setting({
    name: 'SESSION_IDLE_TIMEOUT',
    about: 'Seconds after which a session ends that was not refreshed: from 900 (15 minutes) to 7776000 (90 days).',
    default: '604800 (7 days)',
    read: (text) => readNumber(text ?? '604800', { min: 900, max: 7_776_000 }),
  }),
  sessionAbsoluteTimeout: setting({
    name: 'SESSION_ABSOLUTE_TIMEOUT',
    about: 'Seconds after which a session ends however much it is used: from 900 to 31536000 (a year).',
    default: '2592000 (30 days)',
    read: (text) => readNumber(text ?? '2592000', { min: 900, max: 31_536_000 }),
  }),
  redisUrl: setting({
    name: 'REDIS_URL',
    isSecret: true,
    about: 'A Redis in which replicas count their limits together.',
    default: 'they are counted in Postgres, with the embedded database in memory',
    read: (text) => (text === undefined ? undefined : readServerUrl(text, ['redis:', 'rediss:'])),
  }),
  rateLimits: setting({
    name: 'RATE_LIMITS',
    about:
      'Limits that differ from the usual ones, such as `login.network=200/60` (tries in seconds), parted by commas, or `off`; see [docs/security.md](docs/security.md).',
    default: 'the usual ones',
    read: parseRateLimits,
  }),
  pendingInvitesMax: setting({
    name: 'PENDING_INVITES_MAX',
    about: 'How many invites of one account may be pending at a time; 0 for any number.',
    default: '1000',
    read: (text) => readNumber(text ?? '1000', { min: 0, max: 10_000_000 }),
  }),
  corsOrigins: setting({
    name: 'CORS_ORIGINS',
    about:
      'Origins whose pages may call this service from a browser, such as `https://app.example.com`, parted by commas, or `*`. No credentials of the browser’s own are ever allowed.',
    default: 'none',
    read: (text) => (text === undefined ? [] : readOrigins(text)),
  }),
  trustProxy: setting({
    name: 'TRUST_PROXY',
    about:
      'Proxies whose `X-Forwarded-For` is believed: addresses and networks, parted by commas, or how many stand before this service. Without it, limits count the proxy as the client.',
    default: 'none',
    read: (text) => (text === undefined ? undefined : readProxies(text)),
  }),
  eventLoopLagMax: setting({
    name: 'EVENT_LOOP_LAG_MAX',
    about:
      'By how many milliseconds a replica’s event loop may lag before it answers `unavailable` to whatever comes, until it has caught up; 0 for any.',
    default: '500',
    read: (text) => readNumber(text ?? '500', { min: 0, max: 60_000 }),
  }),
  stopDelay: setting({
    name: 'STOP_DELAY',
    about:
      'For how many seconds a replica that was asked to stop still takes requests, while `/readyz` says 503 already: as long as whoever spreads the requests takes to notice; from 0 to 20.',
    default: '0, in production 5',
    read: (text) => (text === undefined ? undefined : readNumber(text, { min: 0, max: 20 })),
  }),
  metricsPort: setting({
    name: 'METRICS_PORT',
    about:
      'The TCP port of the metrics for Prometheus, at `/metrics`: one of their own, so that not everyone sees them; 0 lets the system choose, `off` for none.',
    default: '`9464` in production, none in development',
    read: (text) => (text === undefined || text === 'off' ? text : readPort(text)),
  }),
  tracesEndpoint: setting({
    name: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    about:
      'Where traces go: the base URL of a collector that takes OTLP over HTTP, such as `http://localhost:4318`. OpenTelemetry’s other standard variables count too; see [docs/operators.md](docs/operators.md#traces).',
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
