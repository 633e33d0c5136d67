import type { FirstRequests } from './cold.ts';
import type { Audience, Pair } from './kinds.ts';
import { type Measured, medianOf } from './load.ts';

/** One round: the service and the bare server, one right after the other. */
export type Round = { [Server in keyof Pair]: Measured };

/** What was measured of one kind of request in one account. */
export interface Result {
  kind: string;
  /** Undefined if the request is not about an account. */
  size: number | undefined;
  rounds: Record<Audience, Round[]>;
  /** SQL statements of one request. */
  statements: number;
  first: FirstRequests;
}

/** One line about a result while the benchmark goes on. */
export function progressOf({ kind, size, rounds }: Result): string {
  const where = size === undefined ? '' : `, ${numeral(size)}`;
  return `${kind}${where}: ${ratioOf(rounds.many).toFixed(2)} of bare, one caller ${ratioOf(rounds.one).toFixed(2)}`;
}

/** The tables of docs/performance.md. */
export function performanceTables(results: Result[]): string {
  return [
    table(
      [
        'Request',
        'Members',
        'Many callers: requests/s',
        'to bare',
        'One caller: requests/s',
        'to bare',
        'p50 ms',
        'p99 ms',
        'SQL',
        'CPU ms',
        '100 000 to 1 000',
      ],
      results.map((it) => lineOf(it, results)),
    ),
    table(
      ['First request on a new connection', 'Members', 'Warm: median ms', 'New: median ms', 'New: worst ms'],
      results.map(({ kind, size, first: { warm, cold, worst } }) => [
        kind,
        sizeOf(size),
        ...[warm, cold, worst].map((it) => it.toFixed(1)),
      ]),
    ),
  ].join('\n\n');
}

/** The table of the README: the lower ratio of the two accounts. */
export function shortTable(results: Result[]): string {
  const kinds = [...new Set(results.map((it) => it.kind))];
  const lowest = (kind: string, audience: Audience) =>
    Math.min(...results.filter((it) => it.kind === kind).map((it) => ratioOf(it.rounds[audience])));
  return table(
    ['Request', 'Many callers', 'One caller'],
    kinds.map((it) => [it, lowest(it, 'many').toFixed(2), lowest(it, 'one').toFixed(2)]),
  );
}

function lineOf(result: Result, results: Result[]): string[] {
  const { kind, size, rounds, statements } = result;
  const perSecond = (it: Result, audience: Audience) =>
    medianOf(it.rounds[audience].map((round) => round.service.perSecond));
  const ofService = (figure: keyof Measured) => medianOf(rounds.many.map((it) => it.service[figure]));
  const smaller = results.find((it) => it.kind === kind && it !== result);
  const isLarger = smaller?.size !== undefined && size !== undefined && size > smaller.size;
  return [
    kind,
    sizeOf(size),
    String(Math.round(perSecond(result, 'many'))),
    ratioOf(rounds.many).toFixed(2),
    String(Math.round(perSecond(result, 'one'))),
    ratioOf(rounds.one).toFixed(2),
    String(ofService('p50')),
    String(ofService('p99')),
    String(statements),
    ofService('cpu').toFixed(2),
    isLarger ? (perSecond(result, 'many') / perSecond(smaller, 'many')).toFixed(2) : '',
  ];
}

/** The median of the rounds, each of which has its own ratio. */
const ratioOf = (rounds: Round[]) => medianOf(rounds.map((it) => it.service.perSecond / it.bare.perSecond));

/** A Markdown table whose first column is text and whose others are figures. */
function table(head: string[], lines: string[][]): string {
  const row = (cells: string[]) => `| ${cells.join(' | ')} |`;
  return [row(head), row(head.map((_, at) => (at === 0 ? '---' : '---:'))), ...lines.map(row)].join('\n');
}

const sizeOf = (size: number | undefined) => (size === undefined ? '' : numeral(size));

export function numeral(number: number): string {
  return number.toLocaleString('en').replaceAll(',', ' ');
}
