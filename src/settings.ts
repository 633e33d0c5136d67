import { readCatalogueFile } from './catalogue/file.ts';
import { parseWebhookKeys } from './deliveries/sendgrid-signature.ts';
import { parseRateLimits } from './limits/limits.ts';
import { parseSendgridTemplates } from './mail/sendgrid-templates.ts';
import { createMailWriter } from './mail/write.ts';
import {
  readAudiences,
  readChoice,
  readLinkTemplate,
  readNumber,
  readOrigins,
  readPort,
  readProxies,
  readSender,
  readSmtpServer,
  readUrl,
  setting,
  textOrFile,
} from './setting-values.ts';
import { parseIdentityProviders } from './tokens/identity-provider.ts';
import { parseSigningKeys } from './tokens/keys.ts';

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
    isSecret: true,
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
    isSecret: true,
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
    about: 'The same for the link that verifies a new address. Required in production, unless `PASSWORD_LOGIN` is off.',
    otherwise: 'a page of this service under `/dev`',
    read: readLinkTemplate,
  }),
  resetUrl: setting({
    name: 'RESET_URL',
    about: 'The same for the link that chooses a new password. Required in production, unless `PASSWORD_LOGIN` is off.',
    otherwise: 'a page of this service under `/dev`',
    read: readLinkTemplate,
  }),
  emailChangeUrl: setting({
    name: 'EMAIL_CHANGE_URL',
    about:
      'The same for the link that confirms a changed address. Required in production, unless `PASSWORD_LOGIN` is off.',
    otherwise: 'a page of this service under `/dev`',
    read: readLinkTemplate,
  }),
  optOutUrl: setting({
    name: 'OPT_OUT_URL',
    about:
      'The same for the link in an invite’s mail by which someone asks not to be invited again. Required in production.',
    otherwise: 'a page of this service under `/dev`',
    read: readLinkTemplate,
  }),
  reportUrl: setting({
    name: 'REPORT_URL',
    about:
      'The same for the link in an invite’s mail by which someone who does not know the sender reports it. Required in production.',
    otherwise: 'a page of this service under `/dev`',
    read: readLinkTemplate,
  }),
  mailFrom: setting({
    name: 'MAIL_FROM',
    about: 'The sender of every mail: `Name <address>` or an address. Required with `SMTP_URL` or `SENDGRID_API_KEY`.',
    otherwise: '`Usher <usher@example.com>`',
    read: (text) => (text === undefined ? undefined : readSender(text)),
  }),
  mails: setting({
    name: 'MAIL_TEMPLATES',
    about:
      'A folder of words and templates that replace the built-in ones, mail by mail and language by language; see [docs/mail.md](docs/mail.md).',
    otherwise: 'the built-in ones',
    read: (text) => createMailWriter(text),
  }),
  smtpServer: setting({
    name: 'SMTP_URL',
    isSecret: true,
    about:
      'Sends mail through a mail server: `smtp://user:password@host:587` or `smtps://…`; see [With SMTP](#with-smtp). This or `SENDGRID_API_KEY` is required in production.',
    otherwise: 'mails stay in the development mailbox at `/dev/mailbox`',
    read: (text) => (text === undefined ? undefined : readSmtpServer(text)),
  }),
  sendgridApiKey: setting({
    name: 'SENDGRID_API_KEY',
    isSecret: true,
    about: 'Sends mail through SendGrid, in the place of `SMTP_URL`.',
    otherwise: 'mails stay in the development mailbox at `/dev/mailbox`',
    read: (text) => text,
  }),
  sendgridBaseUrl: setting({
    name: 'SENDGRID_BASE_URL',
    about: 'Where SendGrid’s API is.',
    otherwise: '`https://api.sendgrid.com`',
    read: (text) => readUrl(text ?? 'https://api.sendgrid.com', ['https:', 'http:']).replace(/\/$/, ''),
  }),
  sendgridTemplates: setting({
    name: 'SENDGRID_TEMPLATES',
    about:
      'Dynamic templates at SendGrid in the place of mails: a JSON object such as `{ "invite": "d-…", "reminder": { "de": "d-…" } }`, or the path of a file that holds one; see [docs/mail.md](docs/mail.md).',
    otherwise: 'none',
    read: (text) => (text === undefined ? {} : parseSendgridTemplates(textOrFile(text))),
  }),
  sendgridWebhookKeys: setting({
    name: 'SENDGRID_WEBHOOK_KEYS',
    about:
      'The verification keys of SendGrid’s Signed Event Webhook, parted by commas: it tells `/v1/webhooks/sendgrid` what became of mails.',
    otherwise: 'none: what became of a mail after SendGrid took it is not known',
    read: (text) => (text === undefined ? [] : parseWebhookKeys(text)),
  }),
  mailBacklogRate: setting({
    name: 'MAIL_BACKLOG_RATE',
    about:
      'How many mails each replica sends in a second of those that wait for longer than a minute or are tried again, such as after an outage; from 1 to 1000. Others are sent at once.',
    otherwise: '20 a second',
    read: (text) => readNumber(text ?? '20', { min: 1, max: 1000 }),
  }),
  passwordLogin: setting({
    name: 'PASSWORD_LOGIN',
    about:
      '`on`, or `off`: people log in at the identity providers of `OIDC_ISSUERS` alone, and there is no registering, no password and no session here.',
    otherwise: '`on`',
    read: (text) => readChoice(text ?? 'on', ['on', 'off']) === 'on',
  }),
  catalogue: setting({
    name: 'CATALOGUE_FILE',
    about:
      'The path of a file with the catalogue of permissions, as `PUT /v1/permissions` takes it: it is put in place at each start, which stops where a permission would be removed that someone has.',
    otherwise: 'the catalogue of a customer portal, until another one is declared',
    read: (text) => (text === undefined ? undefined : readCatalogueFile(text)),
  }),
  tokenAudiences: setting({
    name: 'TOKEN_AUDIENCES',
    about:
      'Audiences that account tokens are given for (`aud` of RFC 9068), such as `https://billing.example.com`, parted by commas; see [docs/permissions.md](docs/permissions.md).',
    otherwise: 'none',
    read: (text) => (text === undefined ? [] : readAudiences(text)),
  }),
  identityProviders: setting({
    name: 'OIDC_ISSUERS',
    about:
      'Identity providers whose access tokens are taken: a JSON array of `{ "issuer", "audience" }`, or the path of a file that holds one; see [docs/security.md](docs/security.md).',
    otherwise: 'none',
    read: (text) => (text === undefined ? [] : parseIdentityProviders(textOrFile(text))),
  }),
  sessionIdleTimeout: setting({
    name: 'SESSION_IDLE_TIMEOUT',
    about: 'Seconds after which a session ends that was not refreshed: from 900 (15 minutes) to 7776000 (90 days).',
    otherwise: '604800 (7 days)',
    read: (text) => readNumber(text ?? '604800', { min: 900, max: 7_776_000 }),
  }),
  sessionAbsoluteTimeout: setting({
    name: 'SESSION_ABSOLUTE_TIMEOUT',
    about: 'Seconds after which a session ends however much it is used: from 900 to 31536000 (a year).',
    otherwise: '2592000 (30 days)',
    read: (text) => readNumber(text ?? '2592000', { min: 900, max: 31_536_000 }),
  }),
  redisUrl: setting({
    name: 'REDIS_URL',
    isSecret: true,
    about: 'A Redis in which replicas count their limits together.',
    otherwise: 'they are counted in Postgres, with the embedded database in memory',
    read: (text) => (text === undefined ? undefined : readUrl(text, ['redis:', 'rediss:'])),
  }),
  rateLimits: setting({
    name: 'RATE_LIMITS',
    about:
      'Limits that differ from the usual ones, such as `login.network=200/60` (tries in seconds), parted by commas, or `off`; see [docs/security.md](docs/security.md).',
    otherwise: 'the usual ones',
    read: parseRateLimits,
  }),
  pendingInvitesMax: setting({
    name: 'PENDING_INVITES_MAX',
    about: 'How many invites of one account may be pending at a time; 0 for any number.',
    otherwise: '1000',
    read: (text) => readNumber(text ?? '1000', { min: 0, max: 10_000_000 }),
  }),
  corsOrigins: setting({
    name: 'CORS_ORIGINS',
    about:
      'Origins whose pages may call this service from a browser, such as `https://app.example.com`, parted by commas, or `*`. No credentials of the browser’s own are ever allowed.',
    otherwise: 'none',
    read: (text) => (text === undefined ? [] : readOrigins(text)),
  }),
  trustProxy: setting({
    name: 'TRUST_PROXY',
    about:
      'Proxies whose `X-Forwarded-For` is believed: addresses and networks, parted by commas, or how many stand before this service. Without it, limits count the proxy as the client.',
    otherwise: 'none',
    read: (text) => (text === undefined ? undefined : readProxies(text)),
  }),
  metricsPort: setting({
    name: 'METRICS_PORT',
    about:
      'The TCP port of the metrics for Prometheus, at `/metrics`: one of their own, so that not everyone sees them; 0 lets the system choose, `off` for none.',
    otherwise: '`9464` in production, none in development',
    read: (text) => (text === undefined || text === 'off' ? text : readPort(text)),
  }),
  logLevel: setting({
    name: 'LOG_LEVEL',
    about: '`fatal`, `error`, `warn`, `info`, `debug`, `trace` or `silent`.',
    otherwise: '`info`',
    read: (text) => readChoice(text ?? 'info', ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
  }),
};
