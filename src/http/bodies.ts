import type { FastifyInstance } from 'fastify';
import { Problem } from '../problems.ts';

/** Bodies are JSON, and nothing else is one. No body at all is none, whatever its content type: clients send the header with a bare POST. */
export function takeJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined);
    else parse(request, body, done);
  });
}

/** Within a plugin, a body is the bytes of the JSON as they came: for whoever verifies a signature over them, and reads them after that. */
export function takeBytes(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (_, body, done) => done(null, body));
}

/** Within a plugin, a body of another content type is a request that is not valid, as AuthZEN has it. */
export function takeJsonAlone(app: FastifyInstance): void {
  app.addContentTypeParser('*', (_request, _body, done) => {
    done(new Problem('invalid-request', 'The content type must be application/json.'));
  });
}
