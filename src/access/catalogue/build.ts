import type { PermissionDeclaration } from '../../permissions/permission.ts';
import { invalidField } from '../../problems/problem.ts';
import type { PermissionRow } from './store.ts';

/**
 * Builds the rows of a catalogue from its declaration: the declared permissions in their order,
 * each with all permissions that it covers. Usher's own permissions that are not declared come
 * first, unchanged. One that is declared without `implies` keeps what it implies.
 * @throws invalid-request for a duplicate key, an implied permission that does not exist, a cycle
 * of implications, or too many implied permissions.
 */
export function buildCatalogue(
  declared: readonly PermissionDeclaration[],
  current: readonly PermissionRow[],
): PermissionRow[] {
  const own = new Map(current.filter((it) => it.own).map((it) => [it.key, it]));
  const declaredKeys = new Set(declared.map((it) => it.key));
  const rows = [
    ...[...own.values()].filter((it) => !declaredKeys.has(it.key)).map((it) => ({ ...it, pointer: '' })),
    ...declared.map((it, i) => ({ ...toRow(it, own.get(it.key)), pointer: `/permissions/${i}` })),
  ];
  requireDistinct(declared);
  const covers = findCovered(rows);
  const coveredBy = invert(covers);
  return rows.map(({ pointer, ...row }, position) => ({
    ...row,
    position,
    covers: covers.get(row.key) ?? [],
    coveredBy: coveredBy.get(row.key) ?? [],
  }));
}

/**
 * The maximum number of pairs of a permission and one that it implies, directly or indirectly. Each
 * pair is stored twice.
 */
const maxImplied = 50_000;

interface CatalogueEntry {
  key: string;
  implies: string[];
  /** Where it is in the request body; empty if it is not declared. */
  pointer: string;
}

function toRow(declared: PermissionDeclaration, own: PermissionRow | undefined) {
  const { key, title, description, group, implies, translations = {} } = declared;
  return {
    ...{ key, title, description, group, translations },
    implies: [...(implies ?? own?.implies ?? [])].sort(),
    own: own !== undefined,
    ...{ position: 0, covers: [], coveredBy: [] },
  } satisfies PermissionRow;
}

function requireDistinct(declared: readonly PermissionDeclaration[]): void {
  const seen = new Set<string>();
  for (const [i, { key }] of declared.entries()) {
    if (seen.has(key)) throw invalidField(`/permissions/${i}/key`, 'is declared twice');
    seen.add(key);
  }
}

/**
 * The permissions that each one covers: itself and all that it implies, directly or indirectly.
 * Iterative, so that a long chain does not overflow the stack.
 */
function findCovered(rows: readonly CatalogueEntry[]): Map<string, string[]> {
  const byKey = new Map(rows.map((it) => [it.key, it]));
  const done = new Map<string, string[]>();
  let pairs = 0;
  for (const start of rows) {
    const path: string[] = [];
    const stack = [{ key: start.key, isLeaving: false }];
    for (let next = stack.pop(); next; next = stack.pop()) {
      const row = byKey.get(next.key) as CatalogueEntry;
      if (next.isLeaving) {
        path.pop();
        const all = unionOf(row, done);
        done.set(row.key, all);
        pairs += all.length - 1;
        if (pairs > maxImplied) throw tooManyImplied();
      } else if (!done.has(row.key)) {
        path.push(row.key);
        stack.push({ key: row.key, isLeaving: true });
        for (const implied of row.implies) {
          if (!byKey.has(implied))
            throw invalidField(`${row.pointer}/implies`, `contains ${implied}, which is not in the catalogue`);
          if (path.includes(implied)) throw cycle(row, [...path.slice(path.indexOf(implied)), implied]);
          stack.push({ key: implied, isLeaving: false });
        }
      }
    }
  }
  return done;
}

const unionOf = ({ key, implies }: CatalogueEntry, done: Map<string, string[]>) =>
  [...new Set([key, ...implies.flatMap((it) => done.get(it) ?? [])])].sort();

const tooManyImplied = () =>
  invalidField('/permissions', `must have at most ${maxImplied} implied permissions in total, direct and indirect`);

const cycle = ({ pointer }: CatalogueEntry, keys: string[]) =>
  invalidField(`${pointer}/implies`, `forms a cycle: ${keys.join(' → ')}`);

function invert(covers: Map<string, string[]>): Map<string, string[]> {
  const inverse = new Map<string, string[]>([...covers.keys()].sort().map((key) => [key, []]));
  for (const key of inverse.keys()) for (const it of covers.get(key) ?? []) inverse.get(it)?.push(key);
  return inverse;
}

/** The keys of the permissions that differ between two catalogues. Their order does not count. */
export function compareCatalogues(current: readonly PermissionRow[], next: readonly PermissionRow[]) {
  const [before, after] = [current, next].map((rows) => new Map(rows.map((it) => [it.key, it]))) as [
    Map<string, PermissionRow>,
    Map<string, PermissionRow>,
  ];
  const isSame = (it: PermissionRow) => JSON.stringify(contentOf(it)) === JSON.stringify(contentOf(before.get(it.key)));
  return {
    added: next.filter((it) => !before.has(it.key)).map((it) => it.key),
    changed: next.filter((it) => before.has(it.key) && !isSame(it)).map((it) => it.key),
    removed: current.filter((it) => !after.has(it.key)).map((it) => it.key),
  };
}

/** The content of a permission: its texts, and what it implies. */
function contentOf(row: PermissionRow | undefined) {
  if (!row) return undefined;
  const { title, description, group, implies, translations } = row;
  const tags = Object.entries(translations).sort(([one], [other]) => (one < other ? -1 : 1));
  const translated = tags.map(([tag, it]) => [tag, it.title, it.description, it.group]);
  return { title, description, group, implies, translated };
}
