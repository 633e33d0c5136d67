import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { limitsTable, settingsTable } from '../src/cli/docs-tables.ts';
import { readConfig } from '../src/config/config.ts';
import { walk } from '../src/demo/story.ts';
import { serviceWords } from '../src/users/passwords/policy.ts';
import { blocksOf, patternOf, withoutSpace } from './support/blocks.ts';
import { root } from './support/root.ts';
import { startService } from './support/service.ts';

const read = (file: string) => readFileSync(join(root, file), 'utf8');
const readme = read('README.md');
const frontPages = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md'];
const part = (text: string, start: string, end: string) =>
  text.slice(text.indexOf(start) + start.length, text.indexOf(end));
const between = (start: string, end: string) => part(readme, start, end);

t.test('the README', async (t) => {
  t.test('leads to a page that names every setting that production asks for', async (t) => {
    const { mistakes } = readConfig({ NODE_ENV: 'production', SENDGRID_API_KEY: 'a key' }) as { mistakes: string[] };
    const required = [...mistakes.map((it) => it.split(' ', 1)[0]), 'SMTP_URL', 'SENDGRID_API_KEY'];
    const cells = part(read('docs/operators.md'), '## In production\n', '## On Postgres').matchAll(
      /^\| (`\w+`(?: or `\w+`)?) +\|/gm,
    );
    t.same([...cells].flatMap((it) => it[1]?.match(/\w{3,}/g)).sort(), required.sort());
  });

  t.test('names only commands that exist', async (t) => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    for (const file of frontPages) {
      const named = [...read(file).matchAll(/npm run (?:--silent )?([\w:-]+)/g)].map((it) => it[1] as string);
      t.ok(named.length > 0, `${file} names commands`);
      t.same(
        named.filter((it) => !(it in scripts)),
        [],
        `${file} names no missing command`,
      );
    }
  });

  t.test('names only files that exist', async (t) => {
    for (const file of frontPages) {
      for (const [, link] of read(file).matchAll(/\]\((?!https?:|#)([^)#]+)\)/g)) {
        t.doesNotThrow(() => read(link as string), `${file}: ${link}`);
      }
    }
  });
});

t.test('ARCHITECTURE.md names each rule’s home as it is', async (t) => {
  const rows = part(read('ARCHITECTURE.md'), '## Where each rule lives', '## Locks').matchAll(
    /^\| [^|]+ \| (.+) \|$/gm,
  );
  const homes = [...rows].map((it) => [...(it[1] ?? '').matchAll(/`([^`]+)`/g)].map((name) => name[1] as string));
  t.ok(homes.length > 40);
  for (const [file = '', ...names] of homes.filter((it) => it.length > 0)) {
    const text = read(`src/${file}`);
    for (const name of names) t.match(text, new RegExp(`\\b${name}\\b`), `${file} has ${name}`);
  }
});

t.test('docs/settings.md shows every setting as the code documents it', async (t) => {
  const shown = part(read('docs/settings.md'), '<!-- settings -->', '<!-- /settings -->');
  t.same(cellsOf(shown), cellsOf(settingsTable()));
});

t.test('docs/security.md', async (t) => {
  const security = read('docs/security.md');

  t.test('has the same limits table as the code', async (t) => {
    t.same(cellsOf(part(security, '<!-- limits -->', '<!-- /limits -->')), cellsOf(limitsTable()));
  });

  t.test('names the words that don’t count in a password', async (t) => {
    const [, named = ''] = /of the service itself \(([^)]+)\)/.exec(security) ?? [];
    t.same(named.split(/,\s+/), [...serviceWords]);
  });

  t.test('names every event of the audit log', async (t) => {
    const events = [...read('src/telemetry/security-events.ts').matchAll(/^ {2}\| '(\w+)'/gm)].map(
      (it) => it[1] as string,
    );
    t.ok(events.length > 10);
    for (const event of events) t.match(security, `\`${event}\``);
  });
});

t.test('The walk', async (t) => {
  const { base, stop } = await listen(t);

  const stories = {
    'README.md': between('## The story in six calls', '## Where to go next'),
    'docs/walkthrough.md': read('docs/walkthrough.md'),
  };
  for (const [page, text] of Object.entries(stories)) {
    await t.test(`works by curl as ${page} shows it, each answer as shown`, { skip: missingTools() }, async (t) => {
      const blocks = blocksOf(text);
      const script = blocks.map(({ content }) => `${content}\necho "${separator}"\n`).join('');
      const answers = (await runInBash(script.replaceAll('http://localhost:3000', base))).split(separator);
      t.ok(blocks.length >= 5, 'there are blocks');
      for (const [i, { content, shown }] of blocks.entries()) {
        t.match(withoutSpace(answers[i] ?? ''), patternOf(shown), `answers ${content.trim().split('\n').at(-1)}`);
      }
    });
  }

  await t.test('works with npm run demo, several times on one database', async (t) => {
    for (const _ of ['once', 'again']) {
      let output = '';
      const steps = await walk(base, (text) => {
        output += text;
      });
      t.ok(steps >= 20, 'all steps');
      t.equal(output.match(/^\d+\. /gm)?.length, steps, 'each step has a sentence');
      t.equal(output.match(/ → \d{3}/g)?.length, steps, 'each step has an answer');
      t.notMatch(output, /eyJ[\w-]{20,}/, 'tokens are shortened');
      t.notMatch(output, /likes long passwords/, 'passwords are shortened');
    }
  });
  await stop();
});

t.test('The demo stops with an error', async (t) => {
  const fake = async (t: Test, answer: (path: string) => [number, unknown]) => {
    const server = createServer((request, response) => {
      const [status, body] = answer(request.url ?? '');
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const close = () => void server.close().closeAllConnections();
    t.teardown(close);
    return { base: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
  };

  t.test('if no service answers, and says how to start one', async (t) => {
    const { base, close } = await fake(t, () => [200, {}]);
    close();
    await t.rejects(
      walk(base, () => {}),
      { message: /Usher does not answer at .*\n.*npm start/ },
    );
  });

  t.test('if there is no mailbox, and says why', async (t) => {
    const { base } = await fake(t, (path) => [path === '/readyz' ? 200 : 404, {}]);
    await t.rejects(
      walk(base, () => {}),
      { message: /there is no mailbox.*\n.*SENDGRID_API_KEY/ },
    );
  });

  t.test('if an answer has an unexpected status', async (t) => {
    const { base } = await fake(t, (path) => [path === '/v1/auth/register' ? 500 : 200, {}]);
    await t.rejects(
      walk(base, () => {}),
      { message: /^Step 1: expected 202\nbut got 500/ },
    );
  });

  t.test('if an answer has an unexpected body', async (t) => {
    const token = ['header', 'claims', 'signature'].map((it) => it.padEnd(20, 'x')).join('.');
    const mail = { subject: 'Verify your e-mail address', text: `http://localhost/#token=${token}` };
    const { base } = await fake(t, (path) => {
      if (path === '/v1/auth/register') return [202, {}];
      if (path === '/v1/auth/verify-email') return [201, { user: { name: 'Somebody Else' } }];
      return [200, { items: [mail] }];
    });
    await t.rejects(
      walk(base, () => {}),
      { message: /^Step 3: expected 201 with .*Olivia/s },
    );
  });
});

/** The service on a socket, with its mail worker. */
async function listen(t: Test) {
  const { app, worker } = await startService(t);
  const base = await app.listen({ host: '127.0.0.1', port: 0 });
  worker.start();
  const nudge = setInterval(() => worker.wake(), 100);
  const stop = () => {
    clearInterval(nudge);
    return worker.stop();
  };
  return { base, stop };
}

/** The cells of a table, without padding. */
function cellsOf(table: string): string[][] {
  const rows = table.trim().split('\n');
  return rows.map((row) => row.split('|').map((cell) => cell.trim().replace(/^-+$/, '---')));
}

const separator = '--- next ---';

async function runInBash(script: string): Promise<string> {
  const bash = spawn('bash', ['-c', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH, no_proxy: '*' },
  });
  let printed = '';
  bash.stdout.setEncoding('utf8').on('data', (text) => {
    printed += text;
  });
  await once(bash, 'close');
  return printed;
}

/** A reason to skip the walk with curl, if curl or bash is missing. */
function missingTools(): string | false {
  const missing = ['bash', 'curl'].filter((it) => spawnSync(it, ['--version']).status !== 0);
  return missing.length > 0 && `no ${missing.join(' and no ')} here`;
}
