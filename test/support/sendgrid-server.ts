import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';

/** A body as SendGrid's v3 mail/send takes it, as far as it is used here. */
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
  /** The status it was answered with; undefined where it got no whole answer. */
  status: number | undefined;
  /** How it was answered, once it was read. */
  answer?: SendgridAnswer;
}

/**
 * What the stand-in does with a request that it has read: a status, where SendGrid's own rules do not refuse the request;
 * or `hang`: says nothing; `cut`: closes the connection; `half`: half of a body, and then closes it; `stall`: half of a body, and
 * then nothing; `drip`: a body byte by byte, without end.
 */
export type SendgridAnswer =
  | { status: number; headers?: Record<string, string>; after?: Promise<void>; fields?: unknown[] }
  | 'hang'
  | 'cut'
  | 'half'
  | 'stall'
  | 'drip';

export type SendgridServer = Awaited<ReturnType<typeof startSendgridServer>>;

/** A server that behaves on the wire as SendGrid's v3 mail/send, and keeps what it was asked. */
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
    /** Everything it was asked, in order. */
    requests,
    /** What it took: answered with 202. */
    accepted: () => requests.filter((it) => it.status === 202),
    /** What it took for an address, in order. */
    acceptedFor: (email: string) =>
      requests.filter((it) => it.status === 202 && it.body.personalizations[0]?.to[0]?.email === email),
    /** From now on it answers so. */
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
    // Like the real one, its refusals quote what they refuse.
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

/** What the real one refuses whatever it is told here: so a mail that arrives here would arrive there. */
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

/** What it says of a mail that is written there: it has an id, and brings no words of its own. */
function templateMistakeIn({ template_id, content, subject }: SendgridBody) {
  if (!/^d-\w+$/.test(template_id ?? '')) return { status: 400, message: 'the template id is wrong' };
  if (content !== undefined || subject !== undefined) return { status: 400, message: 'the template has the words' };
  return undefined;
}
