import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Problem, type ProblemExtensions } from '../problems/problem.ts';
import { faultOf } from './query-string.ts';

/**
 * Checks that a JSON Schema can't express. Before validation: the URL decodes, the call gets a body
 * and a query only if it takes them, and a body if it requires one; the numbers in a query are
 * parsed. After validation: no text contains a NUL or an unpaired surrogate, which a database
 * column can't store, and nothing is nested too deeply.
 */
export function checkRequests(app: FastifyInstance): void {
  app.addHook('preValidation', async (request) => {
    refuseUndecodable(request);
    refuseUnasked(request);
    readNumbers(request);
  });
  app.addHook('preHandler', async ({ body, query, params }) => {
    const detail = 'holds a NUL or half a character';
    if (findUnstorable(params, '') !== undefined) throw new Problem('not-found');
    const parameter = findUnstorable(query, '')?.slice(1);
    if (parameter !== undefined) throw invalid({ parameter, detail });
    const pointer = findUnstorable(body, '');
    if (pointer !== undefined) throw invalid({ pointer, detail });
  });
}

/** A route that does not exist answers 404 or 405, whatever is sent to it. */
function refuseUndecodable({ is404, raw, query }: FastifyRequest): void {
  if (is404) return;
  // Node decodes each byte outside ASCII as a separate character, which no client means.
  if (/[^\x21-\x7e]/.test(raw.url ?? '')) {
    throw new Problem('invalid-request', 'Percent-encode characters outside ASCII in the URL.');
  }
  const fault = faultOf(query);
  if (fault && 'parameter' in fault) throw invalid(fault);
  if (fault) throw new Problem('invalid-request', fault.detail);
}

function refuseUnasked({ is404, routeOptions, body, query }: FastifyRequest): void {
  if (is404) return;
  const { schema } = routeOptions;
  if (schema?.body && body === undefined) throw invalid({ pointer: '', detail: 'is required: this call takes a body' });
  if (!schema?.body && body !== undefined && body !== null && !isEmpty(body)) {
    throw invalid({ pointer: '', detail: 'this call takes no body' });
  }
  const [parameter] = Object.keys(query as object);
  if (!schema?.querystring && parameter !== undefined) throw invalid({ parameter, detail: 'is not known here' });
}

/** A query string has only text: what is asked for as a number, and is one in plain digits, is read as one. */
function readNumbers({ routeOptions, query }: FastifyRequest): void {
  const { properties = {} } = (routeOptions.schema?.querystring ?? {}) as {
    properties?: Record<string, { type?: string }>;
  };
  const given = query as Record<string, unknown>;
  for (const [name, { type }] of Object.entries(properties)) {
    const text = given[name];
    if (type === 'integer' && typeof text === 'string' && /^-?\d{1,15}$/.test(text)) given[name] = Number(text);
  }
}

const isEmpty = (body: unknown) => typeof body === 'object' && body !== null && Object.keys(body).length === 0;

const invalid = (error: NonNullable<ProblemExtensions['errors']>[number]) =>
  new Problem('invalid-request', undefined, { errors: [error] });

/** Levels. Deeper than anything that is asked for; and neither a stack nor the database's JSON ends there. */
const deepest = 50;

/**
 * A JSON Pointer to the first text that can't be stored, a name of a field too; undefined where there is none.
 * @throws invalid-request for what is nested too deeply.
 */
function findUnstorable(value: unknown, pointer: string, depth = 0): string | undefined {
  if (typeof value === 'string') return isStorable(value) ? undefined : pointer;
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return undefined;
  if (depth > deepest) throw invalid({ pointer: '', detail: 'is nested too deeply' });
  for (const [key, inner] of Object.entries(value)) {
    const place = isStorable(key) ? findUnstorable(inner, `${pointer}/${key}`, depth + 1) : pointer;
    if (place !== undefined) return place;
  }
  return undefined;
}

const isStorable = (text: string) => !text.includes('\0') && text.isWellFormed();
