import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { type Config, readConfig } from '../../src/config/config.ts';
import { settings } from '../../src/config/settings.ts';
import { limits } from '../../src/limits/limits.ts';
import { generateSigningKeys } from '../../src/tokens/keys.ts';
import { root } from '../support/root.ts';

type Env = Record<string, string | undefined>;

const keys = await generateSigningKeys();
const [key] = JSON.parse(keys).keys as Record<string, string>[];

const production: Env = {
  NODE_ENV: 'production',
  ISSUER: 'https://usher.example.com',
  SIGNING_KEYS: keys,
  ACCEPT_URL: 'https://app.example.com/invite#token={token}',
  VERIFY_URL: 'https://app.example.com/verify#token={token}',
  RESET_URL: 'https://app.example.com/reset#token={token}',
  EMAIL_CHANGE_URL: 'https://app.example.com/confirm#token={token}',
  OPT_OUT_URL: 'https://app.example.com/no-more#token={token}',
  REPORT_URL: 'https://app.example.com/report#token={token}',
  MAIL_FROM: 'Example Hosting <hello@example.com>',
  SENDGRID_API_KEY: 'SG.not-a-real-key',
};

function configOf(env: Env): Config {
  const read = readConfig(env);
  if ('mistakes' in read) throw new Error(read.mistakes.join('\n'));
  return read.config;
}

function mistakesOf(env: Env): string[] {
  const read = readConfig(env);
  return 'mistakes' in read ? read.mistakes : [];
}

/** The default limits, without descriptions. */
const rateLimits = Object.fromEntries(Object.entries(limits).map(([name, { max, window }]) => [name, { max, window }]));

const provider = { issuer: 'https://login.example.com', audience: 'https://usher.example.com' };
const providers = JSON.stringify([provider]);

const settingsOf = (mistakes: string[]) => mistakes.map((it) => it.split(' ')[0]).sort();

t.test('without any setting, the defaults are used', async (t) => {
  t.match(configOf({}), {
    production: false,
    host: '127.0.0.1',
    port: 3000,
    database: { kind: 'embedded', dataDir: './data' },
    dataDir: './data',
    issuer: 'http://localhost:3000',
    signingKeys: undefined,
    acceptUrl: 'http://localhost:3000/dev/invite#token={token}',
    verifyUrl: 'http://localhost:3000/dev/verify-email#token={token}',
    resetUrl: 'http://localhost:3000/dev/reset-password#token={token}',
    emailChangeUrl: 'http://localhost:3000/dev/confirm-email#token={token}',
    optOutUrl: 'http://localhost:3000/dev/opt-out#token={token}',
    reportUrl: 'http://localhost:3000/dev/report#token={token}',
    mail: { kind: 'mailbox', from: { email: 'usher@example.com' } },
    passwordLogin: true,
    identityProviders: [],
    sessionTimeouts: { idle: 7 * 86_400, absolute: 30 * 86_400 },
    redisUrl: undefined,
    rateLimits,
    pendingInvitesMax: 1000,
    corsOrigins: [],
    trustProxy: undefined,
    logLevel: 'info',
  });
  t.match(configOf({ PORT: '' }), { port: 3000 }, 'an empty setting counts as not set');
});

t.test('the default links use the configured port', async (t) => {
  const config = configOf({ PORT: '4100' });
  t.equal(config.acceptUrl, 'http://localhost:4100/dev/invite#token={token}');
  t.equal(config.verifyUrl, 'http://localhost:4100/dev/verify-email#token={token}');
  t.equal(config.resetUrl, 'http://localhost:4100/dev/reset-password#token={token}');
  t.equal(config.emailChangeUrl, 'http://localhost:4100/dev/confirm-email#token={token}');
  t.equal(config.optOutUrl, 'http://localhost:4100/dev/opt-out#token={token}');
  t.equal(config.reportUrl, 'http://localhost:4100/dev/report#token={token}');
});

t.test('every setting is read from its environment variable', async (t) => {
  const config = configOf({
    ...production,
    PORT: '8080',
    DATABASE_URL: 'postgres://usher@db.example.com/usher',
    DATA_DIR: '/var/lib/usher',
    SENDGRID_BASE_URL: 'http://127.0.0.1:9/',
    PASSWORD_LOGIN: 'off',
    OIDC_ISSUERS: providers,
    SESSION_IDLE_TIMEOUT: '1800',
    SESSION_ABSOLUTE_TIMEOUT: '43200',
    REDIS_URL: 'rediss://:secret@redis.example.com:6380/1',
    RATE_LIMITS: 'login.network=7/60',
    PENDING_INVITES_MAX: '0',
    CORS_ORIGINS: 'https://app.example.com, http://localhost:5173',
    TRUST_PROXY: '10.0.0.0/8, ::1, loopback',
    LOG_LEVEL: 'warn',
  });
  t.match(config, {
    production: true,
    host: '0.0.0.0',
    port: 8080,
    database: { kind: 'postgres', url: 'postgres://usher@db.example.com/usher' },
    dataDir: '/var/lib/usher',
    issuer: 'https://usher.example.com',
    acceptUrl: production.ACCEPT_URL as string,
    verifyUrl: production.VERIFY_URL as string,
    resetUrl: production.RESET_URL as string,
    emailChangeUrl: production.EMAIL_CHANGE_URL as string,
    optOutUrl: production.OPT_OUT_URL as string,
    reportUrl: production.REPORT_URL as string,
    mail: {
      kind: 'sendgrid',
      from: { name: 'Example Hosting', email: 'hello@example.com' },
      apiKey: 'SG.not-a-real-key',
      baseUrl: 'http://127.0.0.1:9',
    },
    passwordLogin: false,
    identityProviders: [provider],
    sessionTimeouts: { idle: 1800, absolute: 43_200 },
    redisUrl: 'rediss://:secret@redis.example.com:6380/1',
    rateLimits: { ...rateLimits, 'login.network': { max: 7, window: 60 } },
    pendingInvitesMax: 0,
    corsOrigins: ['https://app.example.com', 'http://localhost:5173'],
    trustProxy: ['10.0.0.0/8', '::1', 'loopback'],
    logLevel: 'warn',
  });
  t.equal(config.signingKeys?.current.kid, key?.kid);
  t.equal(configOf({ ...production, HOST: '::1' }).host, '::1');
  t.equal(
    configOf({ ISSUER: 'https://usher.example.com/' }).issuer,
    'https://usher.example.com',
    'a trailing slash is removed',
  );
  t.equal(configOf({ PASSWORD_LOGIN: 'on' }).passwordLogin, true);
  t.equal(configOf({ RATE_LIMITS: 'off' }).rateLimits, 'off');
  t.equal(configOf({ CORS_ORIGINS: '*' }).corsOrigins, '*', 'any origin');
  t.equal(configOf({ TRUST_PROXY: '2' }).trustProxy, 2, 'a number of proxies');
});

t.test('all mistakes are reported at once, each with the name of its setting', async (t) => {
  const mistakes = mistakesOf({
    PORT: 'three thousand',
    DATABASE_URL: 'mysql://db.example.com/usher',
    ISSUER: 'usher.example.com',
    SIGNING_KEYS: '{}',
    ACCEPT_URL: 'https://app.example.com/invite',
    VERIFY_URL: 'app.example.com/{token}',
    RESET_URL: 'https://app.example.com/reset',
    EMAIL_CHANGE_URL: '{token}',
    OPT_OUT_URL: 'mailto:{token}@example.com',
    REPORT_URL: 'https://app.example.com/report',
    MAIL_FROM: 'nobody',
    SMTP_URL: 'smtp.example.com:587',
    SENDGRID_BASE_URL: 'ftp://sendgrid.example.com',
    PASSWORD_LOGIN: 'no',
    OIDC_ISSUERS: 'https://login.example.com',
    SESSION_IDLE_TIMEOUT: '7 days',
    SESSION_ABSOLUTE_TIMEOUT: '0',
    REDIS_URL: 'redis.example.com',
    RATE_LIMITS: 'none',
    PENDING_INVITES_MAX: 'many',
    CORS_ORIGINS: 'app.example.com',
    TRUST_PROXY: 'true',
    LOG_LEVEL: 'loud',
  });
  t.same(settingsOf(mistakes), [
    'ACCEPT_URL',
    'CORS_ORIGINS',
    'DATABASE_URL',
    'EMAIL_CHANGE_URL',
    'ISSUER',
    'LOG_LEVEL',
    'MAIL_FROM',
    'OIDC_ISSUERS',
    'OPT_OUT_URL',
    'PASSWORD_LOGIN',
    'PENDING_INVITES_MAX',
    'PORT',
    'RATE_LIMITS',
    'REDIS_URL',
    'REPORT_URL',
    'RESET_URL',
    'SENDGRID_BASE_URL',
    'SESSION_ABSOLUTE_TIMEOUT',
    'SESSION_IDLE_TIMEOUT',
    'SIGNING_KEYS',
    'SMTP_URL',
    'TRUST_PROXY',
    'VERIFY_URL',
  ]);
  for (const mistake of mistakes) t.match(mistake, /^[A-Z_]+ .{10,}/, `says what is wrong: ${mistake}`);
});

t.test('production requires every setting without a safe default, and reports all missing ones at once', async (t) => {
  const ofPasswords = ['EMAIL_CHANGE_URL', 'RESET_URL', 'VERIFY_URL'];
  const always = ['ACCEPT_URL', 'ISSUER', 'OPT_OUT_URL', 'REPORT_URL', 'SIGNING_KEYS', 'SMTP_URL'];
  const required = [...always, ...ofPasswords].sort();
  t.same(settingsOf(mistakesOf({ NODE_ENV: 'production' })), required);
  t.same(mistakesOf(production), []);
  for (const name of required) {
    const given = name === 'SMTP_URL' ? 'SENDGRID_API_KEY' : name;
    t.same(settingsOf(mistakesOf({ ...production, [given]: undefined })), [name], `without ${given}`);
    t.same(settingsOf(mistakesOf({ ...production, [given]: '' })), [name], `with an empty ${given}`);
  }
  t.same(
    settingsOf(mistakesOf({ NODE_ENV: 'production', PORT: 'x' })),
    [...required, 'PORT'].sort(),
    'missing and invalid settings are reported together',
  );

  const withoutPasswords = { PASSWORD_LOGIN: 'off', OIDC_ISSUERS: providers };
  t.same(
    settingsOf(mistakesOf({ NODE_ENV: 'production', ...withoutPasswords })),
    always,
    'the password links are not required',
  );
  const noLinks = Object.fromEntries(ofPasswords.map((name) => [name, undefined]));
  t.same(mistakesOf({ ...production, ...noLinks, ...withoutPasswords }), []);
});

t.test('PASSWORD_LOGIN=off requires an identity provider', async (t) => {
  for (const OIDC_ISSUERS of [undefined, '', '[]']) {
    for (const env of [{}, production]) {
      const mistakes = mistakesOf({ ...env, PASSWORD_LOGIN: 'off', OIDC_ISSUERS });
      t.same(settingsOf(mistakes), ['PASSWORD_LOGIN'], `OIDC_ISSUERS=${OIDC_ISSUERS}`);
    }
  }
  t.same(mistakesOf({ PASSWORD_LOGIN: 'off', OIDC_ISSUERS: providers }), []);
  const wrong = mistakesOf({ PASSWORD_LOGIN: 'off', OIDC_ISSUERS: '[{}]' });
  t.same(settingsOf(wrong), ['OIDC_ISSUERS'], 'an invalid provider is reported once');
});

t.test('MAIL_FROM is required with SMTP_URL or SENDGRID_API_KEY', async (t) => {
  t.same(settingsOf(mistakesOf({ ...production, MAIL_FROM: undefined })), ['MAIL_FROM']);
  t.same(settingsOf(mistakesOf({ SENDGRID_API_KEY: 'SG.x' })), ['MAIL_FROM']);
  t.same(settingsOf(mistakesOf({ SMTP_URL: 'smtp://localhost' })), ['MAIL_FROM']);
});

t.test('SMTP_URL and SENDGRID_API_KEY are mutually exclusive', async (t) => {
  const SMTP_URL = 'smtps://smtp.example.com';
  t.same(
    mistakesOf({ ...production, SENDGRID_API_KEY: undefined, SMTP_URL }),
    [],
    'SMTP_URL alone is valid in production',
  );
  t.same(mistakesOf({ ...production, SENDGRID_API_KEY: '', SMTP_URL }), []);
  t.same(settingsOf(mistakesOf({ ...production, SMTP_URL })), ['SMTP_URL'], 'both are refused');
  const both = { SMTP_URL, SENDGRID_API_KEY: 'SG.x' };
  t.same(settingsOf(mistakesOf(both)), ['MAIL_FROM', 'SMTP_URL'], 'reported together with other mistakes');
});

t.test('SMTP_URL', async (t) => {
  const serverOf = (SMTP_URL: string) => {
    const { mail } = configOf({ SMTP_URL, MAIL_FROM: 'a@example.com' });
    return mail.kind === 'smtp' ? mail.server : undefined;
  };

  t.test('contains the host, port and login', async (t) => {
    t.same(serverOf('smtp://smtp.example.com'), {
      host: 'smtp.example.com',
      port: 587,
      tls: 'starttls',
      login: undefined,
    });
    t.match(serverOf('smtps://SMTP.example.com/'), { host: 'smtp.example.com', port: 465, tls: 'implicit' });
    t.match(serverOf('smtp://[2001:db8::1]:25'), { host: '2001:db8::1', port: 25, tls: 'starttls' });
    const { login } = serverOf('smtp://usher%40example.com:p%40ss%3A%2F%20%25@smtp.example.com:2525') ?? {};
    t.same(login, { user: 'usher@example.com', password: 'p@ss:/ %' });
  });

  t.test('requires TLS, except for localhost or with ?tls=off', async (t) => {
    for (const host of [
      'smtp.example.com',
      'mailpit:1025',
      '10.0.0.1',
      '127.0.0.1.example.com',
      'localhost.example.com',
    ]) {
      t.equal(serverOf(`smtp://${host}`)?.tls, 'starttls', host);
      t.equal(serverOf(`smtps://${host}`)?.tls, 'implicit', host);
      t.equal(serverOf(`smtp://${host}?tls=off`)?.tls, 'none', host);
    }
    for (const host of ['localhost', 'LOCALHOST:25', '127.0.0.1:1025', '[::1]', 'user:secret@localhost']) {
      t.equal(serverOf(`smtp://${host}`)?.tls, 'none', host);
      t.equal(serverOf(`smtps://${host}`)?.tls, 'implicit', host);
    }
  });

  t.test('in docker-compose.yml is valid', async (t) => {
    const compose = await readFile(join(root, 'docker-compose.yml'), 'utf8');
    const [, url = ''] = /^ +SMTP_URL: (\S+)$/m.exec(compose) ?? [];
    t.same(serverOf(url), { host: 'mailpit', port: 1025, tls: 'none', login: undefined });
  });
});

t.test('an invalid value is refused', async (t) => {
  const wrong: [string, string[]][] = [
    ['NODE_ENV', ['Production', 'prod', 'staging']],
    ['PORT', ['-1', '65536', '3000.5', '0x10', '1e3', ' 3000', 'abc']],
    ['DATABASE_URL', ['db.example.com', 'http://db.example.com', 'postgres']],
    ['ISSUER', ['usher', 'ftp://usher.example.com', '//usher.example.com']],
    ['LOG_LEVEL', ['INFO', 'verbose', 'info,debug']],
    ['MAIL_FROM', ['nobody', 'A <b>', 'A <a@example.com', 'A <a@example.com>\r\nBcc: b@example.com', 'a@localhost']],
    ['SENDGRID_BASE_URL', ['sendgrid', 'file:///etc/passwd']],
    ['SMTP_URL', ['smtp.example.com', 'smtp', 'smtp:', 'smtp://', 'smtp:///mail', 'http://smtp.example.com']],
    ['SMTP_URL', ['smtp://smtp.example.com:0', 'smtp://smtp.example.com:65536', 'smtp://a b', 'smtp://bücher.example']],
    ['SMTP_URL', ['smtp://user@smtp.example.com', 'smtp://:secret@smtp.example.com', 'smtp://u:50%@smtp.example.com']],
    ['SMTP_URL', ['smtp://smtp.example.com/path', 'smtp://smtp.example.com#a', 'smtp://smtp.example.com?tls=on']],
    ['SMTP_URL', ['smtp://smtp.example.com?TLS=off', 'smtp://smtp.example.com?tls=off&pool=true']],
    ['SMTP_URL', ['smtps://smtp.example.com?tls=off', 'smtp://user:secret@smtp.example.com?tls=off']],
    ['SIGNING_KEYS', ['/no/such/file', '[]', '{"keys":[]}', '{"keys":{}}', '{not json']],
    ['PASSWORD_LOGIN', ['Off', 'false', 'no', '0', 'off ']],
    ['OIDC_ISSUERS', ['/no/such/file', 'https://login.example.com', '{}', '[{}]', '[', '[null]', '["text"]']],
    ['OIDC_ISSUERS', [JSON.stringify([{ ...provider, issuer: 'http://login.example.com' }])]],
    ['SESSION_IDLE_TIMEOUT', ['0', '899', '7776001', '1e3', '-900', '900.5', '15m', ' 900', 'Infinity']],
    ['SESSION_ABSOLUTE_TIMEOUT', ['0', '899', '31536001', '0x1000', '30d', 'never']],
    ['REDIS_URL', ['redis', 'http://redis.example.com', 'redis.example.com:6379', '//redis.example.com']],
    ['RATE_LIMITS', ['none', 'login.network', 'login.network=0/60', 'login.network=7', 'nothing=1/60', 'on', 'OFF']],
    ['PENDING_INVITES_MAX', ['-1', '1.5', 'all', '10000001', '1e3']],
    ['CORS_ORIGINS', ['app.example.com', 'https://app.example.com/', 'https://app.example.com/app', 'null', '**']],
    ['CORS_ORIGINS', ['https://*.example.com', 'https://a.example.com,*', 'https://a.example.com,', 'file:///app']],
    ['CORS_ORIGINS', ['https://user@app.example.com', 'https://App.example.com', 'https://app.example.com:443']],
    ['TRUST_PROXY', ['true', '-1', '1.5', '100', '10.0', '10.0.0.0/33', '10.0.0.256', 'proxy.example.com', '::1,']],
  ];
  for (const [name, values] of wrong) {
    for (const value of values) {
      const env = { [name]: value, ...(name === 'SMTP_URL' && { MAIL_FROM: 'a@example.com' }) };
      t.same(settingsOf(mistakesOf(env)), [name], `${name}=${JSON.stringify(value)} is refused`);
    }
  }
});

t.test('DATABASE_URL', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'usher-test-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const noPem = join(folder, 'no.pem');
  await writeFile(noPem, 'not a certificate');
  const of = (rest: string) => `postgres://${rest}`;
  const query = (text: string) => of(`usher:hunter2@localhost/usher?${text}`);

  t.test('is refused if invalid: the message has a fix and does not quote the password', async (t) => {
    const wrong: [string, RegExp][] = [
      [of('usher:hun#ter2@localhost/usher'), /^has an unescaped #: write # as %23/],
      [of('usher:hun/ter2@localhost/usher'), /^has an unescaped \/ in its user or password: write \/ as %2F$/],
      [of('usher:hun?ter2@localhost/usher'), /^has an unescaped \? in its user or password: write \? as %3F$/],
      [of('usher:12?34@localhost/usher'), /^has an unescaped \?/],
      [of('usher:12/34@localhost/usher'), /^has an unescaped \//],
      [of('usher:hun@ter2@localhost/usher'), /^has an unescaped @ in its user or password: write @ as %40$/],
      [of('usher:hun%ter2@localhost/usher'), /^has a % that is not part of an escape: write % as %25$/],
      [of('usher:hun%FFter2@localhost/usher'), /^has escapes that are not UTF-8$/],
      [of('usher:hunter2@one,two/usher'), /^names several hosts; only one is supported/],
      [of('usher:hunter2@one:5432,two:5432/usher'), /^names several hosts/],
      [of('/usher?host=one,two'), /^names several hosts/],
      [
        of('usher:hunter2@localhost:70000/usher'),
        /^must be a URL such as postgres:\/\/user:password@host:5432\/database$/,
      ],
      [of('usher:hunter2@localhost:0/usher'), /^must have a port from 1 to 65535$/],
      [
        query('target_session_attrs=read-write'),
        /^has an unsupported parameter\. Remove it, or write & as %26 .* Supported: host, port, user, .*, uselibpqcompat$/,
      ],
      [of('usher@localhost/usher?password=hun&ter2@'), /^has an unsupported parameter\. (?!.*ter2)/],
      ...['abc', '0', '99999', '5432x', '-1', '0x10'].map((port): [string, RegExp] => [
        query(`port=${port}`),
        /^must have a port from 1 to 65535$/,
      ]),
      [of('usher:hunter2@localhost/%ff'), /^has escapes that are not UTF-8$/],
      [of('usher:hunter2@%ff/usher'), /^has escapes that are not UTF-8$/],
      [query('application_name=%ff'), /^has escapes that are not UTF-8$/],
      [query('sslmode=verify-full&sslmode=disable'), /^has the parameter "sslmode" more than once; keep one$/],
      [query('sslmode=disable&%73slmode=disable'), /^has the parameter "sslmode" more than once/],
      [query('sslmode=verify'), /^has an unknown sslmode: use verify-full, no-verify or disable$/],
      [query('sslmode='), /^has an unknown sslmode/],
      [
        query('sslmode=require'),
        /^has sslmode=require, which the driver does not treat as PostgreSQL does: use verify-full/,
      ],
      [query('sslmode=prefer'), /^has sslmode=prefer, which the driver does not treat/],
      [query('sslmode=verify-ca'), /^has sslmode=verify-ca, which the driver does not treat/],
      [query('sslmode=allow&uselibpqcompat=true'), /^has sslmode=allow, which is not supported: use verify-full$/],
      [
        query('sslmode=verify-ca&uselibpqcompat=true'),
        /^has sslmode=verify-ca, which is not supported without sslrootcert/,
      ],
      [query('ssl=false'), /^has the parameter "ssl": use sslmode/],
      [query('sslnegotiation=maybe'), /^has an unknown sslnegotiation/],
      [
        query('sslmode=verify-full&sslrootcert=/no/such/ca.pem'),
        /^has sslrootcert=\/no\/such\/ca\.pem, which cannot be read$/,
      ],
      [query('sslmode=verify-full&sslrootcert=system'), /^has sslrootcert=system, which cannot be read$/],
      [query(`sslmode=verify-full&sslrootcert=${noPem}`), /, which does not contain certificates in PEM$/],
      [query(`sslmode=verify-full&sslcert=${noPem}`), /^needs both sslcert and sslkey, or neither$/],
      [
        query(`sslmode=verify-full&sslcert=${noPem}&sslkey=${noPem}`),
        /^has sslcert=.+ does not contain a certificate in PEM$/,
      ],
      [query('sslmode=disable&sslrootcert=/ca.pem'), /^has sslmode=disable and TLS files/],
    ];
    for (const [url, sentence] of wrong) {
      const mistakes = mistakesOf({ DATABASE_URL: url });
      t.equal(mistakes.length, 1, url);
      const [name, ...words] = (mistakes[0] ?? '').split(' ');
      t.equal(name, 'DATABASE_URL');
      t.match(words.join(' '), sentence, url);
      t.notMatch(
        mistakes[0],
        /hun|ter2|12|34(?!2)/.exec(url) ? /hunter2|ter2@/ : /nothing/,
        'the message does not quote the password',
      );
    }
  });

  t.test('is accepted if valid', async (t) => {
    for (const url of [
      'postgres://localhost',
      'postgresql://usher@localhost/usher',
      of('usher:p%23%2F%3F%40%25@db.example.com:6432/usher'),
      of('usher:a,b@localhost/usher'),
      of('[::1]:5432/usher'),
      of('/usher?host=/var/run/postgresql&user=usher'),
      of('localhost/%C3%BCsher?port=5433'),
      query('options=-c%20search_path%3Dusher&application_name=usher@one'),
      query('sslmode=verify-full'),
      query('sslmode=no-verify'),
      query('sslmode=disable'),
      query('sslmode=require&uselibpqcompat=true'),
    ]) {
      t.same(mistakesOf({ DATABASE_URL: url }), [], url);
    }
  });

  t.test('and REDIS_URL require the same escapes', async (t) => {
    t.match(mistakesOf({ REDIS_URL: 'redis://:hun#ter2@localhost' }), [/^REDIS_URL has an unescaped #/]);
    t.match(mistakesOf({ REDIS_URL: 'redis://:hun/ter2@localhost' }), [/^REDIS_URL has an unescaped \//]);
  });

  t.test('must not be empty in production, like the other settings that say where data is stored', async (t) => {
    for (const name of ['DATABASE_URL', 'DATABASE_URL_FILE', 'DATA_DIR', 'REDIS_URL', 'REDIS_URL_FILE']) {
      const sentence = `${name} is empty; set a value or remove it`;
      t.same(mistakesOf({ ...production, [name]: '' }), [sentence]);
      t.same(mistakesOf({ ...production, [name]: ' ' }).slice(-1), [sentence]);
      t.same(mistakesOf({ [name]: '' }), [], 'in development an empty setting counts as not set');
    }
  });
});

t.test('the minimum and maximum values are accepted', async (t) => {
  const right: [string, string[]][] = [
    ['PORT', ['0', '65535']],
    ['SESSION_IDLE_TIMEOUT', ['900', '7776000']],
    ['SESSION_ABSOLUTE_TIMEOUT', ['900', '31536000']],
    ['PENDING_INVITES_MAX', ['0', '1', '10000000']],
    ['CORS_ORIGINS', ['http://localhost:5173', 'https://app.example.com:8443', 'http://[::1]:5173']],
    ['TRUST_PROXY', ['0', '99', '10.0.0.1', '2001:db8::/32', 'loopback, linklocal, uniquelocal']],
    ['REDIS_URL', ['redis://localhost', 'rediss://user:secret@redis.example.com:6380/2']],
  ];
  for (const [name, values] of right) {
    for (const value of values) t.same(mistakesOf({ [name]: value }), [], `${name}=${value}`);
  }
});

t.test('a link setting must contain {token} exactly once', async (t) => {
  for (const name of ['ACCEPT_URL', 'VERIFY_URL', 'RESET_URL', 'EMAIL_CHANGE_URL', 'OPT_OUT_URL', 'REPORT_URL']) {
    const wrong = [
      'https://app.example.com/invite',
      'https://app.example.com/invite#token={TOKEN}',
      'https://app.example.com/{token}#token={token}',
      'javascript:alert("{token}")',
      '{token}',
      '/invite#token={token}',
    ];
    for (const value of wrong) t.same(settingsOf(mistakesOf({ [name]: value })), [name], `${name}=${value}`);
    t.same(mistakesOf({ [name]: 'https://app.example.com/invite?from=mail#token={token}' }), []);
  }
});

t.test('signing keys', async (t) => {
  const other = JSON.parse(await generateSigningKeys()).keys[0] as Record<string, string>;
  const set = (...keys: unknown[]) => JSON.stringify({ keys });
  const { d, ...withoutPrivatePart } = key as Record<string, string>;

  t.test('the first key signs, all keys verify', async (t) => {
    const { signingKeys } = configOf({ SIGNING_KEYS: set(other, key) });
    t.equal(signingKeys?.current.kid, other.kid);
    t.same([...(signingKeys?.byKid.keys() ?? [])], [other.kid, key?.kid]);
  });

  t.test('can be in a file', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'usher-keys-'));
    t.teardown(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'keys.json'), keys);
    t.equal(configOf({ SIGNING_KEYS: join(folder, 'keys.json') }).signingKeys?.current.kid, key?.kid);
  });

  t.test('are never quoted in an error message', async (t) => {
    const wrong: Record<string, string> = {
      'cut short': keys.slice(0, -20),
      'only a public key': set(withoutPrivatePart),
      'no kid': set({ ...key, kid: undefined }),
      'an empty kid': set({ ...key, kid: '' }),
      'a kid that is a number': set({ ...key, kid: 1 }),
      'two keys with the same kid': set(key, { ...other, kid: key?.kid }),
      'another curve': set({ ...key, crv: 'X25519' }),
      'a secret for HMAC': set({ kty: 'oct', k: d, kid: 'a' }),
      'an invalid private part': set({ ...key, d: d?.slice(0, 10) }),
      'a private part that is a number': set({ ...key, d: 1 }),
      'a second key that is null': set(key, null),
      'a second key that is a string': set(key, d),
      'a bare key': JSON.stringify(key),
      'in shell quotes': `'${keys}'`,
    };
    for (const [what, text] of Object.entries(wrong)) {
      const mistakes = mistakesOf({ SIGNING_KEYS: text });
      t.same(settingsOf(mistakes), ['SIGNING_KEYS'], `${what} is refused`);
      for (const part of [d, key?.x, other.d].filter((it) => it !== undefined)) {
        t.notMatch(mistakes.join(), part.slice(0, 8), `${what}: the message contains no part of a key`);
      }
    }
  });
});

t.test('OIDC_ISSUERS must not contain this service', async (t) => {
  const itself = (issuer: string) => JSON.stringify([{ ...provider, issuer }]);
  for (const env of [
    { OIDC_ISSUERS: itself('http://localhost:3000') },
    { ISSUER: 'https://usher.example.com', OIDC_ISSUERS: itself('https://usher.example.com') },
    { ISSUER: 'https://usher.example.com/', OIDC_ISSUERS: itself('https://usher.example.com') },
  ]) {
    t.same(settingsOf(mistakesOf(env)), ['OIDC_ISSUERS'], env.OIDC_ISSUERS);
  }
});

t.test('OIDC_ISSUERS can name a file', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'usher-providers-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'providers.json'), `\n${providers}\n`);
  t.match(configOf({ OIDC_ISSUERS: join(folder, 'providers.json') }).identityProviders, [provider]);
});

t.test('an error message never contains a password from a URL', async (t) => {
  const mistakes = mistakesOf({
    DATABASE_URL: 'mysql://usher:hunter2-secret@db.example.com',
    REDIS_URL: 'http://:hunter2-secret@redis.example.com',
    OIDC_ISSUERS: JSON.stringify([{ ...provider, issuer: 'https://user:hunter2-secret@login.example.com' }]),
    CORS_ORIGINS: 'https://user:hunter2-secret@app.example.com',
    SMTP_URL: 'smtp://usher:hunter2-secret#50%@smtp.example.com',
    MAIL_FROM: 'a@example.com',
  });
  t.equal(mistakes.length, 5);
  t.notMatch(mistakes.join(), 'hunter2');
});

t.test('the configuration is frozen', async (t) => {
  const lists = { OIDC_ISSUERS: providers, CORS_ORIGINS: 'https://app.example.com', TRUST_PROXY: '::1' };
  const config = configOf({ ...production, ...lists }) as { port: number };
  t.throws(() => {
    config.port = 1;
  }, TypeError);
  t.ok(deeplyFrozen(config), 'deeply');
});

/** Checks plain objects and arrays only. */
function deeplyFrozen(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (![Object.prototype, Array.prototype].includes(Object.getPrototypeOf(value))) return true;
  return Object.isFrozen(value) && Object.values(value).every(deeplyFrozen);
}

t.test('every setting has a description and a default', async (t) => {
  for (const { name, about, default: ifUnset } of Object.values(settings)) {
    t.match(name, /^[A-Z_]+$/);
    t.ok(about.length > 10 && ifUnset.length > 2, `${name} is documented`);
  }
});

t.test('a secret setting can be read from a file (…_FILE)', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'usher-test-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const fileWith = async (name: string, text: string) => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };
  const url = await fileWith('url', 'postgres://usher:secret@localhost/usher\n');
  t.match(configOf({ DATABASE_URL_FILE: url }).database, {
    kind: 'postgres',
    url: 'postgres://usher:secret@localhost/usher',
  });
  const { SIGNING_KEYS, SENDGRID_API_KEY, ...others } = production;
  const files = {
    SIGNING_KEYS_FILE: await fileWith('keys', String(SIGNING_KEYS)),
    SENDGRID_API_KEY_FILE: await fileWith('key', `${SENDGRID_API_KEY}\n`),
  };
  const config = configOf({ ...others, ...files });
  t.match(config.mail, { kind: 'sendgrid', apiKey: SENDGRID_API_KEY }, 'also for required settings');
  t.ok(config.signingKeys);

  const both = mistakesOf({ DATABASE_URL: 'postgres://localhost/usher', DATABASE_URL_FILE: url });
  t.same(both, ['DATABASE_URL and DATABASE_URL_FILE are mutually exclusive; set one']);
  t.same(mistakesOf({ REDIS_URL_FILE: join(folder, 'none') }), [
    'REDIS_URL_FILE must be the path of a readable file that is not empty',
  ]);
  const empty = { DATABASE_URL_FILE: await fileWith('empty', '\n') };
  t.match(mistakesOf(empty), [/^DATABASE_URL_FILE must/], 'the default database is not used instead');
  const wrong = await fileWith('wrong', 'mysql://user:secret@localhost');
  const [mistake] = mistakesOf({ DATABASE_URL_FILE: wrong });
  t.match(mistake, /^DATABASE_URL must be a URL/);
  t.notMatch(mistake, 'secret');
  t.match(configOf({ PORT_FILE: url }), { port: 3000 }, 'other settings cannot be read from a file');
});
