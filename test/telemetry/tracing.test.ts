import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import t, { type Test } from 'tap';
import { request, startProcess } from '../support/process.ts';
import { freshDatabase, needsPostgres, newEmail, password } from '../support/service.ts';
import { until } from '../support/until.ts';

interface Span {
  name: string;
  kind: number;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  attributes: { key: string; value: Record<string, unknown> }[];
  status: { code?: number; message?: string };
  events?: unknown[];
}

/** A collector of OTLP over HTTP, in JSON. */
async function startCollector(t: Test) {
  const spans: Span[] = [];
  const bodies: string[] = [];
  const server = createServer(async (incoming, response) => {
    const body = Buffer.concat(await incoming.toArray()).toString();
    bodies.push(`${incoming.url} ${body}`);
    for (const { scopeSpans } of JSON.parse(body).resourceSpans) {
      spans.push(...scopeSpans.flatMap((it: { spans: Span[] }) => it.spans));
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => void server.close().closeAllConnections());
  return { spans, bodies, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const attributesOf = ({ attributes }: Span) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));

t.test(
  'the service sends traces if OpenTelemetry’s standard variables are set',
  { skip: needsPostgres('the same on either database, once is enough') },
  async (t) => {
    const collector = await startCollector(t);
    const choice = await freshDatabase(t);
    const service = await startProcess(t, {
      ...(choice.kind === 'postgres' ? { DATABASE_URL: choice.url } : { DATA_DIR: choice.dataDir }),
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=here',
      OTEL_BSP_SCHEDULE_DELAY: '100',
      LOG_LEVEL: 'warn',
    });
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-01` };
    const email = newEmail('olivia');
    await request(service.url, 'POST', '/v1/auth/login', { headers, body: { email, password } });
    await request(service.url, 'POST', '/v1/invites/opt-out/one-click?token=the-secret', { headers });
    await request(service.url, 'GET', '/readyz');
    await request(service.url, 'GET', '/nowhere');
    const spanOf = (name: string) => until(name, () => collector.spans.find((it) => it.name === name));

    await t.test('a request is a span of the client’s trace, named by its route', async (t) => {
      const login = await spanOf('POST /v1/auth/login');
      t.match(login, { traceId, parentSpanId: 'b7ad6b7169203331', kind: 2 });
      t.match(attributesOf(login), {
        'http.request.method': 'POST',
        'http.route': '/v1/auth/login',
        'url.path': '/v1/auth/login',
        'http.response.status_code': 401,
      });
    });

    await t.test('the statements of a request are inside its span', async (t) => {
      const login = await spanOf('POST /v1/auth/login');
      const below = collector.spans.filter((it) => it.parentSpanId === login.spanId);
      const handler = below.find((it) => it.name.startsWith('handler'));
      const statements = [...below, ...collector.spans.filter((it) => it.parentSpanId === handler?.spanId)].filter(
        (it) => it.name.startsWith('pg.query'),
      );
      t.ok(statements.length > 1, `${statements.length} statements`);
      for (const it of statements) {
        t.match(attributesOf(it)['db.query.text'], /^\s*(select|with|insert|update|delete) /i);
        t.match(attributesOf(it)['db.system.name'], 'postgresql');
        t.equal(it.traceId, traceId);
      }
      t.notOk(
        collector.spans.some((it) => !it.parentSpanId && /^pg/.test(it.name)),
        'the mail worker’s statements are not traced',
      );
    });

    await t.test('traces name the service, and contain no secrets, no addresses and no health checks', async (t) => {
      t.match(await service.end('SIGTERM'), { code: 0 });
      await spanOf('POST /v1/invites/opt-out/one-click');
      const sent = collector.bodies.join('\n');
      t.match(sent, /^\/v1\/traces /);
      t.match(sent, '"service.name","value":{"stringValue":"usher"}');
      t.match(sent, '"deployment.environment.name","value":{"stringValue":"here"}');
      for (const secret of ['the-secret', email, password, 'readyz']) t.notOk(sent.includes(secret), secret);
    });
  },
);

t.test('a failed span has an error status, without the driver’s message', { skip: needsPostgres() }, async (t) => {
  const collector = await startCollector(t);
  const choice = await freshDatabase(t);
  if (choice.kind !== 'postgres') return;
  const service = await startProcess(t, { DATABASE_URL: choice.url, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
  const client = new pg.Client({ connectionString: choice.url });
  await client.connect();
  await client.query('drop table users cascade');
  await client.end();
  const email = newEmail('olivia');
  await request(service.url, 'POST', '/v1/auth/login', { body: { email, password } });
  await service.end('SIGTERM');
  const login = await until('the span', () => collector.spans.find((it) => it.name === 'POST /v1/auth/login'));
  t.match(login.status, { code: 2 });
  t.ok(collector.spans.every((it) => !it.status.message && (it.events ?? []).length === 0));
  t.notMatch(collector.bodies.join('\n'), email);
});
