import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { addGauges } from '../../src/gauges.ts';
import type { Service } from '../../src/service.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { serveMetrics } from '../../src/telemetry/metrics-server.ts';
import { createTestWorker, messagesOf } from '../support/outbox.ts';
import { startProcess } from '../support/process.ts';
import { root } from '../support/root.ts';
import { eventOf, newWebhookKey, postToWebhook, seconds } from '../support/sendgrid-events.ts';
import { freshDatabase, newEmail, password, startService } from '../support/service.ts';

t.setTimeout(120_000);

/** The value of a sample; undefined if none has all these labels. */
function sampleOf(text: string, name: string, labels: Record<string, string> = {}): number | undefined {
  const lines = text.split('\n').filter((it) => it.startsWith(`${name} `) || it.startsWith(`${name}{`));
  const line = lines.find((it) => Object.entries(labels).every(([key, value]) => it.includes(`${key}="${value}"`)));
  return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ') + 1));
}

t.test('the metrics', async (t) => {
  const key = newWebhookKey();
  const service = await startService(t, { env: { SENDGRID_WEBHOOK_KEYS: key.verificationKey } });
  const { call, db } = service;
  const { registry } = service.service.metrics;
  let isAway = false;
  const database = {
    get db() {
      if (isAway) throw new Error('away');
      return db;
    },
    connections: () => ({ idle: 2, busy: 1, waiting: 4 }),
  };
  const read = addGauges(registry, { service: service.service, database });
  const account = await service.newAccount();
  const { owner } = account;

  t.test('count requests by the template of their route, not by their URL', async (t) => {
    await call('GET', account.url, { token: owner.token });
    await call('GET', `${account.url}/invites?email=somebody@example.com`, { token: owner.token });
    await call('GET', '/v1/nothing/that-is-there');
    const text = await read();
    const route = '/v1/accounts/:accountId';
    t.equal(sampleOf(text, 'usher_http_request_duration_seconds_count', { method: 'GET', route, status: '200' }), 1);
    const none = { method: 'GET', route: 'none', status: '404' };
    t.equal(sampleOf(text, 'usher_http_request_duration_seconds_count', none), 1);
    for (const secret of [account.id, owner.email, 'somebody', 'that-is-there', 'eyJ'])
      t.notOk(text.includes(secret), secret);
  });

  t.test('count logins by their outcome', async (t) => {
    await call('POST', '/v1/auth/login', { body: { email: owner.email, password } });
    for (const _ of [1, 2])
      await call('POST', '/v1/auth/login', { body: { email: owner.email, password: 'not the one' } });
    const text = await read();
    const count = (event: string, outcome: string) => sampleOf(text, 'usher_security_events_total', { event, outcome });
    t.equal(count('authn_login_success', 'success'), 1);
    t.equal(count('authn_login_fail', 'refused'), 2);
  });

  t.test('count mails, the outbox and delivery events', async (t) => {
    const made = await service.invite(account, owner, newEmail('adam'));
    await service.invite(account, owner, newEmail('adam'));
    t.equal(sampleOf(await read(), 'usher_outbox_mails', { state: 'due' }), 2);
    service.travel(30_000);
    const age = sampleOf(await read(), 'usher_outbox_oldest_due_seconds') ?? 0;
    t.ok(age >= 30 && age < 40, `${age} seconds`);
    const refusing = createTestWorker(service, { transport: async () => ({ outcome: 'refused', reason: 'no' }) });
    await refusing.drain();
    const text = await read();
    t.equal(sampleOf(text, 'usher_mails_total', { kind: 'invite', outcome: 'failed' }), 2);
    t.equal(sampleOf(text, 'usher_outbox_mails', { state: 'failed' }), 2);
    t.equal(sampleOf(text, 'usher_outbox_mails', { state: 'due' }), 0);
    const [mail] = await messagesOf(db, made.body.id);
    const body = JSON.stringify([eventOf(String(mail?.id), 'bounce', service.clock())]);
    await postToWebhook(service, body, key.sign(body, seconds(service.clock())));
    t.equal(sampleOf(await read(), 'usher_delivery_events_total', { event: 'bounced' }), 1);
  });

  t.test(
    'show the connection pool, the password queue and the process, also while the database is unavailable',
    async (t) => {
      const text = await read();
      t.equal(sampleOf(text, 'usher_database_up'), 1);
      t.equal(sampleOf(text, 'usher_database_connections', { state: 'waiting' }), 4);
      t.equal(sampleOf(text, 'usher_password_queue'), 0);
      t.ok((sampleOf(text, 'process_resident_memory_bytes') ?? 0) > 1e6);
      t.type(sampleOf(text, 'nodejs_eventloop_lag_seconds'), 'number');
      isAway = true;
      const without = await read();
      t.equal(sampleOf(without, 'usher_database_up'), 0);
      t.equal(sampleOf(without, 'usher_password_queue'), 0);
      t.equal(
        sampleOf(without, 'usher_outbox_mails', { state: 'due' }),
        undefined,
        'the gauges of the outbox are missing',
      );
    },
  );
});

t.test('the dashboard, the alerts and the docs use only existing metrics', async (t) => {
  const { registry } = createMetrics();
  const connections = () => ({ idle: 0, busy: 0, waiting: 0 });
  const db = undefined as never;
  const about = { clock: () => new Date(), passwords: { waiting: () => 0 } } as unknown as Service;
  addGauges(registry, { service: about, database: { db, connections } });
  const names = registry.getMetricsAsArray().map((it) => it.name);
  const read = (file: string) => readFileSync(join(root, 'docs', file), 'utf8');
  const [page, dashboard, alerts] = ['operators.md', 'grafana-dashboard.json', 'alerts.yaml'].map(read) as [
    string,
    string,
    string,
  ];

  for (const text of [dashboard, alerts]) {
    const named = new Set(text.match(/\b(usher|nodejs|process)_[a-z0-9_]+/g));
    t.ok(named.size > 4);
    for (const it of named) t.ok(names.includes(it.replace(/_(bucket|count|sum)$/, '')), it);
  }
  for (const name of names.filter((it) => it.startsWith('usher_'))) t.match(page, `\`${name}\``);
  t.same(
    [...page.matchAll(/^\| `(Usher\w+)` \|/gm)].map((it) => it[1]),
    [...alerts.matchAll(/- alert: (\w+)/g)].map((it) => it[1]),
    'each alert is documented',
  );
  t.doesNotThrow(() => JSON.parse(dashboard));
});

t.test('the metrics server serves the metrics and nothing else', async (t) => {
  const metrics = createMetrics();
  metrics.countRequest('GET', '/v1/me', 200, 12);
  let collect = () => metrics.registry.metrics();
  const { port, close } = await serveMetrics(() => collect(), '127.0.0.1', 0);
  t.teardown(close);
  const ask = (path: string, method = 'GET') => fetch(`http://127.0.0.1:${port}${path}`, { method });
  const answer = await ask('/metrics');
  t.equal(answer.status, 200);
  t.match(answer.headers.get('content-type'), /^text\/plain; version=0\.0\.4/);
  t.match(await answer.text(), 'usher_http_request_duration_seconds_bucket');
  t.equal((await ask('/metrics?x=1')).status, 200);
  t.equal((await ask('/')).status, 404);
  t.equal((await ask('/v1/me')).status, 404, 'nothing else is served');
  t.match(await ask('/metrics', 'POST'), { status: 405 });
  collect = () => Promise.reject(new Error('no'));
  t.equal((await ask('/metrics')).status, 500);
});

t.test('the service serves metrics if a port is set, and stops the metrics server with itself', async (t) => {
  const choice = await freshDatabase(t);
  const place = choice.kind === 'postgres' ? { DATABASE_URL: choice.url } : { DATA_DIR: choice.dataDir };
  const port = 20_000 + (process.pid % 20_000);
  const service = await startProcess(t, { ...place, METRICS_PORT: String(port), LOG_LEVEL: 'warn' });
  const text = await fetch(`http://127.0.0.1:${port}/metrics`).then((it) => it.text());
  t.equal(sampleOf(text, 'usher_database_up'), 1);
  t.equal(sampleOf(text, 'usher_outbox_mails', { state: 'queued' }), 0);
  t.equal((await fetch(`${service.url}/metrics`)).status, 404, 'the API does not serve the metrics');
  t.match(await (await fetch(`${service.url}/livez`)).json(), { status: 'alive' });
  t.match(await service.end('SIGTERM'), { code: 0 });
});
