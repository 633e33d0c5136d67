import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';

/** The parts of the body of SendGrid's v3 mail/send that are used here. */
export interface SendgridBody {
  personalizations: { to: { email: string; name?: string }[]; [key: string]: unknown }[];
  from: { email: string; name?: string };
  subject: string;
  content: { type: string; value: string }[];
  custom_args?: Record<string, string>;
  template_id?: string;
  tracking_settings?: unknown;
  [key: string]: unknown;
}

export interface SendgridRequest {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: SendgridBody;
  /** The status of the answer; undefined without a complete answer. */
  status: number | undefined;
  /** How it was answered. Set when the request was read. */
  answer?: SendgridAnswer;
}

/**
 * What the fake server answers to a request: a status, unless SendGrid's own rules refuse the
 * request. Or `hang`: nothing; `cut`: closes the connection; `half`: half a body, and closes it;
 * `stall`: half a body, and nothing more; `drip`: an endless body, byte by byte.
 */
export type SendgridAnswer =
  | { status: number; headers?: Record<string, string>; after?: Promise<void>; fields?: unknown[] }
  | 'hang'
  | 'cut'
  | 'half'
  | 'stall'
  | 'drip';

export type SendgridServer = Awaited<ReturnType<typeof startSendgridServer>>;

/** Starts a server that behaves like SendGrid's v3 mail/send and records its requests. */
export async function startSendgridServer(t: Test) {
  const requests: SendgridRequest[] = [];
  let answer: SendgridAnswer | ((request: SendgridRequest) => SendgridAnswer) = { status: 202 };
  const server = createServer((incoming, response) => {
    takeIn(incoming).then((request) => {
      requests.push(request);
      request.answer = typeof answer === 'function' ? answer(request) : answer;
      respond(request, request.answer, response);
    }, ignore);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** All requests, in order. */
    requests,
    /** The requests answered with 202. */
    accepted: () => requests.filter((it) => it.status === 202),
    /** The accepted requests for an address, in order. */
    acceptedFor: (email: string) =>
      requests.filter((it) => it.status === 202 && it.body.personalizations[0]?.to[0]?.email === email),
    /** Sets the answer for later requests. */
    answerWith(next: typeof answer) {
      answer = next;
    },
  };
}

const ignore = () => {};

async function takeIn(incoming: IncomingMessage): Promise<SendgridRequest> {
  let text = '';
  for await (const chunk of incoming.setEncoding('utf8')) text += chunk;
  const { method = '', url = '', headers } = incoming;
  return { method, path: url, headers, body: text === '' ? {} : JSON.parse(text), status: undefined };
}

function respond(request: SendgridRequest, answer: SendgridAnswer, response: ServerResponse): void {
  if (answer === 'hang') return;
  if (answer === 'cut') return void response.destroy();
  if (typeof answer === 'string') return void answerInPart(answer, response);
  void (answer.after ?? Promise.resolve()).then(() => {
    const mistake = mistakeIn(request);
    request.status = mistake?.status ?? answer.status;
    if (request.status === 202) return response.writeHead(202, { 'x-message-id': 'stand-in' }).end();
    // Like the real one, it quotes the request in its errors.
    const { body } = request;
    const message = mistake?.message ?? `refused ${JSON.stringify(body)} with ${request.headers.authorization}`;
    response.writeHead(request.status, { 'content-type': 'application/json', ...answer.headers });
    const fields = answer.fields ?? [null];
    response.end(JSON.stringify({ errors: fields.map((field) => ({ message, field, help: null })) }));
  });
}

function answerInPart(how: 'half' | 'stall' | 'drip', response: ServerResponse): void {
  response.writeHead(202, { 'content-type': 'application/json', 'content-length': '1000' });
  response.write('{"errors": [', () => how === 'half' && response.destroy());
  if (how !== 'drip') return;
  const dripping = setInterval(() => response.write(' '), 20);
  response.on('close', () => clearInterval(dripping));
}

/**
 * The mistakes that the real SendGrid would refuse: a mail accepted here would be accepted there.
 */
function mistakeIn({ method, path, headers, body }: SendgridRequest): { status: number; message: string } | undefined {
  if (path !== '/v3/mail/send') return { status: 404, message: 'not found' };
  if (method !== 'POST') return { status: 405, message: 'method not allowed' };
  if (!/^Bearer \S+$/.test(headers.authorization ?? '')) return { status: 401, message: 'authorization required' };
  if (!headers['content-type']?.startsWith('application/json')) return { status: 415, message: 'JSON is required' };
  const isAddressed = body.personalizations?.every(
    ({ to }) => to.length > 0 && to.every((it) => /^\S+@\S+$/.test(it.email)),
  );
  if (!isAddressed) return { status: 400, message: 'does not contain a valid address' };
  if (!/^\S+@\S+$/.test(body.from?.email ?? '')) return { status: 400, message: 'the from email is required' };
  const headerTexts = [body.subject, body.from.name ?? ''];
  if (body.template_id !== undefined) return templateMistakeIn(body);
  if (!body.subject || headerTexts.some((it) => /[\r\n]/.test(it)))
    return { status: 400, message: 'the subject is wrong' };
  const types = body.content?.map((it) => it.type).join(', ');
  if (types !== 'text/plain, text/html') return { status: 400, message: 'text/plain comes first, then text/html' };
  return undefined;
}

/** Mistakes of a mail with a SendGrid template: it must have a template id and no content. */
function templateMistakeIn({ template_id, content, subject }: SendgridBody) {
  if (!/^d-\w+$/.test(template_id ?? '')) return { status: 400, message: 'the template id is wrong' };
  if (content !== undefined || subject !== undefined) return { status: 400, message: 'the template has the words' };
  return undefined;
}
