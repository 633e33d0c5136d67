import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { driverError } from '../database/errors.ts';

/** Taken from `X-Request-Id` where it is short and plain, otherwise made. */
export function requestIdOf({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && /^[\w-]{1,64}$/.test(given) ? given : randomUUID();
}

/** One line for each request, when it is answered: the path without its query, which can hold an address. */
export function logRequests(app: FastifyInstance): void {
  app.addHook('onResponse', async ({ log, method, url }, { statusCode, elapsedTime }) => {
    log.info(
      { method, path: url.split('?', 1)[0], status: statusCode, ms: Math.round(elapsedTime * 10) / 10 },
      'request',
    );
  });
}

/** Pino's options: JSON to standard output, and serializers that let no secret through. */
export const loggerOptions = (level: string) => ({
  level,
  serializers: {
    err: errorForLog,
  },
});

interface Loggable {
  name?: unknown;
  message?: unknown;
  stack?: string;
  code?: unknown;
  query?: unknown;
  params?: unknown;
}

/**
 * The part of an error that is logged. Errors of drivers contain bound parameters, and mail errors
 * the API key and the mail. For a failed statement, its text, the codes and the message are logged,
 * without any value that the message quotes.
 */
export function errorForLog(error: Loggable): { type: string; message: string; stack: string; [key: string]: unknown } {
  const isDrivers = typeof error.query === 'string' || 'severity' in Object(error);
  if (!isDrivers) {
    return { type: String(error.name), code: error.code, message: String(error.message), stack: error.stack ?? '' };
  }
  const inner = driverError(error) as Record<string, unknown>;
  return {
    type: String(error.name),
    message: withoutValues(String(inner.message ?? ''), valuesIn(error.params), String(inner.code ?? '')),
    query: error.query,
    code: inner.code,
    constraint: inner.constraint,
    table: inner.table,
    routine: inner.routine,
    stack: framesOf(error.stack),
  };
}

/** Replaces a value in a message. */
const hidden = '…';

/** Shorter values would match parts of any text. Quoted values are hidden whatever their length. */
const shortestValue = 4;

/** SQLSTATE class 22 is about data: its messages quote the value that is wrong. */
const isAboutData = (code: string) => code.startsWith('22');

function withoutValues(message: string, values: string[], code: string): string {
  const quotes = (text: string) => values.some((it) => it.includes(text) || (it !== '' && text.includes(it)));
  return values
    .filter((it) => it.length >= shortestValue)
    .sort((a, b) => b.length - a.length)
    .reduce((text, value) => text.replaceAll(value, hidden), message)
    .replaceAll(/"([^"]*)"/g, (all, text: string) => (isAboutData(code) || quotes(text) ? `"${hidden}"` : all));
}

/** The texts of bound parameters; for a list, the text of each element. */
function valuesIn(params: unknown): string[] {
  if (Array.isArray(params)) return params.flatMap(valuesIn);
  if (params === null || params === undefined) return [];
  return [typeof params === 'object' ? JSON.stringify(params) : String(params)];
}

/** The frames of a stack without its first lines, which repeat the message. */
const framesOf = (stack = '') =>
  stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .join('\n');
