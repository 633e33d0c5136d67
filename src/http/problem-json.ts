import type { Socket } from 'node:net';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isConnectionLost, isUnavailable, outageReason } from '../database/errors.ts';
import { RowBusy } from '../database/lock-queue.ts';
import type { Outages } from '../database/outages.ts';
import { Problem, type ProblemCode, problems } from '../problems/problem.ts';
import { logRefusal } from './security-log.ts';
import { isValidationError, problemOfValidation } from './validation.ts';

export const problemMediaType = 'application/problem+json';

/** Seconds that clients should wait after a 503. */
const retryAfter = 5;

/**
 * Answers every error with a problem document (RFC 9457). Logs refusals that are security events,
 * and failures. An outage of the database is logged once.
 */
export function renderProblems(app: FastifyInstance, issuer: string, outages: Pick<Outages, 'report'>): void {
  app.setErrorHandler((error: FastifyError, request, reply) => {
    // The client disconnected mid-request: nothing to answer or log as a failure.
    const problem = request.raw.readableAborted ? new Problem('invalid-request') : problemOf(error);
    if (problems[problem.code].status < 500) logRefusal(request, problem);
    else if (error instanceof Problem || error instanceof RowBusy)
      request.log.warn({ code: problem.code, err: error.cause }, 'unavailable');
    else if (isConnectionLost(error)) outages.report(error);
    else request.log.error({ err: error }, problem.code);
    return sendProblem(request, reply, problem, issuer);
  });
}

export function sendProblem(request: FastifyRequest, reply: FastifyReply, problem: Problem, issuer: string) {
  const { status, title } = problems[problem.code];
  if (status === 401) reply.header('www-authenticate', 'Bearer');
  const wait = problem.extensions.retryAfter ?? (status === 503 ? retryAfter : undefined);
  if (wait !== undefined) reply.header('retry-after', wait);
  const document = {
    type: `${issuer}/problems/${problem.code}`,
    title,
    status,
    ...(problem.detail === undefined ? {} : { detail: problem.detail }),
    code: problem.code,
    requestId: request.id,
    ...problem.extensions,
  };
  return reply.code(status).type(problemMediaType).serializer(JSON.stringify).send(document);
}

/** The problems of errors of Node's HTTP parser. All others are `invalid-request`. */
const parserProblems: Record<string, { code: ProblemCode; phrase: string }> = {
  ERR_HTTP_REQUEST_TIMEOUT: { code: 'request-timeout', phrase: 'Request Timeout' },
  HPE_HEADER_OVERFLOW: { code: 'headers-too-large', phrase: 'Request Header Fields Too Large' },
};

/** Milliseconds that the client has to read the answer. */
const readTime = 1_000;

/**
 * Answers an incomplete or malformed HTTP request. Then destroys the socket, as Node does without a
 * handler: a socket that is only ended stays half open until the client closes it, and would delay
 * a stop of the service.
 */
export function refuseMalformedHttp(error: { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const { code, phrase } = parserProblems[error.code ?? ''] ?? { code: 'invalid-request', phrase: 'Bad Request' };
  const { status, title } = problems[code];
  const body = JSON.stringify({ type: `/problems/${code}`, title, status, code });
  const head = [
    `HTTP/1.1 ${status} ${phrase}`,
    `Content-Type: ${problemMediaType}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    'X-Content-Type-Options: nosniff',
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
  setTimeout(() => socket.destroy(), readTime).unref();
}

const fastifyProblems: Record<string, ProblemCode> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'too-large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported-media-type',
  FST_ERR_CTP_INVALID_TYPE: 'unsupported-media-type',
};

/** The problem that answers an error. The text of an unexpected error is not shown to clients. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (isValidationError(error)) return problemOfValidation(error);
  const { code = '', statusCode = 500 } = error as Partial<FastifyError>;
  if (fastifyProblems[code]) return new Problem(fastifyProblems[code]);
  if (error instanceof RowBusy) return new Problem('unavailable', rowBusy, { retryAfter: 1 });
  if (isUnavailable(error)) return new Problem('unavailable', outageReason(error));
  if (statusCode >= 400 && statusCode < 500) return new Problem('invalid-request', malformed(code));
  return new Problem('internal-error');
}

const rowBusy = 'Too many requests are waiting to change the same resource. Nothing was changed; try again.';

function malformed(code: string): string {
  return code.includes('JSON') ? 'The body is not valid JSON.' : 'The request is malformed.';
}
