import type { PermissionDeclaration } from '../../permissions/permission.ts';
import { invalidField } from '../../problems/problem.ts';
import type { PermissionRow } from './store.ts';

/**
 * A catalogue as it is kept: what was declared, in its order, with all that each permission covers; Usher's own are part of it
 * whether they were declared or not, and imply what they did.
 * @throws invalid-request for a key that comes twice, an implied permission that is not there, a circle of implications, and
 * another implication of one of Usher's own.
 */
export function arrange(
  declared: readonly PermissionDeclaration[],
  current: readonly PermissionRow[],
): PermissionRow[] {
  const own = new Map(current.filter((it) => it.own).map((it) => [it.key, it]));
  const named = new Set(declared.map((it) => it.key));
  const rows = [
    ...[...own.values()].filter((it) => !named.has(it.key)).map((it) => ({ ...it, place: '' })),
    ...declared.map((it, i) => ({ ...rowOf(it, own.get(it.key)), place: `/permissions/${i}` })),
  ];
  requireDistinct(declared);
  const covers = closureOf(rows);
  const coveredBy = inverseOf(covers);
  return rows.map(({ place, ...row }, position) => ({
    ...row,
    position,
    covers: covers.get(row.key) ?? [],
    coveredBy: coveredBy.get(row.key) ?? [],
  }));
}

/**
 * The maximum number of pairs of a permission and one that it implies, directly or through others:
 * each is stored twice.
 */
const mostImplied = 50_000;

interface Placed {
  key: string;
  implies: string[];
  place: string;
}

function rowOf(declared: PermissionDeclaration, own: PermissionRow | undefined) {
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
    if (seen.has(key)) throw invalidField(`/permissions/${i}/key`, 'comes twice');
    seen.add(key);
  }
}

/** Each permission with all that it comes to, itself too. Found one after the other, so that no chain is too long. */
function closureOf(rows: readonly Placed[]): Map<string, string[]> {
  const byKey = new Map(rows.map((it) => [it.key, it]));
  const done = new Map<string, string[]>();
  let pairs = 0;
  for (const start of rows) {
    const path: string[] = [];
    const stack = [{ key: start.key, isLeaving: false }];
    for (let next = stack.pop(); next; next = stack.pop()) {
      const row = byKey.get(next.key) as Placed;
      if (next.isLeaving) {
        path.pop();
        const all = unionOf(row, done);
        done.set(row.key, all);
        pairs += all.length - 1;
        if (pairs > mostImplied) throw tooManyImplied();
      } else if (!done.has(row.key)) {
        path.push(row.key);
        stack.push({ key: row.key, isLeaving: true });
        for (const implied of row.implies) {
          if (!byKey.has(implied)) throw invalidField(`${row.place}/implies`, `names ${implied}, which is not there`);
          if (path.includes(implied)) throw circle(row, [...path.slice(path.indexOf(implied)), implied]);
          stack.push({ key: implied, isLeaving: false });
        }
      }
    }
  }
  return done;
}

const unionOf = ({ key, implies }: Placed, done: Map<string, string[]>) =>
  [...new Set([key, ...implies.flatMap((it) => done.get(it) ?? [])])].sort();

const tooManyImplied = () =>
  invalidField('/permissions', `must come to at most ${mostImplied} implied permissions, directly and through others`);

const circle = ({ place }: Placed, keys: string[]) =>
  invalidField(`${place}/implies`, `makes a circle: ${keys.join(' → ')}`);

function inverseOf(covers: Map<string, string[]>): Map<string, string[]> {
  const inverse = new Map<string, string[]>([...covers.keys()].sort().map((key) => [key, []]));
  for (const key of inverse.keys()) for (const it of covers.get(key) ?? []) inverse.get(it)?.push(key);
  return inverse;
}

/** What tells one catalogue from another. */
export function compare(current: readonly PermissionRow[], wanted: readonly PermissionRow[]) {
  const [before, after] = [current, wanted].map((rows) => new Map(rows.map((it) => [it.key, it]))) as [
    Map<string, PermissionRow>,
    Map<string, PermissionRow>,
  ];
  const isSame = (it: PermissionRow) => JSON.stringify(told(it)) === JSON.stringify(told(before.get(it.key)));
  return {
    added: wanted.filter((it) => !before.has(it.key)).map((it) => it.key),
    changed: wanted.filter((it) => before.has(it.key) && !isSame(it)).map((it) => it.key),
    removed: current.filter((it) => !after.has(it.key)).map((it) => it.key),
  };
}

/** What a person would call a change: the words, and what comes with it. */
function told(row: PermissionRow | undefined) {
  if (!row) return undefined;
  const { title, description, group, implies, translations } = row;
  const tags = Object.entries(translations).sort(([one], [other]) => (one < other ? -1 : 1));
  const words = tags.map(([tag, it]) => [tag, it.title, it.description, it.group]);
  return { title, description, group, implies, words };
}
