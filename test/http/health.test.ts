import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import t from 'tap';
import type { ProcessState } from '../../src/http/availability.ts';
import { createWorker } from '../../src/mail/outbox/worker.ts';
import { messageWriters } from '../../src/mail-writers.ts';
import { embeddedTemplate } from '../support/embedded-template.ts';
import { isPostgres, newEmail, startService } from '../support/service.ts';
import { gate, until } from '../support/until.ts';

const isUnavailable = (detail?: string) => ({ status: 503, body: { code: 'unavailable', ...(detail && { detail }) } });

t.test('GET /readyz and GET /livez', async (t) => {
  const state: { phase: ProcessState['phase']; isStuck: boolean } = { phase: 'starting', isStuck: false };
  const { call, db } = await startService(t, {
    state: {
      get phase() {
        return state.phase;
      },
      isWorkerStuck: () => state.isStuck,
    },
  });
  const [livez, readyz] = [() => call('GET', '/livez'), () => call('GET', '/readyz')];

  await t.test('while the service starts, it is alive and not ready, and refuses other requests', async (t) => {
    t.match(await livez(), { status: 200, body: { status: 'alive' } });
    t.match(await readyz(), isUnavailable('The service is starting.'));
    const refused = await call('POST', '/v1/auth/login', {
      body: { email: 'a@example.com', password: 'a guess at it' },
    });
    t.match(refused, isUnavailable('The service is starting.'));
    t.match(refused.headers['retry-after'], /^\d+$/);
    t.match(await call('GET', '/nowhere'), { status: 503 });
  });

  await t.test('after the start, it is ready', async (t) => {
    state.phase = 'serving';
    t.match(await readyz(), { status: 200, body: { status: 'ready' } });
    t.equal((await readyz()).headers.connection, 'keep-alive');
  });

  await t.test('it is not ready while migrations of this release are missing', async (t) => {
    await db.execute(sql`create table kept as select * from migrations`);
    await db.execute(sql`delete from migrations where position = 1`);
    t.match(await readyz(), isUnavailable('Migrations are missing from the database.'));
    await db.execute(sql`alter table migrations rename to away`);
    t.match(await readyz(), isUnavailable('Migrations are missing from the database.'), 'all migrations are missing');
    await db.execute(sql`alter table kept rename to migrations`);
    t.match(await readyz(), { status: 200 });
    await db.execute(sql`insert into migrations values ('of a newer release', 99, now())`);
    t.match(
      await readyz(),
      { status: 200 },
      'migrations of a newer release are allowed, so that replicas of both releases can run',
    );
  });

  await t.test('it is not ready while the mail worker is stuck', async (t) => {
    state.isStuck = true;
    t.match(await readyz(), isUnavailable('The mail worker is stuck.'));
    t.match(await livez(), { status: 200 });
    state.isStuck = false;
    t.match(await readyz(), { status: 200 });
  });

  await t.test('while the service stops, it is not ready, and its answers close the connection', async (t) => {
    state.phase = 'stopping';
    t.match(await readyz(), isUnavailable('The service is stopping.'));
    const answer = await call('GET', '/problems/not-found');
    t.equal(answer.headers.connection, 'close');
    t.match(answer, { status: 200 });
  });
});

t.test('GET /readyz checks that the database is writable', async (t) => {
  t.test('many requests cause one write a second', async (t) => {
    const statements: string[] = [];
    const { call } = await startService(t, { statements: { logQuery: (it) => void statements.push(it) } });
    statements.length = 0;
    await Promise.all(Array.from({ length: 50 }, () => call('GET', '/readyz')));
    const writes = statements.filter((it) => /write_checks/.test(it)).length;
    t.ok(writes >= 1 && writes <= 3, `${writes} writes`);
  });

  if (isPostgres) return;
  t.test('the service is not ready while the disk of the embedded database is full', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'usher-test-disk-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=150m', 'tmpfs', folder]);
    t.teardown(() => {
      execFileSync('umount', [folder]);
      rmSync(folder, { recursive: true });
    });
    const [dataDir, filler] = [join(folder, 'data'), join(folder, 'filler')];
    cpSync(embeddedTemplate, dataDir, { recursive: true });
    const lines: { msg: string }[] = [];
    const { call, newPlatformKey } = await startService(t, {
      database: { kind: 'embedded', dataDir },
      env: { LOG_LEVEL: 'warn' },
      logTo: { write: (line) => void lines.push(JSON.parse(line)) },
    });
    const token = await newPlatformKey();
    const create = () =>
      call('POST', '/v1/platform/accounts', { token, body: { name: 'x'.repeat(100), owner: { email: newEmail() } } });
    t.match(await call('GET', '/readyz'), { status: 200 });
    const { bavail, bsize } = statfsSync(folder);
    writeFileSync(filler, Buffer.alloc(bavail * bsize - 60_000));
    const reason = 'The database’s disk is full.';
    await until('the service not to be ready', async () => (await call('GET', '/readyz')).body.detail === reason);
    const refused = await until('a write to be refused', async () => {
      const answer = await create();
      return answer.status !== 201 && answer;
    });
    t.match(refused, isUnavailable(reason));
    t.match(refused.headers['retry-after'], /^\d+$/);
    t.equal(lines.filter((it) => it.msg === 'the database cannot be used').length, 1, 'the outage is logged once');
    rmSync(filler);
    await until('the service to be ready', async () => (await call('GET', '/readyz')).status === 200);
    t.match(await create(), { status: 201 });
  });
});

t.test('the mail worker is stuck if processing the outbox takes longer than its timeouts allow', async (t) => {
  const { app, service, newAccount, invite, travel } = await startService(t);
  const { open, opened } = gate();
  let hasBegun = false;
  const transport = async () => {
    hasBegun = true;
    await opened;
    return { outcome: 'sent' as const };
  };
  const worker = createWorker({ service, writers: messageWriters(service), transport, log: app.log, backlogRate: 20 });
  t.equal(worker.isStuck(), false, 'it is not stuck before it starts');
  const account = await newAccount();
  await invite(account, account.owner, 'guest@example.com', { allPermissions: true });
  worker.start();
  await until('the worker to send', () => hasBegun);
  t.equal(worker.isStuck(), false);
  travel(130_000);
  t.equal(worker.isStuck(), true);
  open();
  await worker.stop();
  t.equal(worker.isStuck(), false);
});

t.test('while the event loop lags, all requests but GET /livez are refused', async (t) => {
  const { call } = await startService(t, { env: { EVENT_LOOP_LAG_MAX: '30' } });
  const block = (ms: number) => {
    const end = performance.now() + ms;
    while (performance.now() < end);
  };
  for (const ms of [1_100, 1_100]) {
    block(ms);
    await setTimeout(1);
  }
  t.match(await call('GET', '/readyz'), { status: 200 }, 'lag during the start does not count');
  const blocking = setInterval(block, 1, 120);
  t.teardown(() => clearInterval(blocking));
  const refused = await until('a refusal', async () => {
    const answer = await call('GET', '/problems/not-found');
    return answer.status === 503 && answer;
  });
  t.match(refused, isUnavailable('The service is overloaded.'));
  t.match(await call('GET', '/readyz'), isUnavailable(), 'the service is not ready');
  t.match(refused.headers['retry-after'], /^\d+$/);
  t.match(await call('GET', '/livez'), { status: 200 });
  clearInterval(blocking);
  await until('an answer', async () => (await call('GET', '/problems/not-found')).status === 200);
});
