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

/** What needs something that a test has not, or is run elsewhere; each with how it is proven. */
const notHere: [RegExp, string][] = [
  [/^docker /, 'there is no Docker engine here: .ci/container builds and runs the image'],
  [/^npm (ci|cit)/, '.ci/run begins with them'],
  [/^npm run demo/, 'test/readme.test.ts walks it'],
];

/** What the blocks of settings, as JSON, are read by. */
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

t.test('settings that pages show are ones that the service takes', async (t) => {
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

t.test('the code of every page does what the page says', { skip: needsPostgres('once is enough') }, async (t) => {
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
        'every block is of a kind that is run',
      );
      const commands = blocks.filter(
        ({ language, content }) => language === 'sh' && !notHere.some(([it]) => it.test(content)),
      );
      const modules = blocks.filter((it) => it.language === 'ts');
      if (commands.length + modules.length === 0) return;
      const world = await worldOf(t, service, base);
      const folder = await folderFor(t, blocks, base, modules);
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
});

/** An account with people in it, and the names that pages call them by. */
async function worldOf(t: Test, service: Awaited<ReturnType<typeof startService>>, base: string) {
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
  // Whom an operator keeps out, by the address that the page names.
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

/** A folder with what the blocks of a page ask for: files that it shows, and a package for its TypeScript. */
async function folderFor(t: Test, blocks: Block[], base: string, modules: Block[]): Promise<string> {
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
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), atHome(text, base));
  return folder;
}

/** Pages name the service where it is when it was just started, or where it may be in production. */
const atHome = (text: string, base: string) =>
  text.replaceAll(/http:\/\/localhost:3000|https:\/\/usher\.example\.com(?=[/'"])/g, base);

interface Run {
  commands: Block[];
  modules: Block[];
  base: string;
  env: Record<string, string>;
}

/** Runs the commands in order, and then the module. @returns what each block printed. @throws where one of them failed. */
async function runAll(folder: string, { commands, modules, base, env }: Run): Promise<string[]> {
  const lines = commands.map(({ content }) => `${atHome(content, base)}\necho '${separator}'`);
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
