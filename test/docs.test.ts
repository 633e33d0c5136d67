import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { readConfig } from '../src/config/config.ts';
import { parseSendgridTemplates } from '../src/mail/sendgrid-templates.ts';
import { parseIdentityProviders } from '../src/tokens/identity-provider.ts';
import { generateSigningKeys } from '../src/tokens/keys.ts';
import { type Block, blocksOf, patternOf, withoutSpace } from './support/blocks.ts';
import { buildOnce } from './support/process.ts';
import { root } from './support/root.ts';
import { needsPostgres, startService } from './support/service.ts';

t.setTimeout(240_000);

const read = (file: string) => readFileSync(join(root, file), 'utf8');
const separator = '--- next ---';

/** Commands that this test does not run, with where they are tested. */
const excluded: [RegExp, string][] = [
  [/^docker /, '.ci/container builds and runs the image'],
  [/^npm (ci|cit)/, '.ci/run starts with it'],
  [/^npm run demo/, 'test/readme.test.ts runs it'],
];

/** The parsers of JSON settings in pages. */
const readers: Record<string, (text: string) => unknown> = {
  'docs/mail.md': parseSendgridTemplates,
  'docs/security.md': parseIdentityProviders,
};

/** The settings that docs/operators.md names for production. */
const production = (): Record<string, string> =>
  Object.fromEntries(
    [...read('docs/operators.md').matchAll(/^\| `(\w+)` +\| `(\w[^`]*)` +\|/gm)].map(([, name, value]) => [
      name,
      value,
    ]),
  );

const pages = {
  'docs/frontend.md': read('docs/frontend.md'),
  'docs/integrators.md': read('docs/integrators.md'),
  'docs/operators.md': read('docs/operators.md'),
  'docs/permissions.md': read('docs/permissions.md'),
  'docs/mail.md': read('docs/mail.md'),
  'docs/security.md': read('docs/security.md'),
  'docs/api.md': read('docs/api.md'),
  'docs/settings.md': read('docs/settings.md'),
  // test/readme.test.ts runs the stories of README.md and docs/walkthrough.md.
};

t.test('The settings shown in docs are valid', async (t) => {
  for (const [page, text] of Object.entries(pages)) {
    for (const { language, content } of blocksOf(text)) {
      if (language === 'json') t.ok(readers[page]?.(content), `${page}: ${content.slice(0, 40)}`);
      if (language !== 'ini') continue;
      const lines = content
        .trim()
        .split('\n')
        .map((it) => it.split(/=(.*)/s).slice(0, 2));
      t.notOk('mistakes' in readConfig(Object.fromEntries(lines)), `${page}: ${content}`);
    }
  }
});

t.test(
  'The code in docs works and prints what is shown',
  { skip: needsPostgres('the same on both databases') },
  async (t) => {
    await buildOnce();
    const port = await freePort();
    const base = `http://127.0.0.1:${port}`;
    const service = await startService(t, { env: { ISSUER: base, TOKEN_AUDIENCES: 'https://billing.example.com' } });
    await service.app.listen({ host: '127.0.0.1', port });
    service.worker.start();
    t.teardown(() => service.worker.stop());
    const known = new Set(['sh', 'ts', 'json', 'text', 'ini', 'csv']);

    for (const [page, text] of Object.entries(pages)) {
      await t.test(page, async (t) => {
        const blocks = blocksOf(text);
        t.same(
          blocks.filter((it) => !known.has(it.language)).map((it) => it.language),
          [],
          'every block has a known language',
        );
        const commands = blocks.filter(
          ({ language, content }) => language === 'sh' && !excluded.some(([it]) => it.test(content)),
        );
        const modules = blocks.filter((it) => it.language === 'ts');
        if (commands.length + modules.length === 0) return;
        const world = await createWorld(t, service, base);
        const folder = await createFolder(t, blocks, base, modules);
        const printed = await runAll(folder, {
          commands,
          modules,
          base,
          env: { ...world, START_PORT: String(await freePort()) },
        });
        for (const [i, { content, shown }] of [...commands, ...modules].entries()) {
          if (shown === '') continue;
          t.match(withoutSpace(printed[i] ?? ''), patternOf(shown), content.trim().split('\n').at(-1) as string);
        }
      });
    }
  },
);

/** Creates an account with users, and the environment variables that the pages use for them. */
async function createWorld(t: Test, service: Awaited<ReturnType<typeof startService>>, base: string) {
  const { newAccount, newMember, newAccountKey, newPlatformKey, invite, tokenFor, choice, db } = service;
  const account = await newAccount();
  const member = await newMember(account, { permissions: ['invoices:read'] });
  const email = `invitee-${Date.now()}@example.com`;
  await invite(account, account.owner, email, { permissions: ['invoices:read'] });
  if (choice.kind !== 'postgres') throw new Error('not on Postgres');
  // The role that docs/operators.md creates belongs to the whole server, and is dropped after the
  // databases that it has rights in.
  t.teardown(() =>
    db.execute(`do $$ begin
      if exists (select from pg_roles where rolname = 'usher_app') then drop owned by usher_app; drop role usher_app; end if;
    end $$`),
  );
  t.teardown(() => db.execute(`drop database if exists usher_restored with (force)`));
  // The user whom the page disables.
  await db.execute(`update users set email = 'adam@example.com' where id = (select user_id from memberships order by created_at desc limit 1)
    and not exists (select from users where email = 'adam@example.com')`);
  return {
    ...production(),
    NODE_ENV: 'production',
    DATABASE_URL: choice.url,
    SENDGRID_API_KEY: 'SG.key',
    SIGNING_KEYS: 'signing-keys.json',
    USHER: base,
    ACCOUNT: account.id,
    WHO: member.id,
    EMAIL: member.email,
    KEY: await newAccountKey(account, account.owner, '*'),
    PLATFORM_KEY: await newPlatformKey('*'),
    OWNER_TOKEN: account.owner.token,
    INVITE_TOKEN: await tokenFor(email, 'invite'),
  };
}

/** Creates a folder with the files that a page needs, and a package for its TypeScript. */
async function createFolder(t: Test, blocks: Block[], base: string, modules: Block[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'usher-docs-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, 'our-mails'));
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  await symlink(join(root, 'openapi/openapi.json'), join(folder, 'openapi.json'));
  const files = {
    'package.json': JSON.stringify({ type: 'module' }),
    'tsconfig.json': JSON.stringify({
      compilerOptions: {
        strict: true,
        target: 'es2023',
        module: 'nodenext',
        skipLibCheck: true,
        types: ['node'],
        lib: ['es2023', 'dom'],
      },
      files: ['page.ts'],
    }),
    'signing-keys.json': await generateSigningKeys(),
    'people.csv': blocks.find((it) => it.language === 'csv')?.content ?? '',
    'surroundings.ts': `globalThis.location = { hash: '#token=' + process.env.INVITE_TOKEN } as Location;\n`,
    'page.ts': `import './surroundings.js';\n${modules.map(({ content }) => `${content}\nconsole.log('${separator}');\n`).join('')}`,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), withTestUrl(text, base));
  return folder;
}

/** Replaces the service URLs of pages, for development and production, with the test's. */
const withTestUrl = (text: string, base: string) =>
  text.replaceAll(/http:\/\/localhost:3000|https:\/\/usher\.example\.com(?=[/'"])/g, base);

interface Run {
  commands: Block[];
  modules: Block[];
  base: string;
  env: Record<string, string>;
}

/**
 * Runs the commands in order, and then the module.
 * @returns the output of each block.
 * @throws if one fails.
 */
async function runAll(folder: string, { commands, modules, base, env }: Run): Promise<string[]> {
  const lines = commands.map(({ content }) => `${withTestUrl(content, base)}\necho '${separator}'`);
  if (modules.length > 0) {
    lines.push(`node "$ROOT/node_modules/typescript7/bin/tsc" -p . >&2`, 'node page.js');
  }
  const session = join(root, 'test/support/docs-session.sh');
  const script = [`source ${session}`, ...lines].join('\n');
  const surroundings = {
    PATH: process.env.PATH ?? '',
    HOME: process.env.HOME ?? '',
    ROOT: root,
    no_proxy: '*',
  };
  return new Promise((done, failed) => {
    execFile(
      'env',
      ['-u', 'NODE_OPTIONS', 'bash', '-c', script],
      { cwd: folder, env: { ...surroundings, ...env } },
      (error, stdout, stderr) =>
        error
          ? failed(new Error(`${stderr.slice(-2000)}${stdout.slice(-2000)}`))
          : done(stdout.split(`${separator}\n`)),
    );
  });
}

function freePort(): Promise<number> {
  return new Promise((found) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => found(port));
    });
  });
}
