import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { type Config, readConfig, settings } from '../src/config.ts';
import { generateSigningKeys } from '../src/tokens/keys.ts';

type Env = Record<string, string | undefined>;

const keys = await generateSigningKeys();
const [key] = JSON.parse(keys).keys as Record<string, string>[];

const production: Env = {
  NODE_ENV: 'production',
  ISSUER: 'https://usher.example.com',
  SIGNING_KEYS: keys,
  ACCEPT_URL: 'https://app.example.com/invite#token={token}',
  VERIFY_URL: 'https://app.example.com/verify#token={token}',
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

const settingsOf = (mistakes: string[]) => mistakes.map((it) => it.split(' ')[0]).sort();

t.test('the defaults serve a first start with nothing configured', async (t) => {
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
    mail: { kind: 'mailbox', from: { email: 'usher@example.com' } },
    logLevel: 'info',
  });
  t.match(configOf({ PORT: '' }), { port: 3000 }, 'an empty setting is one that is not set');
});

t.test('the links of the development mailbox lead to the port that is listened on', async (t) => {
  const config = configOf({ PORT: '4100' });
  t.equal(config.acceptUrl, 'http://localhost:4100/dev/invite#token={token}');
  t.equal(config.verifyUrl, 'http://localhost:4100/dev/verify-email#token={token}');
});

t.test('every setting is taken from its variable', async (t) => {
  const config = configOf({
    ...production,
    PORT: '8080',
    DATABASE_URL: 'postgres://usher@db.example.com/usher',
    DATA_DIR: '/var/lib/usher',
    SENDGRID_BASE_URL: 'http://127.0.0.1:9/',
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
    mail: {
      kind: 'sendgrid',
      from: { name: 'Example Hosting', email: 'hello@example.com' },
      apiKey: 'SG.not-a-real-key',
      baseUrl: 'http://127.0.0.1:9',
    },
    logLevel: 'warn',
  });
  t.equal(config.signingKeys?.current.kid, key?.kid);
  t.equal(configOf({ ...production, HOST: '::1' }).host, '::1');
  t.equal(
    configOf({ ISSUER: 'https://usher.example.com/' }).issuer,
    'https://usher.example.com',
    'no slash at the end',
  );
});

t.test('a wrong configuration is answered with every mistake at once, each by the name of its setting', async (t) => {
  const mistakes = mistakesOf({
    PORT: 'three thousand',
    DATABASE_URL: 'mysql://db.example.com/usher',
    ISSUER: 'usher.example.com',
    SIGNING_KEYS: '{}',
    ACCEPT_URL: 'https://app.example.com/invite',
    VERIFY_URL: 'app.example.com/{token}',
    MAIL_FROM: 'nobody',
    SENDGRID_BASE_URL: 'ftp://sendgrid.example.com',
    LOG_LEVEL: 'loud',
  });
  t.same(settingsOf(mistakes), [
    'ACCEPT_URL',
    'DATABASE_URL',
    'ISSUER',
    'LOG_LEVEL',
    'MAIL_FROM',
    'PORT',
    'SENDGRID_BASE_URL',
    'SIGNING_KEYS',
    'VERIFY_URL',
  ]);
  for (const mistake of mistakes) t.match(mistake, /^[A-Z_]+ .{10,}/, `says what is wrong: ${mistake}`);
});

t.test('production asks for everything that must not be guessed, and all of it at once', async (t) => {
  const required = ['ACCEPT_URL', 'ISSUER', 'SENDGRID_API_KEY', 'SIGNING_KEYS', 'VERIFY_URL'];
  t.same(settingsOf(mistakesOf({ NODE_ENV: 'production' })), required);
  t.same(mistakesOf(production), []);
  for (const name of required) {
    t.same(settingsOf(mistakesOf({ ...production, [name]: undefined })), [name], `without ${name}`);
    t.same(settingsOf(mistakesOf({ ...production, [name]: '' })), [name], `with an empty ${name}`);
  }
  t.same(
    settingsOf(mistakesOf({ NODE_ENV: 'production', PORT: 'x' })),
    [...required, 'PORT'].sort(),
    'what is missing and what is wrong are listed together',
  );
});

t.test('a sender is asked for wherever mail really leaves', async (t) => {
  t.same(settingsOf(mistakesOf({ ...production, MAIL_FROM: undefined })), ['MAIL_FROM']);
  t.same(settingsOf(mistakesOf({ SENDGRID_API_KEY: 'SG.x' })), ['MAIL_FROM']);
});

t.test('a wrong value', async (t) => {
  const wrong: [string, string[]][] = [
    ['NODE_ENV', ['Production', 'prod', 'staging']],
    ['PORT', ['-1', '65536', '3000.5', '0x10', '1e3', ' 3000', 'abc']],
    ['DATABASE_URL', ['db.example.com', 'http://db.example.com', 'postgres']],
    ['ISSUER', ['usher', 'ftp://usher.example.com', '//usher.example.com']],
    ['LOG_LEVEL', ['INFO', 'verbose', 'info,debug']],
    ['MAIL_FROM', ['nobody', 'A <b>', 'A <a@example.com', 'A <a@example.com>\r\nBcc: b@example.com', 'a@localhost']],
    ['SENDGRID_BASE_URL', ['sendgrid', 'file:///etc/passwd']],
    ['SIGNING_KEYS', ['/no/such/file', '[]', '{"keys":[]}', '{"keys":{}}', '{not json']],
  ];
  for (const [name, values] of wrong) {
    for (const value of values) {
      t.same(settingsOf(mistakesOf({ [name]: value })), [name], `${name}=${JSON.stringify(value)} is refused`);
    }
  }
});

t.test('a link holds {token} exactly once', async (t) => {
  for (const name of ['ACCEPT_URL', 'VERIFY_URL']) {
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

  t.test('the first signs and all verify', async (t) => {
    const { signingKeys } = configOf({ SIGNING_KEYS: set(other, key) });
    t.equal(signingKeys?.current.kid, other.kid);
    t.same([...(signingKeys?.byKid.keys() ?? [])], [other.kid, key?.kid]);
  });

  t.test('may stand in a file', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'usher-keys-'));
    t.teardown(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'keys.json'), keys);
    t.equal(configOf({ SIGNING_KEYS: join(folder, 'keys.json') }).signingKeys?.current.kid, key?.kid);
  });

  t.test('no mistake in them is answered with a part of a key', async (t) => {
    const wrong: Record<string, string> = {
      'cut short': keys.slice(0, -20),
      'a public key alone': set(withoutPrivatePart),
      'no kid': set({ ...key, kid: undefined }),
      'an empty kid': set({ ...key, kid: '' }),
      'a kid that is a number': set({ ...key, kid: 1 }),
      'two of one kid': set(key, { ...other, kid: key?.kid }),
      'another curve': set({ ...key, crv: 'X25519' }),
      'a secret for HMAC': set({ kty: 'oct', k: d, kid: 'a' }),
      'a private part that is none': set({ ...key, d: d?.slice(0, 10) }),
      'a private part that is a number': set({ ...key, d: 1 }),
      'a second that is null': set(key, null),
      'a second that is text': set(key, d),
      'a bare key': JSON.stringify(key),
      'as it came from a shell': `'${keys}'`,
    };
    for (const [what, text] of Object.entries(wrong)) {
      const mistakes = mistakesOf({ SIGNING_KEYS: text });
      t.same(settingsOf(mistakes), ['SIGNING_KEYS'], `${what} is refused`);
      for (const part of [d, key?.x, other.d].filter((it) => it !== undefined)) {
        t.notMatch(mistakes.join(), part.slice(0, 8), `${what}: no part of it is said`);
      }
    }
  });
});

t.test('a configuration is frozen', async (t) => {
  const config = configOf(production) as { port: number };
  t.throws(() => {
    config.port = 1;
  }, TypeError);
  t.ok(deeplyFrozen(config), 'with all that is in it');
});

/** Plain objects only: key objects and maps guard themselves. */
function deeplyFrozen(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return true;
  return Object.isFrozen(value) && Object.values(value).every(deeplyFrozen);
}

t.test('every setting says what it is about and what holds without it', async (t) => {
  for (const { name, about, otherwise } of Object.values(settings)) {
    t.match(name, /^[A-Z_]+$/);
    t.ok(about.length > 10 && otherwise.length > 2, `${name} is explained`);
  }
});
