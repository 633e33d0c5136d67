import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import t from 'tap';
import ts from 'typescript';
import { root } from './support/root.ts';

const sourceFolder = join(root, 'src');

interface Import {
  /** A path below `src` for our files, else a package name. */
  target: string;
  isOurs: boolean;
  /** Whether only types are imported. */
  isType: boolean;
}

interface Source {
  /** Below `src`. */
  path: string;
  text: string;
  imports: Import[];
}

const sources: Source[] = readdirSync(sourceFolder, { recursive: true, encoding: 'utf8' })
  .filter((it) => it.endsWith('.ts'))
  .map((path) => {
    const text = readFileSync(join(sourceFolder, path), 'utf8');
    return { path, text, imports: importsOf(path, text) };
  });

/** The folders of the product's features. */
const features = [
  'users',
  'accounts',
  'access/catalogue',
  'access/roles',
  'memberships',
  'access/grants',
  'access/resources',
  'access/api-keys',
  'invites',
  'ownership',
  'access/checks',
  'access/authzen',
  'platform',
];

const named = (pattern: RegExp) => sources.filter((it) => pattern.test(it.path));
const routes = named(/\/([\w-]+-)?routes\.ts$/);
const schemas = named(/\/schemas\.ts$/);
const stores = named(/\/([a-z-]+-)?store\.ts$/);
/** Rules that are written in TypeScript and in SQL. */
const twins = named(/\/([a-z-]+-)?status\.ts$/);
/** Verbs, rules and what they share: the other files of a feature. */
const verbsAndRules = named(new RegExp(`^(${features.join('|')})/`)).filter(
  (it) => ![...routes, ...schemas, ...stores, ...twins].includes(it),
);

const isFastify = ({ target }: Import) => /^(@?fastify)(\/|$)/.test(target);
const isDrizzle = ({ target }: Import) => /^(drizzle-orm|pg|@electric-sql\/pglite)(\/|$)/.test(target);
const isTables = ({ target }: Import) => target === 'database/schema.ts';

/** The forbidden imports of some files, one line each. */
const offending = (files: Source[], isForbidden: (it: Import) => boolean) =>
  files.flatMap(({ path, imports }) => imports.filter(isForbidden).map(({ target }) => `${path} imports ${target}`));

t.test('The files that the rules cover exist', async (t) => {
  t.ok(sources.length >= 80, `${sources.length} files`);
  for (const feature of features) {
    t.ok(
      routes.some((it) => it.path.startsWith(`${feature}/`)),
      `${feature} has routes`,
    );
    t.ok(
      schemas.some((it) => it.path.startsWith(`${feature}/`)),
      `${feature} has schemas`,
    );
  }
  t.ok(stores.length >= 5, `${stores.length} stores`);
  t.ok(verbsAndRules.length >= 25, `${verbsAndRules.length} verbs and rules`);
  t.ok(routes.length >= 8, `${routes.length} files of routes`);
});

t.test('Routes use no SQL and no tables', async (t) => {
  t.same(
    offending(routes, (it) => isDrizzle(it) || isTables(it)),
    [],
  );
});

t.test('Schemas import only schemas, types and value lists', async (t) => {
  // They import nothing that runs with a framework or a database.
  const leaves = ['http/paging.ts', 'ids/ids.ts', 'text/characters.ts', 'database/tables/enums.ts'];
  const ofRooms = schemas.filter((it) => it.path !== 'schemas.ts');
  const isAllowed = ({ target, isOurs, isType }: Import) =>
    isOurs ? /(^|\/)schemas\.ts$/.test(target) || leaves.includes(target) || isType : target === 'typebox';
  t.same(
    offending(ofRooms, (it) => !isAllowed(it)),
    [],
  );
});

t.test('Verbs and rules use neither the HTTP framework nor SQL', async (t) => {
  t.same(
    offending(verbsAndRules, (it) => isFastify(it) || isDrizzle(it) || isTables(it)),
    [],
  );
  t.same(
    offending(verbsAndRules, (it) => it.target.startsWith('http/')),
    [],
    'no HTTP helpers either',
  );
});

t.test('Rules use no store', async (t) => {
  t.same(
    offending(named(/\/rules\.ts$/), (it) => it.target.endsWith('store.ts') || it.target.startsWith('database/')),
    [],
  );
});

t.test('Rules in SQL and TypeScript run no statements', async (t) => {
  t.ok(twins.length > 0);
  t.same(
    offending(twins, ({ target }) => target.endsWith('store.ts') || target === 'database/database.ts'),
    [],
  );
});

t.test('Stores do not use HTTP', async (t) => {
  t.same(
    offending(stores, (it) => isFastify(it) || it.target.startsWith('http/')),
    [],
  );
});

t.test('Transactions are opened in verbs, not in routes or stores', async (t) => {
  const opening = [...routes, ...stores].filter((it) => /\btransaction\(/.test(it.text));
  t.same(
    opening.map((it) => it.path),
    [],
  );
});

t.test('Only transaction.ts opens transactions, because it closes broken connections', async (t) => {
  const opening = sources.filter((it) => it.text.includes('.transaction('));
  t.same(
    opening.map((it) => it.path),
    ['database/transaction.ts'],
  );
});

t.test('Only enqueue.ts inserts messages into the outbox', async (t) => {
  const inserting = sources.filter((it) => /insert\(outbox\)|insert into (outbox|\$\{outbox\})/.test(it.text));
  t.same(
    inserting.map((it) => it.path),
    ['mail/outbox/enqueue.ts'],
  );
});

t.test('Only problems.ts has the statuses of problems', async (t) => {
  const saying = [...routes, ...stores, ...verbsAndRules].filter((it) => /\.(code|status)\((4|5)\d\d\)/.test(it.text));
  t.same(
    saying.map((it) => it.path),
    [],
  );
});

t.test('Each JWT library is used only for its purposes (docs/decisions/jwt-libraries.md)', async (t) => {
  const importing = (library: string) =>
    sources.filter((it) => it.imports.some(({ target }) => target === library)).map((it) => it.path);
  t.same(importing('@fastify/jwt'), ['tokens/access-token.ts']);
  t.same(
    importing('jose').filter((it) => !it.startsWith('tokens/') || it === 'tokens/access-token.ts'),
    [],
  );
});

/** The top-level folders and files. Each may import only those after it. */
const order = [
  ...['main.ts', 'cli', 'app.ts', 'demo', 'dev', 'schemas.ts', 'mail-writers.ts', 'gauges.ts'],
  ...['lifecycle', 'platform', 'access', 'invites', 'ownership', 'memberships', 'accounts', 'users'],
  ...['service.ts', 'config', 'permissions', 'tokens', 'mail', 'http', 'credentials', 'limits', 'text'],
  ...['problems', 'telemetry', 'database', 'ids'],
];

t.test('Top-level folders', async (t) => {
  const roomOf = (path: string) => path.split('/')[0] as string;
  const folderOf = (path: string) => (path.includes('/') ? dirname(path) : path);
  const ownImports = sources.flatMap(({ path, imports }) =>
    imports.filter((it) => it.isOurs).map((it) => ({ path, target: it.target, isType: it.isType })),
  );

  t.test('are those in the list', async (t) => {
    t.same([...new Set(sources.map((it) => roomOf(it.path)))].sort(), [...order].sort());
  });

  t.test('import only folders below them, including types', async (t) => {
    const upwards = ownImports.filter((it) => order.indexOf(roomOf(it.path)) > order.indexOf(roomOf(it.target)));
    t.ok(ownImports.length > 1_000, `${ownImports.length} imports`);
    t.same(
      upwards.map((it) => `${it.path} imports ${it.target}`),
      [],
    );
  });

  t.test('have subfolders without import cycles, including types', async (t) => {
    const edges = ownImports
      .map((it) => ({ from: folderOf(it.path), to: folderOf(it.target), by: `${it.path} imports ${it.target}` }))
      .filter((it) => it.from !== it.to);
    t.ok(new Set(edges.map((it) => it.from)).size > order.length, 'there are subfolders');
    t.same(findCycle(edges), []);
  });

  t.test('have files without import cycles at run time', async (t) => {
    const edges = sources.flatMap(({ path, imports }) =>
      imports
        .filter((it) => it.isOurs && !it.isType)
        .map((it) => ({ from: path, to: it.target, by: `${path} imports ${it.target}` })),
    );
    t.same(findCycle(edges), []);
  });

  t.test('are checked by a function that finds cycles', async (t) => {
    const edge = (from: string, to: string) => ({ from, to, by: `${from}-${to}` });
    t.same(findCycle([edge('a', 'b'), edge('b', 'c'), edge('a', 'c')]), []);
    t.same(findCycle([edge('a', 'b'), edge('b', 'c'), edge('c', 'b'), edge('c', 'd')]).sort(), ['b-c', 'c-b']);
  });
});

t.test('Only the programs read the environment, and pass it to readConfig', async (t) => {
  const reading = sources.filter((it) =>
    /process\s*(\??\.\s*|\??\.?\[\s*['"`])env\b|from 'node:process'/.test(it.text),
  );
  t.same(reading.map((it) => it.path).sort(), ['cli/program.ts', 'main.ts'], 'only the programs');
  for (const { text, path } of reading) {
    const uses = text.match(/.*process\.env.*/g) ?? [];
    t.same(
      uses.map((it) => it.trim()),
      ['const read = readConfig(process.env);'],
      path,
    );
  }
});

t.test('The clock is read in one place; elsewhere `now` is a parameter', async (t) => {
  const ofService = sources.filter((it) => !it.path.startsWith('demo/'));
  const reading = ofService.filter((it) => /new Date\(\)|Date\.now\(|performance\.now\(/.test(it.text));
  t.same(reading.map((it) => it.path).sort(), ['app.ts', 'cli/program.ts']);
});

t.test('No file is longer than 260 lines', async (t) => {
  const long = sources.map(({ path, text }) => ({ path, lines: text.trimEnd().split('\n').length }));
  t.same(
    long.filter((it) => it.lines > 260),
    [],
  );
});

function importsOf(path: string, text: string): Import[] {
  const found: Import[] = [];
  const add = (specifier: ts.Node | undefined, isType: boolean) => {
    if (!specifier || !ts.isStringLiteral(specifier)) return;
    const isOurs = specifier.text.startsWith('.');
    const target = isOurs ? relative(sourceFolder, join(sourceFolder, dirname(path), specifier.text)) : specifier.text;
    found.push({ target, isOurs, isType });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, importsOnlyTypes(node.importClause));
    if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly);
    if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, true);
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node.arguments[0], false);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest));
  return found;
}

function importsOnlyTypes(clause: ts.ImportClause | undefined): boolean {
  if (!clause) return false;
  if (clause.isTypeOnly) return true;
  const names = clause.namedBindings;
  if (clause.name || !names || !ts.isNamedImports(names)) return false;
  return names.elements.every((it) => it.isTypeOnly);
}

interface Edge {
  from: string;
  to: string;
  by: string;
}

/** The imports that are part of a cycle. */
function findCycle(edges: Edge[]): string[] {
  const reachable = (from: string): Set<string> => {
    const seen = new Set<string>();
    const open = [from];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      for (const { to } of edges.filter((it) => it.from === at && !seen.has(it.to))) {
        seen.add(to);
        open.push(to);
      }
    }
    return seen;
  };
  const from = new Map([...new Set(edges.map((it) => it.from))].map((it) => [it, reachable(it)]));
  return edges.filter((it) => from.get(it.to)?.has(it.from)).map((it) => it.by);
}
