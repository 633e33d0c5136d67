import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Problem } from '../problems/problem.ts';
import { requireUtf8 } from '../text/utf8.ts';
import { readPairs } from './query-string.ts';

// Content type parsers. An empty body is the same as no body, whatever its content type: clients
// send the header with a POST without a body.

type Parsers = Pick<FastifyInstance, 'removeAllContentTypeParsers' | 'addContentTypeParser'>;
type Done = (error: Error | null, body?: unknown) => void;

/** The content types of forms (HTML Standard, 4.10.21). */
export const formTypes = ['application/x-www-form-urlencoded', 'multipart/form-data'];

/** Accepts JSON in UTF-8 only. */
export function takeJson(app: FastifyInstance): void {
  dropTypeOfEmptyBodies(app);
  take(app, ['application/json'], jsonParser(app));
}

/**
 * In a plugin, leaves JSON bodies as bytes, for routes that verify a signature over them first.
 * A missing body is an empty buffer, whose signature can't be valid either.
 */
export function takeBytes(app: FastifyInstance): void {
  const none = Buffer.alloc(0);
  app.addHook('onRequest', async (request) => {
    request.body = none;
  });
  take(app, ['application/json'], (_, body, done) => done(null, body), { none });
}

/** In a plugin, answers 400 to other content types than JSON, as AuthZEN requires. */
export function takeJsonAlone(app: FastifyInstance): void {
  take(app, ['application/json'], jsonParser(app), {
    refusal: () => new Problem('invalid-request', 'The content type must be application/json.'),
  });
}

/**
 * In a plugin, accepts only forms, for clients that follow another standard. A form is parsed into
 * an object of its fields. A file stays a file, so that it does not match a schema for text.
 */
export function takeForms(app: Parsers): void {
  take(app, formTypes, (request, body, done) => {
    parseForm(body, request).then(
      (fields) => done(null, fields),
      (error: Error) => done(error),
    );
  });
}

function take(
  app: Parsers,
  types: string[],
  parse: (request: FastifyRequest, body: Buffer, done: Done) => void,
  {
    none = undefined,
    refusal = () => new Problem('unsupported-media-type'),
  }: { none?: unknown; refusal?: () => Problem } = {},
): void {
  app.removeAllContentTypeParsers();
  const isNoBody = ({ is404 }: FastifyRequest, body: Buffer) => is404 || body.length === 0;
  app.addContentTypeParser<Buffer>(types, { parseAs: 'buffer' }, (request, body, done) => {
    if (isNoBody(request, body)) return done(null, none);
    requireReadable(request);
    return parse(request, body, done);
  });
  app.addContentTypeParser<Buffer>('*', { parseAs: 'buffer' }, (request, body, done) => {
    if (isNoBody(request, body)) return done(null, none);
    return done(refusal(), undefined);
  });
}

/** Fastify refuses a malformed content type even if the body is empty. */
function dropTypeOfEmptyBodies(app: FastifyInstance): void {
  app.addHook('onRequest', async ({ raw: { headers } }) => {
    const { 'content-length': length = '0', 'transfer-encoding': encoding } = headers;
    if (length === '0' && encoding === undefined) delete headers['content-type'];
  });
}

function jsonParser(app: FastifyInstance) {
  const parse = app.getDefaultJsonParser('error', 'error');
  return (request: FastifyRequest, body: Buffer, done: Done) => parse(request, requireUtf8(body), done);
}

const charsets = /;\s*charset\s*=\s*("?)([^";\s]*)\1/gi;

/** @throws unsupported-media-type if the charset is not UTF-8 or the body is compressed. */
function requireReadable({ headers }: FastifyRequest): void {
  const declared = [...(headers['content-type'] ?? '').matchAll(charsets)].map(([, , charset = '']) => charset);
  const isUtf8 = declared.every((it) => /^utf-?8$/i.test(it));
  const isPlain = /^(identity)?$/i.test(headers['content-encoding'] ?? '');
  if (!isUtf8) throw new Problem('unsupported-media-type', 'The charset must be UTF-8.');
  if (!isPlain) throw new Problem('unsupported-media-type', 'The body must not be compressed.');
}

/**
 * @throws invalid-request if the body is not a form or repeats a field, which parsers read
 * differently.
 */
async function parseForm(body: Buffer, { headers }: FastifyRequest): Promise<Record<string, unknown>> {
  const text = requireUtf8(body);
  const type = headers['content-type'] as string;
  const isEncoded = /^\s*application\//i.test(type);
  const fields = isEncoded ? readPairs(text) : await parseMultipart(body, type);
  if (!fields) throw new Problem('invalid-request', 'The body is not a form.');
  if (new Set(fields.map(([name]) => name)).size < fields.length) {
    throw new Problem('invalid-request', 'A field of the form must not be repeated.');
  }
  return Object.fromEntries(fields);
}

async function parseMultipart(body: Buffer, type: string): Promise<[string, unknown][] | undefined> {
  const response = new Response(new Uint8Array(body), { headers: { 'content-type': type } });
  const form = await response.formData().catch(() => undefined);
  return form && [...form.entries()];
}
