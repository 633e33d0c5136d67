import { allBlocks, type Block, is, namedQueries, parse, type Source, sourcesOf, type Token } from './sql-blocks.ts';

/** How the tables are distributed over the nodes. */
export interface Distribution {
  /** Each table with its column for the account. */
  distributed: ReadonlyMap<string, string>;
  reference: ReadonlySet<string>;
  local: ReadonlySet<string>;
  /** Groups of tables that refer to each other by keys that are not deferred. */
  cycles: readonly ReadonlySet<string>[];
}

/**
 * The reasons why Citus would refuse a statement; empty if Citus can plan it on the account's node.
 */
export function refusedShapes(statement: string, distribution: Distribution): string[] {
  const blocks = parse(statement);
  const { distributed, reference, local } = distribution;
  const tables = new Set([...distributed.keys(), ...reference, ...local]);
  const names = namedQueries(blocks);
  const all = allBlocks(blocks);
  // A query may have the name of a table.
  const isTable = ({ kind, name, isWritten }: Source) => kind === 'table' && (isWritten || !names.has(name));
  const sources = new Map(all.map((it) => [it, sourcesOf(it, tables)]));
  const used = [...sources.values()].flat().filter(isTable);
  const written = new Set(used.filter((it) => it.isWritten).map((it) => it.name));
  const owned = (block: Block) => (sources.get(block) ?? []).filter((it) => isTable(it) && distributed.has(it.name));
  const links = all.flatMap((block) => linksOf(block, (column) => accountOf(column, block)));
  const isBound = (source: Source, within: (block: Block) => boolean) => {
    const near = links.filter((it) => within(it.block));
    const reached = new Set<Source>([source]);
    for (const found of reached) {
      for (const { one, other } of near) {
        if (one === found && other === 'parameter') return true;
        if (one === found && other !== 'parameter') reached.add(other);
        if (other === found) reached.add(one);
      }
    }
    return [...reached].some(isInserted);
  };
  return [...unbound(), ...correlated(), ...locked(), ...versioned(), ...cyclic(), ...mixed(), ...united()];

  /** The table whose account column this is, in the nearest block that has it. */
  function accountOf({ alias, name }: Column, from: Block): Source | undefined {
    for (let block: Block | undefined = from; block; block = block.parent) {
      const found = owned(block).filter(
        (it) => distributed.get(it.name) === name && (alias === undefined || it.alias === alias || it.name === alias),
      );
      if (found.length > 0) return found[0];
      const others = sources.get(block) ?? [];
      if (alias !== undefined && others.some((it) => it.alias === alias)) return undefined;
    }
    return undefined;
  }

  /** Inserted rows must include the account column. */
  function isInserted({ name, isWritten, block, alias }: Source): boolean {
    const at = block.tokens.findIndex((it) => is(it, 'into'));
    if (!isWritten || at === -1 || alias === '') return false;
    const columns = block.tokens.slice(
      at,
      block.tokens.findIndex((it) => is(it, ')')),
    );
    return columns.some((it) => is(it, distributed.get(name) as string));
  }

  function unbound(): string[] {
    const missing = all.flatMap(owned).filter((it) => !isBound(it, () => true));
    return missing.map((it) => `${it.name} is used without its account`);
  }

  function correlated(): string[] {
    return links.flatMap(({ one, other, block }) => {
      const outer =
        other !== 'parameter' && one.block !== other.block ? [one, other].find((it) => it.block !== block) : undefined;
      const isUnderReference = (sources.get(outer?.block as Block) ?? []).some(
        (it) => isTable(it) && reference.has(it.name),
      );
      return outer && isUnderReference
        ? [`a subquery takes the account from ${outer.name}, beside a reference table`]
        : [];
    });
  }

  function locked(): string[] {
    return all.filter(locksRows).flatMap((block) => {
      const others = (sources.get(block) ?? []).filter((it) => !isTable(it));
      const free = owned(block).filter((it) => !isBound(it, (at) => at === block));
      return [
        ...others.map(() => 'rows are locked in a query of more than tables'),
        ...free.map((it) => `rows of ${it.name} are locked, and its account is no parameter`),
      ];
    });
  }

  /**
   * A row of a reference table has a different `xmin` on each node, so it can't serve as a version.
   */
  function versioned(): string[] {
    return all.flatMap((block) =>
      block.tokens.flatMap((it, i) => {
        if (!is(it, 'xmin')) return [];
        const before = block.tokens[i - 2];
        const alias = is(block.tokens[i - 1], '.') && before?.kind === 'word' ? before.text : undefined;
        const named = (sources.get(block) ?? []).filter(
          (it) => alias === undefined || it.alias === alias || it.name === alias,
        );
        const shared = named.filter((it) => isTable(it) && reference.has(it.name));
        return shared.map(({ name }) => `the row version of ${name} differs between nodes`);
      }),
    );
  }

  function cyclic(): string[] {
    const both = distribution.cycles.filter((it) => [...it].filter((name) => written.has(name)).length > 1);
    return both.map((it) => `${[...it].join(' and ')} refer to each other and are written in one statement`);
  }

  function mixed(): string[] {
    const isMixed = written.size > 0 && used.some((it) => local.has(it.name)) && used.some((it) => !local.has(it.name));
    return isMixed ? ['a local table is used beside others in a statement that writes'] : [];
  }

  /** A statement that one node plans may have any union. */
  function united(): string[] {
    const isRefused = all.some(
      ({ union }) => union.length > 1 && union.some(hasReference) && union.some((it) => takesFromAround(it)),
    );
    return isRefused && unbound().length > 0
      ? ['a union has a reference table, in a statement about many accounts']
      : [];
  }

  function hasReference(block: Block): boolean {
    return (sources.get(block) ?? []).some((it) => isTable(it) && reference.has(it.name));
  }

  /** Whether a block refers to an account's table of a surrounding block. */
  function takesFromAround(block: Block): boolean {
    const around: string[] = [];
    for (let outer = block.parent; outer; outer = outer.parent) around.push(...owned(outer).map((it) => it.alias));
    const { tokens } = block;
    return tokens.some((it, i) => it.kind === 'word' && is(tokens[i + 1], '.') && around.includes(it.text));
  }
}

interface Column {
  alias: string | undefined;
  name: string;
}

/** The account of a table equals a parameter, or the account of another table. */
interface Link {
  one: Source;
  other: Source | 'parameter';
  block: Block;
}

function linksOf(block: Block, accountOf: (column: Column) => Source | undefined): Link[] {
  const { tokens } = block;
  return tokens.flatMap((it, i): Link[] => {
    if (!is(it, '=')) return [];
    const [left, right] = [columnBefore(tokens, i), columnAfter(tokens, i)];
    const [one, other] = [left && accountOf(left), right && accountOf(right)];
    if (one && other) return [{ one, other, block }];
    if (one && tokens[i + 1]?.kind === 'param') return [{ one, other: 'parameter', block }];
    return other && isParameterBefore(tokens, i) ? [{ one: other, other: 'parameter', block }] : [];
  });
}

function columnBefore(tokens: Token[], i: number): Column | undefined {
  const [alias, dot, name] = [tokens[i - 3], tokens[i - 2], tokens[i - 1]];
  if (name?.kind !== 'word') return undefined;
  return { alias: is(dot, '.') && alias?.kind === 'word' ? alias.text : undefined, name: name.text };
}

function columnAfter(tokens: Token[], i: number): Column | undefined {
  const [first, dot, second] = [tokens[i + 1], tokens[i + 2], tokens[i + 3]];
  if (first?.kind !== 'word') return undefined;
  if (is(dot, '.') && second?.kind === 'word') return { alias: first.text, name: second.text };
  return { alias: undefined, name: first.text };
}

const isParameterBefore = (tokens: Token[], i: number) =>
  tokens[i - 1]?.kind === 'param' || (is(tokens[i - 2], '::') && tokens[i - 3]?.kind === 'param');

/** `for update`, `for no key update`, `for share`, `for key share`. */
const locksRows = ({ tokens }: Block) =>
  tokens.some((it, i) => is(it, 'for') && ['update', 'no', 'share', 'key'].some((word) => is(tokens[i + 1], word)));
