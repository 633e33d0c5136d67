import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Problem } from '../problems.ts';

/** The two ways in which a form is sent (HTML Standard, 4.10.21). */
export const formTypes = ['application/x-www-form-urlencoded', 'multipart/form-data'];

/**
 * Bodies are forms, and nothing else is one: for a plugin whose callers are no clients of ours and send what a standard has them
 * send. A form is read as an object of its fields; a file stays one, so that no schema takes it for text.
 */
export function takeForms(app: Pick<FastifyInstance, 'removeAllContentTypeParsers' | 'addContentTypeParser'>): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(formTypes, { parseAs: 'buffer' }, ({ headers }: FastifyRequest, body: Buffer) =>
    fieldsOf(body, headers['content-type'] as string),
  );
}

/** @throws invalid-request for what is no form, or says one thing twice: a reader of the other one would see another form. */
async function fieldsOf(body: Buffer, type: string): Promise<Record<string, unknown>> {
  const form = await new Response(new Uint8Array(body), { headers: { 'content-type': type } })
    .formData()
    .catch(() => undefined);
  if (!form) throw new Problem('invalid-request', 'The body is not a form.');
  const fields = [...form.entries()];
  if (new Set(fields.map(([name]) => name)).size < fields.length) {
    throw new Problem('invalid-request', 'The form has a field twice.');
  }
  return Object.fromEntries(fields);
}
