import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { driverError } from '../database/errors.ts';

/** The `X-Request-Id` of the request if it is short and plain, otherwise a new id. */
export function requestIdOf({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const header = headers['x-request-id'];
  return typeof header === 'string' && /^[\w-]{1,64}$/.test(header) ? header : randomUUID();
}

/**
 * Logs each request when it is answered, without its query, which can contain an e-mail address.
 */
export function logRequests(app: FastifyInstance): void {
  app.addHook('onResponse', async ({ log, method, url }, { statusCode, elapsedTime }) => {
    log.info(
      { method, path: url.split('?', 1)[0], status: statusCode, ms: Math.round(elapsedTime * 10) / 10 },
      'request',
    );
  });
}

/** Pino's options: JSON to standard output, and a serializer that removes secrets from errors. */
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
 * The fields of an error that are logged. Other fields can contain secrets: those of database
 * errors bound parameters, those of mail errors the API key and the mail. Of a failed statement,
 * its text, its codes and its message are logged, without the values that the message quotes.
 */
export function errorForLog(error: Loggable): { type: string; message: string; stack: string; [key: string]: unknown } {
  const isDatabaseError = typeof error.query === 'string' || 'severity' in Object(error);
  if (!isDatabaseError) {
    return { type: String(error.name), code: error.code, message: String(error.message), stack: error.stack ?? '' };
  }
  const inner = driverError(error) as Record<string, unknown>;
  return {
    type: String(error.name),
    message: withoutValues(String(inner.message ?? ''), toTexts(error.params), String(inner.code ?? '')),
    query: error.query,
    code: inner.code,
    constraint: inner.constraint,
    table: inner.table,
    routine: inner.routine,
    stack: stackFrames(error.stack),
  };
}

/** Replaces values in messages. */
const placeholder = '…';

/**
 * Shorter values would match parts of any text. Quoted values are replaced whatever their length.
 */
const minValueLength = 4;

/** SQLSTATE class 22 is for data errors, whose messages quote the wrong value. */
const isDataError = (code: string) => code.startsWith('22');

function withoutValues(message: string, values: string[], code: string): string {
  const quotes = (text: string) => values.some((it) => it.includes(text) || (it !== '' && text.includes(it)));
  return values
    .filter((it) => it.length >= minValueLength)
    .sort((a, b) => b.length - a.length)
    .reduce((text, value) => text.replaceAll(value, placeholder), message)
    .replaceAll(/"([^"]*)"/g, (all, text: string) => (isDataError(code) || quotes(text) ? `"${placeholder}"` : all));
}

/** The texts of bound parameters; for a list, the texts of its elements. */
function toTexts(params: unknown): string[] {
  if (Array.isArray(params)) return params.flatMap(toTexts);
  if (params === null || params === undefined) return [];
  return [typeof params === 'object' ? JSON.stringify(params) : String(params)];
}

/** The frames of a stack, without the message above them. */
const stackFrames = (stack = '') =>
  stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .join('\n');
