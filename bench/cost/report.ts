import type { FirstRequests } from './cold.ts';
import type { Audience, Pair } from './kinds.ts';
import { type Measured, median } from './load.ts';

/** One round: the service, and right after it the bare server. */
export type Round = { [Server in keyof Pair]: Measured };

/** The measurements of one kind of request in one account. */
export interface Result {
  kind: string;
  /** The members of the account. Undefined if the request does not concern an account. */
  size: number | undefined;
  rounds: Record<Audience, Round[]>;
  /** SQL statements of one request. */
  statements: number;
  first: FirstRequests;
}

/** One line about a result, printed during the benchmark. */
export function formatProgress({ kind, size, rounds }: Result): string {
  const where = size === undefined ? '' : `, ${formatNumber(size)}`;
  return `${kind}${where}: ${medianRatio(rounds.many).toFixed(2)} of bare, one caller ${medianRatio(rounds.one).toFixed(2)}`;
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
      results.map((it) => toLine(it, results)),
    ),
    table(
      ['First request on a new connection', 'Members', 'Warm: median ms', 'New: median ms', 'New: worst ms'],
      results.map(({ kind, size, first: { warm, cold, worst } }) => [
        kind,
        formatSize(size),
        ...[warm, cold, worst].map((it) => it.toFixed(1)),
      ]),
    ),
  ].join('\n\n');
}

/** The table of the README: the lower ratio of the two accounts. */
export function shortTable(results: Result[]): string {
  const kinds = [...new Set(results.map((it) => it.kind))];
  const lowest = (kind: string, audience: Audience) =>
    Math.min(...results.filter((it) => it.kind === kind).map((it) => medianRatio(it.rounds[audience])));
  return table(
    ['Request', 'Many callers', 'One caller'],
    kinds.map((it) => [it, lowest(it, 'many').toFixed(2), lowest(it, 'one').toFixed(2)]),
  );
}

function toLine(result: Result, results: Result[]): string[] {
  const { kind, size, rounds, statements } = result;
  const perSecond = (it: Result, audience: Audience) =>
    median(it.rounds[audience].map((round) => round.service.perSecond));
  const serviceMedian = (figure: keyof Measured) => median(rounds.many.map((it) => it.service[figure]));
  const smaller = results.find((it) => it.kind === kind && it !== result);
  const isLarger = smaller?.size !== undefined && size !== undefined && size > smaller.size;
  return [
    kind,
    formatSize(size),
    String(Math.round(perSecond(result, 'many'))),
    medianRatio(rounds.many).toFixed(2),
    String(Math.round(perSecond(result, 'one'))),
    medianRatio(rounds.one).toFixed(2),
    String(serviceMedian('p50')),
    String(serviceMedian('p99')),
    String(statements),
    serviceMedian('cpu').toFixed(2),
    isLarger ? (perSecond(result, 'many') / perSecond(smaller, 'many')).toFixed(2) : '',
  ];
}

/** The median of the ratios of the rounds. */
const medianRatio = (rounds: Round[]) => median(rounds.map((it) => it.service.perSecond / it.bare.perSecond));

/** A Markdown table. The first column is text, the others are numbers. */
function table(head: string[], lines: string[][]): string {
  const row = (cells: string[]) => `| ${cells.join(' | ')} |`;
  return [row(head), row(head.map((_, at) => (at === 0 ? '---' : '---:'))), ...lines.map(row)].join('\n');
}

const formatSize = (size: number | undefined) => (size === undefined ? '' : formatNumber(size));

export function formatNumber(number: number): string {
  return number.toLocaleString('en').replaceAll(',', ' ');
}
