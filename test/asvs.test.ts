import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { count } from 'drizzle-orm';
import t from 'tap';
import { users } from '../src/database/schema.ts';
import { root } from './support/root.ts';
import { startService } from './support/service.ts';

const read = (file: string) => readFileSync(join(root, file), 'utf8');

/** The requirements of levels 1 and 2 in V6, V7, V8, V9 and V16 of ASVS 5.0.0, by section. */
const required: Record<string, number[]> = {
  '6.1': [1, 2, 3],
  '6.2': [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
  '6.3': [1, 2, 3, 4],
  '6.4': [1, 2, 3, 4],
  '6.5': [1, 2, 3, 4, 5],
  '6.6': [1, 2, 3],
  '6.8': [1, 2, 3, 4],
  '7.1': [1, 2, 3],
  '7.2': [1, 2, 3, 4],
  '7.3': [1, 2],
  '7.4': [1, 2, 3, 4, 5],
  '7.5': [1, 2],
  '7.6': [1, 2],
  '8.1': [1, 2],
  '8.2': [1, 2, 3],
  '8.3': [1],
  '8.4': [1],
  '9.1': [1, 2, 3],
  '9.2': [1, 2, 3, 4],
  '16.1': [1],
  '16.2': [1, 2, 3, 4, 5],
  '16.3': [1, 2, 3, 4],
  '16.4': [1, 2, 3],
  '16.5': [1, 2, 3],
};

interface Row {
  requirement: string;
  level: string;
  how: string;
  shown: string;
}

const rows: Row[] = [...read('docs/asvs.md').matchAll(/^\| (\d+\.\d+\.\d+) .*$/gm)].map(([line, requirement = '']) => {
  const [, , level = '', how = '', shown = ''] = line.split('|').map((it) => it.trim());
  return { requirement, level, how, shown };
});

t.test('docs/asvs.md', async (t) => {
  t.test('lists each requirement of levels 1 and 2 once', async (t) => {
    const expected = Object.entries(required).flatMap(([section, numbers]) => numbers.map((it) => `${section}.${it}`));
    const listed = rows.filter((it) => it.level !== '3').map((it) => it.requirement);
    t.same([...listed].sort(), expected.sort());
    t.equal(new Set(rows.map((it) => it.requirement)).size, rows.length);
  });

  t.test('says how each requirement is met, and names an existing test or a reason', async (t) => {
    for (const { requirement, how, shown } of rows) {
      t.ok(how.length > 0, requirement);
      const named = [...shown.matchAll(/`(test\/[\w/-]+\.test\.ts)`: “([^”]+)”/g)];
      t.ok(named.length > 0 || shown.startsWith('Reason: '), `${requirement}: ${shown}`);
      for (const [, file = '', title = ''] of named) {
        const titles = [...read(file).matchAll(/\.test\(\s*(?:'((?:[^'\\]|\\.)*)'|`([^`]*)`)/g)].map(
          (it) => it[1] ?? it[2],
        );
        t.ok(titles.includes(title), `${requirement}: ${file} has “${title}”`);
      }
    }
  });
});

t.test('docs/security.md lists every public route that authenticates a user', async (t) => {
  const ways = read('docs/security.md').split('## Passwords')[0] as string;
  const { paths } = JSON.parse(read('openapi/openapi.json')) as { paths: Record<string, Record<string, Operation>> };
  const opening = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations)
      .filter(([, it]) => /schemas\/(Session|AcceptedInvite)"/.test(JSON.stringify(it.responses)))
      .filter(([, it]) => it.security?.every((way) => 'bearerAuth' in way) !== true || it.security.length === 0)
      .map(([method]) => `${method.toUpperCase()} ${path}`),
  );
  t.ok(opening.length >= 5, opening.join(', '));
  for (const way of opening) t.match(ways, `\`${way}\``, way);
});

interface Operation {
  responses: unknown;
  security?: Record<string, string[]>[];
}

t.test('A new database has no users and no default login', async (t) => {
  const { call, db } = await startService(t);
  t.match(await db.select({ users: count() }).from(users), [{ users: 0 }]);
  for (const email of ['admin@example.com', 'root@localhost.localdomain', 'usher@example.com']) {
    const { code } = await call('POST', '/v1/auth/login', { body: { email, password: 'password' } });
    t.equal(code, 'wrong-credentials', email);
  }
});
