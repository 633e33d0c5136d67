import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Problem, type ProblemExtensions } from '../problems/problem.ts';
import { faultOf } from './query-string.ts';

/**
 * Checks that a JSON Schema can't express. Before validation: that the URL can be decoded, and that
 * the request has a body and a query if and only if the route takes them. Also parses the numbers
 * in the query. After validation: that no text contains a NUL or an unpaired surrogate, which the
 * database can't store, and that nothing is nested too deeply.
 */
export function checkRequests(app: FastifyInstance): void {
  app.addHook('preValidation', async (request) => {
    refuseUndecodable(request);
    refuseUnexpectedInput(request);
    parseNumbers(request);
  });
  app.addHook('preHandler', async ({ body, query, params }) => {
    const detail = 'contains a NUL or an unpaired surrogate';
    if (findUnstorable(params, '') !== undefined) throw new Problem('not-found');
    const parameter = findUnstorable(query, '')?.slice(1);
    if (parameter !== undefined) throw invalid({ parameter, detail });
    const pointer = findUnstorable(body, '');
    if (pointer !== undefined) throw invalid({ pointer, detail });
  });
}

/** Skips requests without a route, which are answered 404 or 405 whatever they contain. */
function refuseUndecodable({ is404, raw, query }: FastifyRequest): void {
  if (is404) return;
  // Node decodes each byte outside ASCII as a separate character, which is never what the client
  // meant.
  if (/[^\x21-\x7e]/.test(raw.url ?? '')) {
    throw new Problem('invalid-request', 'Percent-encode characters outside ASCII in the URL.');
  }
  const fault = faultOf(query);
  if (fault && 'parameter' in fault) throw invalid(fault);
  if (fault) throw new Problem('invalid-request', fault.detail);
}

function refuseUnexpectedInput({ is404, routeOptions, body, query }: FastifyRequest): void {
  if (is404) return;
  const { schema } = routeOptions;
  if (schema?.body && body === undefined) throw invalid({ pointer: '', detail: 'is required: this call takes a body' });
  if (!schema?.body && body !== undefined && body !== null && !isEmpty(body)) {
    throw invalid({ pointer: '', detail: 'must be empty: this call takes no body' });
  }
  const [parameter] = Object.keys(query as object);
  if (!schema?.querystring && parameter !== undefined) throw invalid({ parameter, detail: 'is an unknown parameter' });
}

/** Parses integers in the query: parameters arrive as text. Other text is left to validation. */
function parseNumbers({ routeOptions, query }: FastifyRequest): void {
  const { properties = {} } = (routeOptions.schema?.querystring ?? {}) as {
    properties?: Record<string, { type?: string }>;
  };
  const parameters = query as Record<string, unknown>;
  for (const [name, { type }] of Object.entries(properties)) {
    const text = parameters[name];
    if (type === 'integer' && typeof text === 'string' && /^-?\d{1,15}$/.test(text)) parameters[name] = Number(text);
  }
}

const isEmpty = (body: unknown) => typeof body === 'object' && body !== null && Object.keys(body).length === 0;

const invalid = (error: NonNullable<ProblemExtensions['errors']>[number]) =>
  new Problem('invalid-request', undefined, { errors: [error] });

/** Levels. More than any schema needs, and less than the stack or JSON in the database allow. */
const maxDepth = 50;

/**
 * A JSON Pointer to the first text or field name that can't be stored; undefined if all can.
 * @throws invalid-request if the value is nested too deeply.
 */
function findUnstorable(value: unknown, pointer: string, depth = 0): string | undefined {
  if (typeof value === 'string') return isStorable(value) ? undefined : pointer;
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return undefined;
  if (depth > maxDepth) throw invalid({ pointer: '', detail: 'is nested too deeply' });
  for (const [key, inner] of Object.entries(value)) {
    const place = isStorable(key) ? findUnstorable(inner, `${pointer}/${key}`, depth + 1) : pointer;
    if (place !== undefined) return place;
  }
  return undefined;
}

const isStorable = (text: string) => !text.includes('\0') && text.isWellFormed();
