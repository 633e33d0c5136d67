import { sql } from 'drizzle-orm';
import t from 'tap';
import { uuidOf } from '../../src/ids/ids.ts';
import { disableUser, requireUserByName } from '../../src/platform/operate-users.ts';
import { newEmail, password, startService, type TestUser } from '../support/service.ts';

const statements: string[] = [];
const service = await startService(t, {
  env: { ISSUER: 'https://usher.example.com' },
  statements: { logQuery: (it) => void statements.push(it) },
});
const { call, tokenFor, newPlatformKey, newAccountKey, newAccount, newMember, newUser } = service;

interface Entity {
  type?: unknown;
  id?: unknown;
  name?: unknown;
  properties?: object;
}

const user = (id: string, properties?: object) => ({ type: 'user', id, ...(properties && { properties }) });
const record = (id: string, properties?: object) => ({ type: 'record', id, ...(properties && { properties }) });
const to = (name: string, properties?: object) => ({ name, ...(properties && { properties }) });

/**
 * Loads the fixture of the certification scenario (section "Required Fixture") through the public
 * API.
 */
async function loadFixture() {
  const platform = await newPlatformKey();
  await declareRecords(platform);
  const made = await call('POST', '/v1/platform/accounts', {
    body: { name: 'Certification', owner: { email: newEmail('owner') } },
    token: platform,
  });
  const url = `/v1/accounts/${made.body.account.id}`;
  const people: Record<string, TestUser> = {};
  for (const name of ['alice', 'bob']) people[name] = await join(url, name, platform);
  const grant = (name: string, grants: object[]) =>
    call('POST', `${url}/members/${people[name]?.id}/grants`, { body: { grants }, token: platform });
  const responses = [
    await grant('alice', [
      { permission: 'record:read', resource: record('record-1') },
      { permission: 'record:write', resource: { type: 'record' }, condition: { resource: { status: 'active' } } },
      { permission: 'record:write', resource: record('record-1') },
      { permission: 'record:delete', resource: record('record-1'), condition: { action: { soft: true } } },
    ]),
    await grant('bob', [
      { permission: 'record:read', resource: { type: 'record' } },
      { permission: 'record:write', resource: { type: 'record' }, condition: { subject: { role: 'admin' } } },
      { permission: 'record:write', resource: record('record-2') },
    ]),
  ];
  for (const id of ['record-1', 'record-2']) {
    responses.push(await call('PUT', `${url}/resources/record/${id}`, { token: platform }));
  }
  for (const it of responses) if (it.status > 201) throw new Error(JSON.stringify(it.body));
  return { platform, url, accountId: made.body.account.id as string, people };
}

/** Adds the permissions on records to the catalogue. */
async function declareRecords(platform: string): Promise<void> {
  const { body } = await call('GET', '/v1/permissions', { token: platform });
  const existing = body.items.filter((it: { own: boolean }) => !it.own).map(({ own, ...it }: { own: boolean }) => it);
  const records = ['read', 'write', 'delete'].map((name) => ({
    ...{ key: `record:${name}`, title: name, description: `To ${name} records.`, group: 'Records' },
  }));
  const permissions = [...existing, ...records];
  const declared = await call('PUT', '/v1/permissions', { body: { permissions }, token: platform });
  if (declared.status !== 200) throw new Error(JSON.stringify(declared.body));
}

/** Invites a user without permissions, who registers and gets an external id. */
async function join(url: string, name: string, platform: string): Promise<TestUser> {
  const email = newEmail(name);
  await call('POST', `${url}/invites`, { body: { email, access: { permissions: [] } }, token: platform });
  const token = await tokenFor(email, 'invite');
  const { body } = await call('POST', '/v1/invites/accept', { body: { token, register: { name, password } } });
  const { user: person, accessToken, refreshToken } = body.session;
  await call('PATCH', `/v1/platform/users/${person.id}`, { body: { externalId: name }, token: platform });
  return { id: person.id, email, token: accessToken, refreshToken };
}

const fixture = await loadFixture();
const owner = await newUser();
/** The account key of the harness. Requests with it need not name the account. */
const key = await ownerKey();

async function ownerKey(): Promise<string> {
  // The platform owns the account, so a member with all permissions creates the key.
  const email = newEmail('deputy');
  await call('POST', `${fixture.url}/invites`, {
    body: { email, access: { allPermissions: true } },
    token: fixture.platform,
  });
  const token = await tokenFor(email, 'invite');
  const { body } = await call('POST', '/v1/invites/accept', {
    body: { token, register: { name: 'Deputy', password } },
  });
  return newAccountKey(fixture, { ...owner, token: body.session.accessToken }, 'members:read');
}

const post = (path: string, body: unknown, token: string = key, headers = {}) =>
  call('POST', `/access/v1/${path}`, { body, token, headers });
const evaluation = (body: unknown, token?: string) => post('evaluation', body, token);

async function decision(subject: Entity, action: Entity, resource: Entity): Promise<boolean> {
  const { status, body } = await evaluation({ subject, action, resource });
  if (status !== 200) throw new Error(JSON.stringify(body));
  return body.decision;
}

t.test('AuthZEN certification: evaluation', async (t) => {
  t.test('makes the eight decisions of the scenario', async (t) => {
    const archived = { status: 'archived' };
    t.equal(await decision(user('alice'), to('read'), record('record-1')), true, '1');
    t.equal(await decision(user('alice'), to('write'), record('record-1')), true, '2');
    t.equal(await decision(user('bob'), to('read'), record('record-1')), true, '3');
    t.equal(await decision(user('bob'), to('write'), record('record-1')), false, '4');
    t.equal(await decision(user('alice'), to('write'), record('record-2', archived)), false, '5');
    t.equal(await decision(user('bob', { role: 'admin' }), to('write'), record('record-2', archived)), true, '6');
    t.equal(await decision(user('alice'), to('delete', { soft: true }), record('record-1')), true, '7');
    t.equal(await decision(user('alice'), to('delete', { soft: false }), record('record-1')), false, '8');
  });

  t.test('ignores the context, other properties and unknown fields', async (t) => {
    const query = { subject: user('alice'), action: to('read'), resource: record('record-1') };
    const more: object[] = [
      { ...query, context: { time: '2025-06-27T18:03-07:00', ip: '192.168.1.1' } },
      {
        subject: user('alice', { department: 'Sales', role: 'manager' }),
        action: to('read', { method: 'GET' }),
        resource: record('record-1', { status: 'active', owner: 'bob' }),
      },
      { ...query, foo: 'bar', futureField: { nested: true } },
      { ...query, subject: { ...query.subject, nickname: 'al' } },
    ];
    for (const body of more) t.match(await evaluation(body), { status: 200, body: { decision: true } });
  });

  t.test('answers 400 to a malformed request', async (t) => {
    const [subject, action, resource] = [user('alice'), to('read'), record('record-1')];
    const malformed: unknown[] = [
      { action, resource },
      { subject, resource },
      { subject, action },
      { subject: { id: 'alice' }, action, resource },
      { subject: { type: 'user' }, action, resource },
      { subject, action: {}, resource },
      { subject, action, resource: { id: 'record-1' } },
      { subject, action, resource: { type: 'record' } },
      { subject: 'alice', action, resource },
      { subject, action: { name: 123 }, resource },
      { subject, action: { name: '' }, resource },
      { subject, action: { name: null }, resource },
      { subject, action, resource: { ...resource, properties: [] } },
      { subject: { ...subject, id: 'al\0ice' }, action, resource },
      [{ subject, action, resource }],
      [],
      'x',
      null,
      17,
    ];
    for (const body of malformed) {
      const refused = await post('evaluation', JSON.stringify(body), key, { 'content-type': 'application/json' });
      t.match(refused, { status: 400, code: 'invalid-request' }, JSON.stringify(body));
    }
    const deep = (levels: number) => ['{"a":'.repeat(levels), '1', '}'.repeat(levels)].join('');
    const odd = [
      `{"subject":{"type":"user","id":"alice","properties":${deep(20_000)}},"action":{"name":"read"},"resource":{"type":"record","id":"record-1"}}`,
      `{"subject":{"type":"user","id":"alice"},"action":{"name":"read"},"resource":{"type":"record","id":"record-1"},"unknown":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
      '{"subject":{"type":"user","id":"alice","properties":{"a\\u0000b":1}},"action":{"name":"read"},"resource":{"type":"record","id":"record-1"}}',
      '{"subject":{"type":"user","id":"alice","properties":{"\\ud800":1}},"action":{"name":"read"},"resource":{"type":"record","id":"record-1"}}',
    ];
    for (const text of odd) {
      const refused = await post('evaluation', text, key, { 'content-type': 'application/json' });
      t.match(refused, { status: 400, code: 'invalid-request' }, text.slice(0, 100));
    }
    const good = JSON.stringify({ subject, action, resource });
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/xml',
      'text/html; charset=utf-8',
    ]) {
      const refused = await post('evaluation', good, key, { 'content-type': type });
      t.match(refused, { status: 400, code: 'invalid-request' }, type);
    }
    for (const text of ['', '{', '{"subject":', 'nonsense']) {
      const refused = await post('evaluation', text, key, { 'content-type': 'application/json' });
      t.match(refused, { status: 400, code: 'invalid-request' }, JSON.stringify(text));
    }
  });

  t.test('returns X-Request-ID unchanged, and generates one if it is missing', async (t) => {
    const query = { subject: user('alice'), action: to('read'), resource: record('record-1') };
    for (const id of ['bfe9eb29-ab87-4ca3-be83-a1d5d8305716', 'with spaces, and: signs/?', 'x'.repeat(200)]) {
      const { headers } = await post('evaluation', query, key, { 'x-request-id': id });
      t.equal(headers['x-request-id'], id);
      const refused = await post('evaluation', {}, key, { 'x-request-id': id });
      t.match(refused, { status: 400, headers: { 'x-request-id': id } });
    }
    t.match((await post('evaluation', query)).headers['x-request-id'], /^[\w-]{36}$/);
  });

  t.test('gives the same answer to the same question', async (t) => {
    for (let i = 0; i < 10; i++) t.equal(await decision(user('alice'), to('read'), record('record-1')), true);
  });

  t.test('answers in JSON, needs a credential, and takes one statement', async (t) => {
    statements.length = 0;
    const query = { subject: user('alice'), action: to('read'), resource: record('record-1') };
    const { headers } = await evaluation(query);
    t.match(headers['content-type'], /^application\/json/);
    t.equal(statements.length, 1);
    t.match(await call('POST', '/access/v1/evaluation', { body: query }), { status: 401 });
  });
});

t.test('AuthZEN certification: evaluations', async (t) => {
  const decisions = async (body: object) => {
    const { status, body: answer } = await post('evaluations', body);
    t.equal(status, 200);
    t.notOk('decision' in answer);
    return answer.evaluations.map((it: { decision: boolean }) => it.decision);
  };

  t.test('inherit missing entities from the top level, and are answered in order', async (t) => {
    const [alice, bob, read, write] = [user('alice'), user('bob'), to('read'), to('write')];
    const [one, two] = [record('record-1'), record('record-2')];
    t.same(await decisions({ subject: bob, resource: one, evaluations: [{ action: read }, { action: write }] }), [
      true,
      false,
    ]);
    t.same(
      await decisions({
        evaluations: [
          { subject: alice, action: read, resource: one },
          { subject: bob, action: write, resource: one },
        ],
      }),
      [true, false],
    );
    const states = [record('record-1', { status: 'active' }), record('record-2', { status: 'archived' })];
    t.same(
      await decisions({ subject: alice, action: write, evaluations: states.map((resource) => ({ resource })) }),
      [true, false],
      'each with its own properties',
    );
    const admin = user('bob', { role: 'admin' });
    t.same(
      await decisions({
        ...{ action: write, resource: states[1] },
        evaluations: [{ subject: alice }, { subject: admin }],
      }),
      [false, true],
      'also properties of the subject',
    );
    const context = { time: '2025-06-27T18:03-07:00' };
    const inherited = [{ resource: one }, { resource: two, context: { source: 'batch-override' } }];
    t.equal((await decisions({ subject: alice, action: read, context, evaluations: inherited })).length, 2);
    const { type, ...withoutType } = record('record-1', { status: 'active' });
    t.same(
      await decisions({
        ...{ subject: alice, action: write, resource: { type } },
        evaluations: [{ resource: withoutType }, { resource: states[1] }],
      }),
      [true, false],
      'a missing required member is inherited',
    );
    const soft = to('delete', { soft: true });
    t.same(
      await decisions({
        subject: alice,
        action: soft,
        resource: one,
        evaluations: [{}, { action: { name: 'delete' } }],
      }),
      [true, false],
      'properties are not merged with those of the top level',
    );
  });

  t.test('deny an invalid evaluation with a reason, and decide the others', async (t) => {
    const [subject, action] = [user('alice'), to('read')];
    const wrong: object[] = [
      {},
      { resource: 'record-1' },
      { resource: { type: 'record' } },
      { resource: record('record-1'), action: { name: 123 } },
      { resource: record('record-1'), subject: {} },
    ];
    const evaluations = [{ resource: record('record-1') }, ...wrong, { resource: record('record-1') }];
    const { status, body } = await post('evaluations', {
      subject: { type: 'user' },
      action,
      evaluations: evaluations.map((it) => ('subject' in it ? it : { ...it, subject })),
    });
    t.equal(status, 200);
    t.same(
      body.evaluations.map((it: { decision: boolean }) => it.decision),
      [true, ...wrong.map(() => false), true],
    );
    for (const it of body.evaluations.slice(1, -1))
      t.match(it, { context: { error: { status: 400, message: String } } });
  });

  t.test('support the three semantics', async (t) => {
    const query = (actions: string[], evaluations_semantic?: string) => ({
      ...{ subject: user('bob'), resource: record('record-1') },
      evaluations: actions.map((it) => ({ action: to(it) })),
      ...(evaluations_semantic && { options: { evaluations_semantic } }),
    });
    const all = ['read', 'write', 'read'];
    t.same(await decisions(query(all)), [true, false, true], 'execute_all is the default');
    t.same(await decisions(query(all, 'execute_all')), [true, false, true]);
    t.same(await decisions(query(all, 'deny_on_first_deny')), [true, false]);
    t.same(await decisions(query(all, 'permit_on_first_permit')), [true]);
    t.same(await decisions(query(['write', 'write'], 'permit_on_first_permit')), [false, false]);
    t.same(await decisions(query(['read', 'read'], 'deny_on_first_deny')), [true, true]);
    const failing = { ...query(['read'], 'deny_on_first_deny') };
    t.same(
      await decisions({ ...failing, evaluations: [{ action: {} }, { action: to('read') }] }),
      [false],
      'an invalid evaluation counts as a denial',
    );
    for (const unknown of ['first_come', '', 1, null]) {
      const body = { ...query(all), options: { evaluations_semantic: unknown } };
      t.match(await post('evaluations', body), { status: 400, code: 'invalid-request' }, JSON.stringify(unknown));
    }
  });

  t.test('answer a request without evaluations with one decision', async (t) => {
    const query = { subject: user('alice'), action: to('read'), resource: record('record-1') };
    for (const body of [query, { ...query, evaluations: [] }]) {
      const answer = await post('evaluations', body);
      t.match(answer, { status: 200, body: { decision: true } });
      t.notOk('evaluations' in answer.body);
    }
    t.match(await post('evaluations', { ...query, resource: { type: 'record' } }), { status: 400 });
    t.match(await post('evaluations', {}), { status: 400 });
    t.match(await post('evaluations', { subject: 'alice', evaluations: [{}] }), { status: 400 });
    t.match(await post('evaluations', [query]), { status: 400 });
    t.match(await post('evaluations', { ...query, evaluations: [1] }), { status: 400 });
  });

  t.test('take one statement for fifty evaluations, and refuse a thousand', async (t) => {
    const one = { subject: user('alice'), action: to('read'), resource: record('record-1') };
    statements.length = 0;
    t.same(
      await decisions({ evaluations: Array.from({ length: 50 }, () => one) }),
      Array.from({ length: 50 }, () => true),
    );
    t.equal(statements.length, 1);
    const many = await post('evaluations', { evaluations: Array.from({ length: 1000 }, () => one) });
    t.match(many, { status: 400, code: 'invalid-request' });
  });
});

t.test('AuthZEN certification: search', async (t) => {
  const search = async (what: string, body: object, token?: string) => {
    const found = await post(`search/${what}`, body, token);
    if (found.status !== 200) throw new Error(JSON.stringify(found.body));
    return found.body;
  };
  const idsOf = (body: { results: { id: string }[] }) => body.results.map((it) => it.id).sort();
  const [read, write] = [to('read'), to('write')];

  t.test('finds subjects', async (t) => {
    const query = { subject: { type: 'user' }, action: read, resource: record('record-1') };
    const body = await search('subject', query);
    t.ok(['alice', 'bob'].every((it) => idsOf(body).includes(it)));
    t.ok(body.results.every((it: Entity) => it.type === 'user'));
    t.same(await search('subject', { ...query, context: { ip: '192.168.1.1' } }), body);
    const archived = record('record-2', { status: 'archived' });
    t.ok(idsOf(await search('subject', { ...query, action: write, resource: archived })).includes('bob'));
    t.notOk(idsOf(await search('subject', { ...query, action: write, resource: archived })).includes('alice'));
    t.same((await search('subject', { ...query, subject: { type: 'spaceship' } })).results, []);
  });

  t.test('finds resources', async (t) => {
    const query = { subject: user('alice'), action: read, resource: { type: 'record' } };
    t.same((await search('resource', query)).results, [record('record-1')]);
    t.same(idsOf(await search('resource', { ...query, subject: user('bob') })), ['record-1', 'record-2']);
    const admin = { subject: user('bob', { role: 'admin' }), action: write, resource: { type: 'record' } };
    t.ok(idsOf(await search('resource', admin)).includes('record-2'));
    t.same((await search('resource', { ...query, resource: { type: 'spaceship' } })).results, []);
    t.same((await search('resource', { ...query, subject: user('nonexistent-user') })).results, []);
    t.same((await search('resource', { ...query, action: to('fly') })).results, []);
  });

  t.test('finds actions', async (t) => {
    const names = async (body: object) => (await search('action', body)).results.map((it: Entity) => it.name).sort();
    t.same(await names({ subject: user('alice'), resource: record('record-1') }), ['read', 'write']);
    t.same(await names({ subject: user('alice'), resource: record('record-1'), context: {} }), ['read', 'write']);
    const admin = { subject: user('bob', { role: 'admin' }), resource: record('record-2', { status: 'archived' }) };
    t.same(await names(admin), ['read', 'write']);
    t.same(await names({ subject: user('nonexistent-user'), resource: record('record-1') }), []);
  });

  t.test('examines at most 500 resources for one page', async (t) => {
    const account = await newAccount();
    const member = await newMember(account, { permissions: [] });
    const accountId = uuidOf('acc', account.id as `acc_${string}`);
    await service.db.execute(sql`
      insert into resources (account_id, type, id, created_at)
      select ${accountId}, 'folder', 'folder-' || lpad(i::text, 4, '0'), now() from generate_series(1, 1200) i`);
    const granted = ['folder-0003', 'folder-1100'].map((id) => ({
      permission: 'invoices:read',
      resource: { type: 'folder', id },
    }));
    const url = `${account.url}/members/${member.id}/grants`;
    t.equal((await call('POST', url, { body: { grants: granted }, token: account.owner.token })).status, 201);
    const pages: string[][] = [];
    for (let token: string | undefined = ''; token !== undefined; ) {
      const { body } = await call('POST', '/access/v1/search/resource', {
        body: {
          subject: user(member.id),
          action: to('invoices:read'),
          resource: { type: 'folder', properties: { accountId: account.id } },
          page: { token },
        },
        token: account.owner.token,
      });
      pages.push(idsOf(body));
      token = body.page.next_token || undefined;
    }
    t.same(pages, [['folder-0003'], [], ['folder-1100']]);
  });

  t.test('returns each result on one page, and an empty token on the last one', async (t) => {
    const query = { subject: { type: 'user' }, action: read, resource: record('record-1') };
    const whole = await search('subject', query);
    t.same(whole.page, { next_token: '', count: whole.results.length });
    const seen: string[] = [];
    let page: object = { limit: 1 };
    for (;;) {
      const body = await search('subject', { ...query, page });
      seen.push(...idsOf(body));
      t.equal(body.page.count, 1);
      if (body.page.next_token === '') break;
      page = { limit: 1, token: body.page.next_token };
    }
    t.same(seen.sort(), idsOf(whole));
    const resources = { subject: user('bob'), action: read, resource: { type: 'record' }, page: { limit: 1 } };
    const first = await search('resource', resources);
    const second = await search('resource', { ...resources, page: { limit: 1, token: first.page.next_token } });
    t.same([...first.results, ...second.results], [record('record-1'), record('record-2')]);
    t.equal(second.page.next_token, '');
    const actions = { subject: user('alice'), resource: record('record-1'), page: { limit: 1 } };
    const one = await search('action', actions);
    const two = await search('action', { ...actions, page: { token: one.page.next_token } });
    t.same([...one.results, ...two.results], [to('read'), to('write')]);
  });

  t.test('puts the page first in the answer, as in the examples of the standard', async (t) => {
    const query = {
      subject: { subject: { type: 'user' }, action: read, resource: record('record-1') },
      resource: { subject: user('alice'), action: read, resource: { type: 'record' } },
      action: { subject: user('alice'), resource: record('record-1') },
    };
    for (const [kind, body] of Object.entries(query)) {
      t.same(Object.keys((await post(`search/${kind}`, body)).body), ['page', 'results'], kind);
    }
  });

  t.test('does not reveal the last item of the page in its token', async (t) => {
    const { page } = await search('resource', {
      subject: user('bob'),
      action: read,
      resource: { type: 'record' },
      page: { limit: 1 },
    });
    t.ok(page.next_token);
    for (const part of page.next_token.split('.')) {
      t.notMatch(Buffer.from(part, 'base64url').toString(), /record/);
    }
  });

  t.test('answers 400 to a page token of another query or an invalid one', async (t) => {
    const query = { subject: { type: 'user' }, action: read, resource: record('record-1'), page: { limit: 1 } };
    const { page } = await search('subject', query);
    const token = page.next_token;
    const others = [
      { ...query, action: write, page: { token } },
      { ...query, resource: record('record-2'), page: { token } },
      { ...query, page: { token: `${token}x` } },
      { ...query, page: { token: 'nonsense' } },
      { ...query, page: { token: Buffer.from('["x"]').toString('base64url') } },
      { ...query, page: { token: `${token.slice(0, -4)}AAAA` } },
    ];
    for (const body of others) t.match(await post('search/subject', body), { status: 400, code: 'invalid-request' });
    const another = { subject: user('alice'), resource: record('record-1'), page: { token } };
    t.match(await post('search/action', another), { status: 400 });
    for (const page of [{ limit: 0 }, { limit: 101 }, { limit: '1' }, { token: 5 }, 'x']) {
      t.match(await post('search/subject', { ...query, page }), { status: 400 }, JSON.stringify(page));
    }
  });

  t.test('answers 400 to a missing member', async (t) => {
    const wrong: [string, object][] = [
      ['subject', { subject: { type: 'user' }, resource: record('record-1') }],
      ['subject', { subject: { type: 'user' }, action: read, resource: { type: 'record' } }],
      ['resource', { action: read, resource: { type: 'record' } }],
      ['resource', { subject: { type: 'user' }, action: read, resource: { type: 'record' } }],
      ['action', { subject: user('alice') }],
    ];
    for (const [what, body] of wrong) t.match(await post(`search/${what}`, body), { status: 400 }, what);
  });

  t.test('takes one statement', async (t) => {
    statements.length = 0;
    await search('subject', { subject: { type: 'user' }, action: read, resource: record('record-1') });
    await search('resource', { subject: user('alice'), action: read, resource: { type: 'record' } });
    await search('action', { subject: user('alice'), resource: record('record-1') });
    t.equal(statements.length, 3);
  });
});

t.test('AuthZEN certification: discovery', async (t) => {
  const { status, body, headers } = await call('GET', '/.well-known/authzen-configuration');
  t.equal(status, 200);
  t.match(headers['content-type'], /^application\/json/);
  const base = 'https://usher.example.com';
  t.same(body, {
    policy_decision_point: base,
    access_evaluation_endpoint: `${base}/access/v1/evaluation`,
    access_evaluations_endpoint: `${base}/access/v1/evaluations`,
    search_subject_endpoint: `${base}/access/v1/search/subject`,
    search_resource_endpoint: `${base}/access/v1/search/resource`,
    search_action_endpoint: `${base}/access/v1/search/action`,
  });
});

t.test('AuthZEN rules of Usher', async (t) => {
  const account = await newAccount();
  const member = await newMember(account, { permissions: ['invoices:pay'] });
  const stranger = await newUser();
  const within = (id: string) => record(id, { accountId: account.url.split('/').at(-1) });
  const query = (subject: Entity, name = 'invoices:pay') => ({ subject, action: to(name), resource: within('r') });

  t.test('a subject is a user by id, by verified address or by external id', async (t) => {
    for (const id of [member.id, member.email, member.email.toUpperCase()]) {
      t.match(await evaluation(query(user(id)), account.owner.token), { status: 200, body: { decision: true } }, id);
    }
    for (const id of [stranger.id, stranger.email, 'nobody', 'usr_x', '@', 'no such@address', `${member.id} `]) {
      t.match(await evaluation(query(user(id)), account.owner.token), { status: 200, body: { decision: false } }, id);
    }
    const other = { ...user(member.id), type: 'group' };
    t.match(await evaluation(query(other), account.owner.token), { status: 200, body: { decision: false } });
  });

  t.test('an action is a permission, or the part of it after the resource type', async (t) => {
    const id = account.url.split('/').at(-1) as string;
    const invoices = { type: 'invoices', id: 'any', properties: { accountId: id } };
    const ask = async (action: Entity, resource: Entity) =>
      (await evaluation({ subject: user(member.id), action, resource }, account.owner.token)).body.decision;
    t.equal(await ask(to('pay'), invoices), true);
    t.equal(await ask(to('invoices:pay'), invoices), true);
    t.equal(await ask(to('read'), invoices), true, 'an implied permission');
    t.equal(await ask(to('burn'), invoices), false, 'an unknown permission');
    t.equal(await ask(to('invoices:pay'), { type: 'account', id }), true, 'the account itself is a resource');
    t.equal(await ask(to('manage'), { type: 'account', id }), false);
    const all = {
      subject: user(account.owner.id),
      action: to('no-such:permission'),
      resource: { type: 'account', id },
    };
    t.match(
      (await evaluation(all, account.owner.token)).body,
      { decision: false },
      'all permissions do not include an unknown permission',
    );
  });

  t.test(
    'members may ask about themselves, and others with members:read; non-members get no information',
    async (t) => {
      t.match(await evaluation(query(user(member.id)), member.token), { status: 200, body: { decision: true } });
      const about = query(user(account.owner.id));
      t.match(await evaluation(about, member.token), { status: 403, code: 'permission-missing' });
      t.match(
        await evaluation(about, stranger.token),
        { status: 200, body: { decision: false } },
        'an existing account looks like an unknown one',
      );
      t.match(await evaluation(query(user(stranger.id)), stranger.token), { status: 200, body: { decision: false } });
      const batch = await post('evaluations', { evaluations: [query(user(member.id)), about] }, member.token);
      t.match(batch.body.evaluations, [{ decision: true }, { decision: false, context: { error: { status: 403 } } }]);
      const search = { subject: { type: 'user' }, action: to('invoices:pay'), resource: within('r') };
      t.match(await post('search/subject', search, member.token), { status: 403, code: 'permission-missing' });
      t.match(await post('search/subject', search, stranger.token), { status: 200, body: { results: [] } });
      const own = { subject: user(member.id), resource: within('r') };
      t.match(await post('search/action', own, member.token), {
        status: 200,
        body: { results: [to('invoices:pay'), to('invoices:read')] },
      });
    },
  );

  t.test('a caller without an account key must name the account', async (t) => {
    const nowhere = { subject: user(member.id), action: to('invoices:pay'), resource: record('r') };
    const pointer = '/resource/properties/accountId';
    t.match(await evaluation(nowhere, account.owner.token), { status: 400, body: { errors: [{ pointer }] } });
    const batch = await post('evaluations', { evaluations: [nowhere, query(user(member.id))] }, account.owner.token);
    t.match(batch.body.evaluations, [{ decision: false, context: { error: { status: 400 } } }, { decision: true }]);
    const platform = await newPlatformKey('access:check');
    t.match(await evaluation(query(user(member.id)), platform), { status: 200, body: { decision: true } });
    t.match(await evaluation(nowhere, platform), { status: 400 });
    for (const accountId of ['acc_01k7z2n4q8e6tbv5xw3c9d0hjm', 'nonsense', 5, null]) {
      const body = { ...nowhere, resource: record('r', { accountId }) };
      t.match(await evaluation(body, platform), { status: 200, body: { decision: false } }, String(accountId));
    }
    const noScope = await newPlatformKey('catalogue:manage');
    t.match(await evaluation(query(user(member.id)), noScope), { status: 403, code: 'permission-missing' });
  });

  t.test('an account key may ask only about its own account', async (t) => {
    const mine = await newAccountKey(account, account.owner, 'members:read');
    const bare = { subject: user(member.id), action: to('invoices:pay'), resource: record('r') };
    t.match(await evaluation(bare, mine), { status: 200, body: { decision: true } });
    t.match(
      await evaluation(query(user(member.id)), key),
      { status: 200, body: { decision: false } },
      'the key of another account',
    );
    const other = await newAccount();
    await service.invite(other, other.owner, account.owner.email);
    const link = await tokenFor(account.owner.email, 'invite');
    await call('POST', '/v1/invites/accept', { body: { token: link }, token: account.owner.token });
    const elsewhere = record('r', { accountId: other.id });
    const there = { subject: user(other.owner.id), action: to('invoices:pay'), resource: elsewhere };
    t.match(
      await evaluation(there, account.owner.token),
      { body: { decision: true } },
      'its member may ask about the other account',
    );
    t.match(await evaluation(there, mine), { status: 200, body: { decision: false } }, 'the key may not');
    t.same((await post('search/action', { subject: there.subject, resource: elsewhere }, mine)).body.results, []);
    const blind = await newAccountKey(account, account.owner, 'invoices:pay');
    t.match(await evaluation(bare, blind), { status: 403, code: 'permission-missing' });
    const aboutMaker = { ...bare, subject: user(account.owner.id) };
    t.match(
      await evaluation(aboutMaker, blind),
      { status: 403 },
      'without the scope, a key may not ask about its own member either',
    );
  });

  t.test('a disabled user has no permissions, and is not found', async (t) => {
    const gone = await newMember(account, { permissions: ['invoices:pay'] });
    t.match(await evaluation(query(user(gone.id)), account.owner.token), { body: { decision: true } });
    const before = (await call('GET', `${account.url}/epoch`, { token: account.owner.token })).body.epoch;
    const operating = { db: service.db, now: new Date(), logSecurityEvent: () => {} };
    await disableUser(operating, await requireUserByName(service.db, gone.id));
    t.match(await evaluation(query(user(gone.id)), account.owner.token), { body: { decision: false } });
    t.match(await evaluation(query(user(gone.email)), account.owner.token), { body: { decision: false } });
    const search = { subject: { type: 'user' }, action: to('invoices:pay'), resource: within('r') };
    const found = await post('search/subject', search, account.owner.token);
    t.notOk(found.body.results.some((it: Entity) => it.id === gone.id));
    const after = (await call('GET', `${account.url}/epoch`, { token: account.owner.token })).body.epoch;
    t.ok(after > before, 'the epoch increases, so account tokens become outdated');
  });

  t.test('the platform can search the accounts in which a user has a permission', async (t) => {
    const platform = await newPlatformKey('access:check');
    const body = { subject: user(member.id), action: to('invoices:pay'), resource: { type: 'account' } };
    t.match(await post('search/resource', body, platform), {
      status: 200,
      body: { results: [{ type: 'account', id: account.url.split('/').at(-1) }], page: { next_token: '' } },
    });
    t.same((await post('search/resource', { ...body, action: to('orders:place') }, platform)).body.results, []);
  });
});
