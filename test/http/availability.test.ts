import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { sql } from 'drizzle-orm';
import t, { type Test } from 'tap';
import { lockQueueState } from '../../src/database/lock-queue.ts';
import { addGauges } from '../../src/gauges.ts';
import { newId, uuidOf } from '../../src/ids/ids.ts';
import { missingPermissions } from '../../src/permissions/comparison.ts';
import { newApiKeySecret } from '../../src/tokens/api-key-secret.ts';
import { pathWith, readDocument } from '../support/openapi.ts';
import { createRaces, tally } from '../support/races.ts';
import { freshDatabase, needsPostgres, newEmail, password, startService, type TestUser } from '../support/service.ts';
import { until } from '../support/until.ts';

t.setTimeout(120_000);

t.test('a credential that is not valid', async (t) => {
  const statements: string[] = [];
  const lines: string[] = [];
  const service = await startService(t, {
    statements: { logQuery: (statement) => void statements.push(statement) },
    env: { LOG_LEVEL: 'info' },
    logTo: { write: (line) => void lines.push(line) },
  });
  const { app, call, newAccount, newMember, newUser, invite } = service;
  const account = await newAccount();
  const { owner } = account;
  const member = await newMember(account, { permissions: ['invoices:read'] });
  const { body: pending } = await invite(account, owner, newEmail('invited'));
  const { body: role } = await call('POST', `${account.url}/roles`, {
    body: { name: 'Reader', permissions: ['invoices:read'] },
    token: owner.token,
  });
  const { body: key } = await call('POST', `${account.url}/keys`, {
    body: { name: 'test', scopes: ['*'] },
    token: owner.token,
  });
  const platformKeyId = newId('key');

  const { operations, sampleOf } = readDocument(app);
  const values = {
    ...{ accountId: account.id, userId: member.id, inviteId: pending.id, roleId: role.id, keyId: key.id },
    ...{ grantId: newId('grt'), sessionId: newId('ses'), identityId: newId('idn') },
    ...{ type: 'domain', id: 'example.com', resourceType: 'domain', resourceId: 'example.com' },
  };
  const changing = operations.filter((it) => it.method !== 'GET' && it.credential === 'bearer');
  const inAccount = changing.filter((it) => it.path.startsWith('/v1/accounts/{accountId}'));

  /**
   * Makes every call with a token.
   * @returns the calls that wrote, locked or opened a transaction, or answered another status.
   */
  async function offending(calls: typeof changing, token: string, ...statuses: number[]): Promise<string[]> {
    const found: string[] = [];
    for (const { method, path, body, id } of calls) {
      statements.length = 0;
      const payload = body && sampleOf(body);
      const { status } = await call(method, pathWith(path, values), {
        token,
        ...(payload !== undefined && { body: payload }),
      });
      if (!statuses.includes(status)) found.push(`${id} answered ${status}`);
      const bad = statements.find((it) =>
        /^\s*(begin|insert|update|delete)\b|\bfor (no key )?(update|share|key)/i.test(it),
      );
      if (bad) found.push(`${id}: ${bad}`);
    }
    return found;
  }

  t.test('opens no transaction, takes no lock and writes nothing if it is a forged key', async (t) => {
    t.ok(inAccount.length >= 20, `${inAccount.length} calls`);
    const names = { id: key.id, accountId: account.id as `acc_${string}`, userId: owner.id as `usr_${string}` };
    t.same(await offending(changing, newApiKeySecret({ kind: 'account', ...names }).text, 400, 401, 403), []);
    t.same(await offending(changing, newApiKeySecret({ kind: 'platform', id: platformKeyId }).text, 400, 401, 403), []);
  });

  t.test('does the same if it belongs to a user who is not a member, or to an ended session', async (t) => {
    const stranger = await newUser();
    t.same(await offending(inAccount, stranger.token, 400, 403, 404), []);
    await call('DELETE', '/v1/me/sessions', { token: stranger.token });
    await call('POST', '/v1/auth/logout', { body: { refreshToken: stranger.refreshToken } });
    t.same(await offending(changing, stranger.token, 400, 401, 403), []);
    statements.length = 0;
    const { status } = await call('POST', '/v1/auth/refresh', { body: { refreshToken: stranger.refreshToken } });
    t.equal(status, 401);
    t.notMatch(statements.join('\n'), /\bbegin\b|for update/i, 'its refresh token does the same');
  });

  t.test('is logged without the ids in it', async (t) => {
    const names = { id: key.id, accountId: account.id as `acc_${string}`, userId: owner.id as `usr_${string}` };
    const madeUp = newApiKeySecret({ kind: 'account', ...names }).text;
    lines.length = 0;
    await call('PATCH', account.url, { body: { name: 'Taken' }, token: madeUp });
    await call('PATCH', account.url, { body: { name: 1 }, token: madeUp });
    await call('GET', '/v1/me', { token: madeUp });
    await call('GET', `/v1/accounts/${newId('acc')}`, { token: madeUp });
    const events = lines.map((it) => JSON.parse(it)).filter((it) => it.msg === 'security');
    t.same(
      events.map((it) => it.event),
      ['authn_token_invalid', 'input_validation_fail', 'authz_fail', 'authn_token_invalid'],
    );
    for (const id of [owner.id, key.id])
      t.notOk(
        lines.some((it) => it.includes(`"${id}"`)),
        id,
      );
    lines.length = 0;
    await call('GET', `/v1/accounts/${newId('acc')}`, { token: key.secret });
    t.match(
      JSON.parse(lines.find((it) => it.includes('authz_fail')) ?? '{}'),
      { userId: owner.id, keyId: key.id },
      'a valid key is logged with its ids',
    );
  });

  t.test('does not keep a valid key from being recorded as used', async (t) => {
    const { body: other } = await call('POST', `${account.url}/keys`, {
      body: { name: 'other', scopes: ['*'] },
      token: owner.token,
    });
    const names = { id: other.id, accountId: account.id as `acc_${string}`, userId: owner.id as `usr_${string}` };
    await call('GET', '/v1/me', { token: newApiKeySecret({ kind: 'account', ...names }).text });
    await call('GET', account.url, { token: other.secret });
    const lastUsed = await until('the key to be shown as used', async () => {
      const { body } = await call('GET', `${account.url}/keys`, { token: owner.token });
      return body.items.find((it: { id: string }) => it.id === other.id).lastUsedAt;
    });
    t.ok(lastUsed);
  });
});

t.test(
  'requests that wait for the same row',
  { skip: needsPostgres('the embedded database has one connection') },
  async (t) => {
    const database = await freshDatabase(t);
    if (database.kind !== 'postgres') throw new Error('not on Postgres');
    const service = await startService(t, { database: { ...database, poolSize: 4 } });
    const { call, db, newAccount, newMember, newUser, newPlatformKey, invite, tokenFor } = service;
    const { whileLocked } = createRaces(service);
    const stranger = await newAccount();
    const rename = (account: { url: string; owner: TestUser }, i: number) =>
      call('PATCH', account.url, { body: { name: `Name ${i}` }, token: account.owner.token });

    /**
     * While the test has a lock, makes 80 calls that need it. A stranger's read and the surplus are
     * answered before the lock is released, and everything works after that.
     */
    async function testCrowd(
      t: Test,
      lock: { statement: string; values: unknown[] },
      act: (i: number) => Promise<Answer>,
    ) {
      const early: Answer[] = [];
      const all: Promise<Answer>[] = [];
      await whileLocked(lock, async (untilWaiting) => {
        for (let i = 0; i < 80; i += 1) {
          const answered = act(i);
          all.push(answered);
          void answered.then((it) => early.push(it));
        }
        await untilWaiting(52);
        await until('the surplus to be answered', () => early.length >= 28);
        const { status } = await call('GET', stranger.url, { token: stranger.owner.token });
        t.equal(status, 200, 'a stranger’s read is answered meanwhile');
        t.same(tally(early), { '503 unavailable': 28 }, 'the surplus is refused immediately');
        for (const { headers } of early) t.equal(headers['retry-after'], '1');
      });
      const counts = tally(await Promise.all(all));
      t.equal(counts['503 unavailable'], 28, 'no other request is refused');
      t.equal(lockQueueState(db).waiting, 0);
      return counts;
    }

    const account = await newAccount();
    const lockAccount = (id: string) => ({
      statement: 'select from accounts where id = $1 for update',
      values: [uuidOf('acc', id as `acc_${string}`)],
    });

    t.test('for an account: changes of the account', async (t) => {
      const counts = await testCrowd(t, lockAccount(account.id), (i) => rename(account, i));
      t.equal(counts['200'], 52);
      t.equal((await rename(account, 61)).status, 200, 'the account can be changed again');
    });

    t.test('for two accounts do not wait for each other', async (t) => {
      const other = await newAccount();
      await whileLocked(lockAccount(account.id), async (untilWaiting) => {
        const waiting = Array.from({ length: 5 }, (_, i) => rename(account, i));
        await untilWaiting(5);
        t.equal((await rename(other, 1)).status, 200);
        void Promise.all(waiting);
      });
    });

    t.test('for an account: invites being accepted and declined', async (t) => {
      const emails = Array.from({ length: 80 }, () => newEmail('crowd'));
      const tokens: string[] = [];
      for (const email of emails) {
        await invite(account, account.owner, email, { permissions: [] });
        tokens.push(await tokenFor(email, 'invite'));
      }
      const register = { name: 'Adam Member', password };
      const counts = await testCrowd(t, lockAccount(account.id), (i) =>
        i % 2 === 0
          ? call('POST', '/v1/invites/decline', { body: { token: tokens[i] } })
          : call('POST', '/v1/invites/accept', { body: { token: tokens[i], register } }),
      );
      t.equal((counts['200'] ?? 0) + (counts['201'] ?? 0), 52);
    });

    t.test('for a user: sessions being ended', async (t) => {
      const user = await newUser();
      const lock = {
        statement: 'select from users where id = $1 for no key update',
        values: [uuidOf('usr', user.id as `usr_${string}`)],
      };
      await service.logIn(user);
      const counts = await testCrowd(t, lock, () => call('DELETE', '/v1/me/sessions', { token: user.token }));
      t.equal(counts['204'], 52);
    });

    t.test('for a refresh token', async (t) => {
      const user = await newUser();
      const lock = { statement: 'select from refresh_tokens for update', values: [] };
      const counts = await testCrowd(t, lock, () =>
        call('POST', '/v1/auth/refresh', { body: { refreshToken: user.refreshToken } }),
      );
      t.ok((counts['200'] ?? 0) > 0);
    });

    t.test('for the catalogue, and for the platform’s keys', async (t) => {
      const token = await newPlatformKey();
      await testCrowd(t, { statement: 'select from catalogue for update', values: [] }, (i) =>
        call('POST', '/v1/role-presets', { body: { name: `Preset ${i}`, permissions: ['invoices:read'] }, token }),
      );
      await testCrowd(t, { statement: 'select from platform_keys for update', values: [] }, (i) =>
        call('POST', '/v1/platform-keys', { body: { name: `key ${i}`, scopes: ['*'] }, token }),
      );
    });

    /**
     * While the test has a lock, one client fills the queue and another makes one call. That call
     * is not refused, and it is answered before most of the first client's calls.
     */
    async function testShare(
      t: Test,
      lock: { statement: string; values: unknown[] },
      flood: () => Promise<Answer>,
      act: () => Promise<Answer>,
    ) {
      const floods: Promise<Answer>[] = [];
      const answers: Answer[] = [];
      let acting: Promise<{ answer: Answer; before: number }> | undefined;
      await whileLocked(lock, async (untilWaiting) => {
        for (let i = 0; i < 80; i += 1) {
          const answered = flood();
          floods.push(answered);
          void answered.then((it) => answers.push(it));
        }
        await untilWaiting(52);
        await until('the surplus to be answered', () => answers.length >= 28);
        acting = act().then((answer) => ({ answer, before: answers.length }));
        await until('a place to be taken from the first client', () => answers.length >= 29);
      });
      const { answer, before } = (await acting) as { answer: Answer; before: number };
      t.equal(answer.status, 204, 'the other client is served');
      t.ok(before < 40, `after ${before} answers to the first`);
      return tally(await Promise.all(floods));
    }

    t.test('for an account: a member does not keep the owner from removing them', async (t) => {
      const account = await newAccount();
      const member = await newMember(account, { permissions: ['account:manage'] });
      const counts = await testShare(
        t,
        lockAccount(account.id),
        () => call('PATCH', account.url, { body: { name: 'Mine' }, token: member.token }),
        () => call('DELETE', `${account.url}/members/${member.id}`, { token: account.owner.token }),
      );
      t.equal(counts['503 unavailable'], 29);
    });

    t.test('for an account: callers without the required permission are refused before the queue', async (t) => {
      const account = await newAccount();
      const { token } = await newMember(account, { permissions: [] });
      const { id: userId } = account.owner;
      const { id: inviteId } = (await service.invite(account, account.owner, newEmail())).body;
      const grants = [{ permission: 'members:read' }];
      const at = (path: string) => `${account.url}/${path}`;
      const refused: [string, () => Promise<Answer>][] = [
        ['403 permission-missing', () => call('PATCH', account.url, { body: { name: 'Mine' }, token })],
        ['403 permission-missing', () => call('DELETE', at(`members/${userId}`), { token })],
        ['403 permission-missing', () => call('POST', at(`members/${userId}/suspend`), { token })],
        ['403 permission-missing', () => call('POST', at(`members/${userId}/grants`), { body: { grants }, token })],
        ['403 permission-missing', () => call('DELETE', at(`roles/${newId('rol')}`), { token })],
        ['403 permission-missing', () => call('POST', at('keys'), { body: { name: 'k', scopes: ['*'] }, token })],
        ['403 permission-missing', () => call('POST', at(`invites/${inviteId}/revoke`), { token })],
        ['403 cannot-grant', () => call('DELETE', at('ownership-transfer'), { token })],
        ['404 not-found', () => call('POST', at('ownership-transfer/accept'), { token })],
      ];
      await whileLocked(lockAccount(account.id), async () => {
        for (const [expected, act] of refused) t.same(tally([await act()]), { [expected]: 1 });
      });
    });

    t.test('for an account: all keys of a member count as one client', async (t) => {
      const account = await newAccount();
      const member = await newMember(account, { permissions: ['keys:manage', 'account:manage'] });
      const keys: string[] = [];
      for (let i = 0; i < 60; i += 1) {
        const body = { name: `key ${i}`, scopes: ['account:manage'] };
        keys.push((await call('POST', `${account.url}/keys`, { body, token: member.token })).body.secret);
      }
      let next = 0;
      await testShare(
        t,
        lockAccount(account.id),
        () => call('PATCH', account.url, { body: { name: 'Mine' }, token: keys[next++ % keys.length] as string }),
        () => call('DELETE', `${account.url}/members/${member.id}`, { token: account.owner.token }),
      );
    });

    t.test('for a user: a stolen session does not keep the user from ending it', async (t) => {
      const user = await newUser();
      const { token: stolen } = user;
      const token = await service.logIn(user);
      const lock = {
        statement: 'select from users where id = $1 for no key update',
        values: [uuidOf('usr', user.id as `usr_${string}`)],
      };
      await testShare(
        t,
        lock,
        () => call('DELETE', `/v1/me/sessions/${newId('ses')}`, { token: stolen }),
        () => call('DELETE', '/v1/me/sessions', { token }),
      );
    });

    t.test('are counted in the metrics', async (t) => {
      const read = addGauges(service.service.metrics.registry, {
        service: service.service,
        database: { db, connections: () => ({ idle: 0, busy: 0, waiting: 0 }) },
      });
      t.match(await read(), /^usher_lock_queue_waiting 0$/m);
      t.match(await read(), new RegExp(`^usher_lock_queue_refused_total ${lockQueueState(db).refused}$`, 'm'));
    });
  },
);

t.test('a client that keeps its connection open', async (t) => {
  const listening = async () => {
    const { app } = await startService(t);
    await app.listen({ host: '127.0.0.1', port: 0 });
    return { app, port: (app.server.address() as AddressInfo).port };
  };

  /** A client that never closes its half. */
  async function connectTo(port: number) {
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    t.teardown(() => void socket.destroy());
    let text = '';
    socket.on('data', (it) => {
      text += it;
    });
    socket.on('error', () => {});
    await once(socket, 'connect');
    return { socket, answer: () => text };
  }

  /** The server's end of the newest connection. */
  async function connectionsOf(app: { server: Server }): Promise<number> {
    return new Promise((resolve, reject) => {
      app.server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
    });
  }

  const refused = {
    'sends what is not HTTP': { sends: 'not HTTP at all\r\n\r\n', status: 400, code: 'invalid-request' },
    'sends too many headers': {
      sends: `GET /livez HTTP/1.1\r\nHost: a\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`,
      status: 431,
      code: 'headers-too-large',
    },
    'does not finish its request in time': {
      sends: 'POST /v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Len',
      status: 408,
      code: 'request-timeout',
    },
  };
  for (const [what, { sends, status, code }] of Object.entries(refused)) {
    t.test(`${what} is answered, and its socket is destroyed`, async (t) => {
      const { app, port } = await listening();
      const sockets: Socket[] = [];
      app.server.on('connection', (it) => void sockets.push(it));
      const { socket, answer } = await connectTo(port);
      socket.write(sends);
      if (status === 408) {
        // Node looks for requests that are late every 30 seconds, and then emits this.
        const late = Object.assign(new Error('late'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' });
        app.server.emit('clientError', late, await until('the connection', () => sockets[0]));
      }
      const text = await until('the answer', () => answer().includes('"code"') && answer());
      t.match(text, new RegExp(`^HTTP/1.1 ${status} `));
      t.match(text, 'Content-Type: application/problem+json');
      t.match(text, `"code":"${code}"`);
      await until('the socket to be destroyed', async () => (await connectionsOf(app)) === 0, 3_000);
      t.equal((await app.inject(`/problems/${code}`)).statusCode, 200, 'the problem is explained');
    });
  }

  t.test('does not delay a stop, whatever it has sent', async (t) => {
    const { app, port } = await listening();
    const [silent, part, slowBody, idle] = await Promise.all([1, 2, 3, 4].map(() => connectTo(port)));
    part?.socket.write('GET /livez HT');
    slowBody?.socket.write(
      'POST /v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
    );
    idle?.socket.write('GET /livez HTTP/1.1\r\nHost: a\r\n\r\n');
    await until('the idle one to be answered', () => idle?.answer().includes('alive'));
    t.equal(silent?.answer(), '');
    t.equal(await connectionsOf(app), 4);
    const began = performance.now();
    await app.close();
    t.ok(performance.now() - began < 10_000, 'a stop may take 20 seconds');
  });

  t.test('gets the connection closed after an answer with Connection: close', async (t) => {
    const { app, port } = await listening();
    const { socket, answer } = await connectTo(port);
    socket.write('GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    await until('the answer', () => answer().includes('alive'));
    await until('the socket to be destroyed', async () => (await connectionsOf(app)) === 0, 3_000);
    t.match(answer(), /^HTTP\/1.1 200 /);
  });
});

t.test('the OpenAPI document', async (t) => {
  const { app } = await startService(t);
  let serialised = 0;
  const swagger = app.swagger.bind(app);
  Object.assign(app, {
    swagger: (...options: Parameters<typeof swagger>) => {
      serialised += 1;
      return swagger(...options);
    },
  });
  for (const [url, type] of [
    ['/openapi.json', 'application/json; charset=utf-8'],
    ['/docs/json', 'application/json; charset=utf-8'],
    ['/docs/yaml', 'application/yaml'],
  ] as const) {
    t.test(`${url} is serialised once, and answers 304 to clients that have it`, async (t) => {
      const first = await app.inject(url);
      t.equal(first.statusCode, 200);
      t.equal(first.headers['content-type'], type);
      t.equal(first.headers['cache-control'], 'no-cache');
      serialised = 0;
      const again = await app.inject(url);
      t.equal(again.body, first.body);
      const etag = String(first.headers.etag);
      for (const known of [etag, `"other", W/${etag}`, '*']) {
        const { statusCode, body } = await app.inject({ url, headers: { 'if-none-match': known } });
        t.same([statusCode, body], [304, ''], known);
      }
      const { statusCode } = await app.inject({ url, headers: { 'if-none-match': '"other"' } });
      t.equal(statusCode, 200);
      t.equal(serialised, 0, 'no further request serialises it');
    });
  }
});

t.test(
  'the work of one request',
  { skip: needsPostgres('the embedded database has no counters of blocks') },
  async (t) => {
    let asked: { statement: string; values: unknown[] } | undefined;
    const service = await startService(t, {
      statements: {
        logQuery: (statement: string, values: unknown[] = []) => {
          if (statement.includes('properties @> g.condition')) asked = { statement, values };
        },
      },
    });
    const { call, db, newAccount, newMember, newPlatformKey } = service;
    const { ownTransaction } = createRaces(service);
    const account = await newAccount();
    const member = await newMember(account, { permissions: [] });
    const token = await newPlatformKey();
    const grants = `${account.url}/members/${member.id}/grants`;
    const resources = ['invoice-1', 'invoice-9999', 'nothing'];
    const evaluations = Array.from({ length: 100 }, (_, i) => ({
      subject: { type: 'user', id: member.id },
      action: { name: i % 2 === 0 ? 'invoices:read' : 'invoices:pay' },
      resource: {
        type: 'invoice',
        id: resources[i % 3],
        properties: { accountId: account.id, status: 'open' },
      },
    }));

    /**
     * The blocks that the database reads to decide a hundred questions, with the plan that the
     * service uses.
     */
    async function blocksRead(): Promise<number> {
      const { status, body } = await call('POST', '/access/v1/evaluations', { body: { evaluations }, token });
      t.equal(status, 200);
      t.equal(body.evaluations.length, 100);
      return ownTransaction(async (client) => {
        await client.query('set local plan_cache_mode = force_generic_plan');
        const { rows } = await client.query({
          text: `explain (analyze, buffers, format json) ${asked?.statement}`,
          values: asked?.values ?? [],
        });
        const { Plan: plan } = rows[0]['QUERY PLAN'][0];
        return plan['Shared Hit Blocks'] + plan['Shared Read Blocks'];
      });
    }

    /**
     * Adds more grants on invoices to the member than one request may: some valid, some long
     * ended.
     */
    const addGrants = (count: number, endsAt: string | null, resource = "'invoice-' || i") =>
      db.execute(sql`
      insert into grants (account_id, user_id, id, permission, resource_type, resource_id, ends_at, created_at)
      select ${uuidOf('acc', account.id as `acc_${string}`)}, ${uuidOf('usr', member.id as `usr_${string}`)}, gen_random_uuid(),
        'invoices:read', 'invoice', ${sql.raw(resource)}, ${endsAt}::timestamptz, now()
      from generate_series(1, ${sql.raw(String(count))}) i`);

    t.test('does not grow with the number of grants of the member', async (t) => {
      // The planner chooses the better index only with statistics, which autovacuum gathers within
      // a minute.
      const analyse = () => db.execute(sql`analyze grants`);
      await addGrants(1, null);
      await analyse();
      const few = await blocksRead();
      await addGrants(5_000, null);
      await addGrants(5_000, '2020-01-01T00:00:00Z', "'invoice-1'");
      await analyse();
      const many = await blocksRead();
      t.ok(many < few + 3_000, `${few} blocks with one grant, ${many} with 10,000`);
      await db.execute(sql`delete from grants`);
    });

    t.test('is limited by the maximum number of grants of a member', async (t) => {
      const give = (count: number, grant: (i: number) => object) =>
        call('POST', grants, {
          body: { grants: Array.from({ length: count }, (_, i) => grant(i)) },
          token: account.owner.token,
        });
      const conditional = (i: number) => ({
        permission: 'invoices:read',
        resource: { type: 'invoice' },
        condition: { resource: { status: `status ${i}` } },
      });
      t.equal((await give(100, conditional)).status, 201);
      t.equal((await give(1, conditional)).code, 'too-many-grants');
      for (let i = 0; i < 5; i += 1) {
        const whole = await give(100, () => ({ permission: 'invoices:read', endsAt: '2099-01-01T00:00:00Z' }));
        t.equal(whole.status, 201);
      }
      t.equal((await give(1, () => ({ permission: 'invoices:read' }))).code, 'too-many-grants');
      const onResource = (i: number) => ({ permission: 'invoices:read', resource: { type: 'invoice', id: `${i}` } });
      t.equal((await give(100, onResource)).status, 201, 'grants on resources are still possible');
    });

    t.test('a search parses the properties of its question once', async (t) => {
      const seeker = await newMember(account, { permissions: ['members:read'] });
      const ids = sql`${uuidOf('acc', account.id as `acc_${string}`)}::uuid`;
      await db.execute(sql`
        insert into grants (account_id, user_id, id, permission, resource_type, condition, created_at)
        select ${ids}, ${uuidOf('usr', seeker.id as `usr_${string}`)}, gen_random_uuid(), 'invoices:read', 'thing',
          jsonb_build_object('resource', jsonb_build_object('status', i::text)), now() from generate_series(1, 100) i`);
      await db.execute(sql`
        insert into resources (account_id, type, id, created_at)
        select ${ids}, 'thing', 'thing-' || i, now() from generate_series(1, 500) i`);
      const large = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`property-${i}`, 'x'.repeat(256)]));
      const properties = { ...large, accountId: account.id };
      const subject = { type: 'user', id: seeker.id, properties: large };
      const action = { name: 'invoices:read', properties: large };
      for (const [kind, body] of [
        ['resource', { subject, action, resource: { type: 'thing', properties } }],
        ['subject', { subject: { type: 'user' }, action, resource: { type: 'thing', id: 'thing-1', properties } }],
        ['action', { subject, resource: { type: 'thing', id: 'thing-1', properties } }],
      ] as const) {
        const { status } = await call('POST', `/access/v1/search/${kind}`, { body, token: seeker.token });
        t.equal(status, 200, `${kind}: before a statement takes too long`);
      }
    });

    t.test('evaluations do not multiply the properties that they inherit', async (t) => {
      const inheriting = Array.from({ length: 100 }, () => ({
        resource: { type: 'invoice', id: '1', properties: { accountId: account.id } },
      }));
      const ask = (properties: object) => {
        const subject = { type: 'user', id: member.id, properties };
        const body = { subject, action: { name: 'invoices:read' }, evaluations: inheriting };
        return call('POST', '/access/v1/evaluations', { body, token });
      };
      const named = (value: unknown) =>
        Object.fromEntries(Array.from({ length: 99 }, (_, i) => [`property-${i}`, value]));
      t.match(await ask(named('x'.repeat(256))), {
        status: 400,
        body: { code: 'invalid-request', errors: [{ pointer: '/evaluations' }] },
      });
      asked = undefined;
      t.equal((await ask(named(Array.from({ length: 500 }, (_, i) => i)))).status, 200);
      const size = JSON.stringify((asked as { values: unknown[] } | undefined)?.values).length;
      t.ok(size < 64 * 1024, `lists, which no condition can use, are not sent to the database: ${size} bytes`);
    });

    t.test('evaluations do not validate fields that are not in the standard', async (t) => {
      const unknown = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`_${i}`, 0]));
      const body = {
        subject: { type: 'user', ...unknown },
        action: { name: 'invoices:read' },
        resource: { type: 'invoice', id: '1', properties: { accountId: account.id } },
        evaluations: Array.from({ length: 100 }, () => ({})),
      };
      const before = process.cpuUsage();
      const { status, body: answer } = await call('POST', '/access/v1/evaluations', { body, token });
      t.equal(status, 200);
      t.match(answer.evaluations[99].context.error.message, '/subject');
      const { user } = process.cpuUsage(before);
      t.ok(user < 1_000_000, `${user} µs of processor time, where each evaluation took 50 ms`);
    });

    t.test('requests of a member with many roles stay cheap', async (t) => {
      const holder = await newMember(account, { permissions: [] });
      const known = (await call('GET', '/v1/permissions', { token: account.owner.token })).body.items;
      const keys = known.map((it: { key: string }) => it.key);
      const roles: string[] = [];
      for (let i = 0; i < 50; i += 1) {
        const made = await call('POST', `${account.url}/roles`, {
          body: { name: `Role ${i}`, permissions: keys },
          token: account.owner.token,
        });
        roles.push(made.body.id);
      }
      await call('PATCH', `${account.url}/members/${holder.id}`, {
        body: { access: { roles } },
        token: account.owner.token,
      });
      const mine = await call('GET', '/v1/me/accounts', { token: holder.token });
      t.same(mine.body.items[0].effectivePermissions, keys, 'each permission once');
      const { body } = await call('GET', `${account.url}/members/me/permissions`, { token: holder.token });
      const reasons = body.items.flatMap((it: { reasons: object[] }) => it.reasons);
      t.equal(body.items.length, keys.length);
      t.ok(reasons.length <= 10_000, `${reasons.length} reasons`);
    });

    t.test('the catalogue is not read from a request whose key is not valid', async (t) => {
      const body = { permissions: Array.from({ length: 10_000 }, () => ({})) };
      t.equal((await call('PUT', '/v1/permissions', { body, token })).status, 400);
      const { text } = newApiKeySecret({ kind: 'platform', id: newId('key') });
      t.equal((await call('PUT', '/v1/permissions', { body, token: text })).status, 401);
      t.equal((await call('PUT', '/v1/permissions', { body, token: account.owner.token })).status, 403);
    });

    t.test('comparing two members does not compare each grant with each', async (t) => {
      const grantedPermissions = Array.from({ length: 10_000 }, (_, i) => ({
        permission: 'invoices:read',
        resource: { type: 'invoice', id: `invoice-${i}` },
        condition: {},
        endsAt: null,
      }));
      let reads = 0;
      const counted = grantedPermissions.map((it) => ({
        ...it,
        get permission() {
          reads += 1;
          return it.permission;
        },
      }));
      const access = { allPermissions: false, endsAt: null };
      t.same(missingPermissions({ ...access, grantedPermissions: counted }, { ...access, grantedPermissions }), []);
      t.ok(reads < 100_000, `${reads} reads`);
    });
  },
);

interface Answer {
  status: number;
  code: string | undefined;
  headers: Record<string, unknown>;
}
