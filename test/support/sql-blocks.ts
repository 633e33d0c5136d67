/** A part of a statement: a word, sign, string, parameter, or query in parentheses. */
export type Token = { kind: 'word' | 'sign' | 'string' | 'param'; text: string } | { kind: 'query'; blocks: Block[] };

/** One `select`, `insert`, `update` or `delete`. Each side of a union is a separate block. */
export interface Block {
  tokens: Token[];
  /** The block around it. */
  parent: Block | undefined;
  /** The blocks of the same union, itself among them. */
  union: Block[];
}

const pattern =
  /\s+|--[^\n]*|\/\*[\s\S]*?\*\/|(?<string>'(?:[^']|'')*')|"(?<quoted>(?:[^"]|"")*)"|(?<param>\$\d+)|(?<word>[a-z_][\w$]*|\d[\w.]*)|(?<sign>::|<>|<=|>=|@>|&&|\|\||->>?|[^\s\w])/giy;

type Lexeme = Exclude<Token, { kind: 'query' }>;

/** The lexemes of a statement. Words are in lower case, quoted names are unchanged. */
export function lexemesOf(statement: string): Lexeme[] {
  const lexemes: Lexeme[] = [];
  pattern.lastIndex = 0;
  while (pattern.lastIndex < statement.length) {
    const at = pattern.lastIndex;
    const groups = pattern.exec(statement)?.groups;
    if (!groups) throw new Error(`not SQL that the checker can read: ${statement.slice(at, at + 40)}`);
    const { string, quoted, param, word, sign } = groups;
    if (string !== undefined) lexemes.push({ kind: 'string', text: string });
    else if (quoted !== undefined) lexemes.push({ kind: 'word', text: quoted });
    else if (param !== undefined) lexemes.push({ kind: 'param', text: param });
    else if (word !== undefined) lexemes.push({ kind: 'word', text: word.toLowerCase() });
    else if (sign !== undefined) lexemes.push({ kind: 'sign', text: sign });
  }
  return lexemes;
}

const beginnings = ['select', 'with', 'insert', 'update', 'delete', 'values'];
const unions = ['union', 'intersect', 'except'];

/** The outermost blocks of a statement. Blocks in parentheses are in the tokens of their parent. */
export function parse(statement: string): Block[] {
  const lexemes = lexemesOf(statement);
  let next = 0;

  /** Reads up to the end, or to the parenthesis that closes it. */
  function read(parent: Block | undefined): Block[] {
    const union: Block[] = [];
    const begin = (): Block => {
      const block = { tokens: [], parent, union };
      union.push(block);
      return block;
    };
    let block = begin();
    let depth = 0;
    for (; next < lexemes.length; next++) {
      const it = lexemes[next] as Lexeme;
      const following = lexemes[next + 1];
      if (is(it, '(') && following?.kind === 'word' && beginnings.includes(following.text)) {
        next += 1;
        block.tokens.push({ kind: 'query', blocks: read(block) });
      } else if (is(it, ')') && depth === 0 && parent) {
        return union;
      } else if (depth === 0 && it.kind === 'word' && unions.includes(it.text)) {
        if (following && is(following, 'all')) next += 1;
        block = begin();
      } else {
        if (is(it, '(')) depth += 1;
        if (is(it, ')')) depth -= 1;
        block.tokens.push(it);
      }
    }
    return union;
  }
  return read(undefined);
}

export const is = (token: Token | undefined, text: string): boolean =>
  token !== undefined && token.kind !== 'query' && token.kind !== 'string' && token.text === text;

/** Every block of a statement. */
export const allBlocks = (blocks: readonly Block[]): Block[] =>
  blocks.flatMap((it) => [
    it,
    ...it.tokens.flatMap((token) => (token.kind === 'query' ? allBlocks(token.blocks) : [])),
  ]);

/** The names that a statement gives to its queries: `with name as (…)`. */
export function namedQueries(blocks: readonly Block[]): Set<string> {
  const names = new Set<string>();
  for (const { tokens } of allBlocks(blocks)) {
    let isWith = false;
    for (const [i, it] of tokens.entries()) {
      if (is(it, 'with')) isWith = true;
      if (!isWith || it.kind !== 'query' || !is(tokens[i - 1], 'as')) continue;
      const before = tokens.slice(0, i - 1);
      // The columns may be named between the name and `as`.
      const end = is(before.at(-1), ')') ? before.findLastIndex((token) => is(token, '(')) - 1 : before.length - 1;
      const name = before[end];
      if (name?.kind === 'word') names.add(name.text);
    }
  }
  return names;
}

/** Something that a block reads from or writes into. */
export interface Source {
  kind: 'table' | 'query' | 'function';
  name: string;
  alias: string;
  isWritten: boolean;
  block: Block;
}

const afterSources = /^(where|order|group|limit|offset|for|on|set|returning|having|window|values|select|do|using)$/;
const notAlias =
  /^(as|on|where|inner|left|right|full|cross|join|lateral|order|group|limit|offset|for|set|returning|using|values|select|default|having|union|with|natural)$/;

/** What a block selects from, joins, inserts into, updates or deletes from. */
export function sourcesOf(block: Block, tables: ReadonlySet<string>): Source[] {
  const { tokens } = block;
  const sources: Source[] = [];
  let isList = false;
  let depth = 0;
  for (const [i, it] of tokens.entries()) {
    if (is(it, '(')) depth += 1;
    if (is(it, ')')) depth -= 1;
    if (depth > 0 || it.kind === 'query' || it.kind === 'string') continue;
    const isWritten =
      (it.text === 'update' && !is(tokens[i - 1], 'for') && !is(tokens[i - 1], 'key') && !is(tokens[i - 1], 'do')) ||
      it.text === 'into' ||
      (it.text === 'from' && is(tokens[i - 1], 'delete'));
    const begins = isWritten || it.text === 'from' || it.text === 'join' || (isList && it.text === ',');
    if (it.text === 'from') isList = true;
    if (it.text === 'join') isList = true;
    if (afterSources.test(it.text)) isList = false;
    if (begins) sources.push(...sourceAt(i + 1, isWritten));
  }
  return sources;

  function sourceAt(start: number, isWritten: boolean): Source[] {
    const at = is(tokens[start], 'lateral') ? start + 1 : start;
    const it = tokens[at];
    if (it?.kind === 'query') return [{ kind: 'query', name: '', alias: aliasAt(at + 1) ?? '', isWritten, block }];
    if (it?.kind !== 'word') return [];
    if (tables.has(it.text))
      return [{ kind: 'table', name: it.text, alias: aliasAt(at + 1) ?? it.text, isWritten, block }];
    if (!is(tokens[at + 1], '('))
      return [{ kind: 'query', name: it.text, alias: aliasAt(at + 1) ?? it.text, isWritten, block }];
    return [{ kind: 'function', name: it.text, alias: '', isWritten, block }];
  }

  function aliasAt(at: number): string | undefined {
    const it = is(tokens[at], 'as') ? tokens[at + 1] : tokens[at];
    return it?.kind === 'word' && !notAlias.test(it.text) ? it.text : undefined;
  }
}
