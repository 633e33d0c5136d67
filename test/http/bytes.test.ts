import { once } from 'node:events';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { text as textOf } from 'node:stream/consumers';
import t from 'tap';
import { canonicalEmail, isEmailAddress } from '../../src/text/email-address.ts';
import { type Operation, pathWith, readDocument } from '../support/openapi.ts';
import { newEmail, password, startService } from '../support/service.ts';

// The service refuses text that it can't decode. It never replaces characters.

const service = await startService(t);
const { app, call, newAccount, newPlatformKey, invite, listAll } = service;
const { operations } = readDocument(app);
const account = await newAccount();
const { owner } = account;
const platform = await newPlatformKey();

const json = { 'content-type': 'application/json' };
const form = { 'content-type': 'application/x-www-form-urlencoded' };
const id = (prefix: string) => `${prefix}_01k7z2n4q8e6tbv5xw3c9d0hjm`;
const values = {
  ...{ accountId: account.id, userId: id('usr'), roleId: id('rol'), grantId: id('grt'), keyId: id('key') },
  ...{ inviteId: id('inv'), sessionId: id('ses'), identityId: id('idn'), type: 'record', id: 'record-1' },
};
const urlOf = ({ path }: Operation) => pathWith(path, { ...values, code: 'not-found' });
const withBody = operations.filter((it) => it.body && it.id !== 'takeSendgridEvents') as (Operation & {
  body: object;
})[];
const latin1 = (body: unknown) => Buffer.from(JSON.stringify(body), 'latin1');
/** Sends bytes as the account's owner, or as the platform if only it may send a body. */
const send = (operation: Operation, body: unknown, headers: Record<string, string> = json) =>
  call(operation.method, urlOf(operation), {
    ...{ body, headers },
    token: operation.id === 'declareCatalogue' ? platform : owner.token,
  });

t.test('a body that is not UTF-8', async (t) => {
  t.test('is refused by every call, with that reason', async (t) => {
    t.ok(withBody.length >= 20, `${withBody.length} calls`);
    const bytes = latin1({ name: 'Zoë' });
    for (const operation of withBody) {
      const { status, body } = await send(operation, bytes);
      t.match({ status, body }, { status: 400, body: { detail: 'The body is not valid UTF-8.' } }, operation.path);
    }
  });

  t.test('is refused whatever the invalid bytes are', async (t) => {
    const around = (bytes: number[]) => Buffer.from([...Buffer.from('{"name":"'), ...bytes, ...Buffer.from('"}')]);
    const wrong = {
      'a byte on its own': [0xe4],
      'an overlong slash': [0xc0, 0xaf],
      'a surrogate': [0xed, 0xa0, 0x80],
      'an incomplete character': [0xe2, 0x82],
      'beyond Unicode': [0xf4, 0x90, 0x80, 0x80],
    };
    for (const [what, bytes] of Object.entries(wrong)) {
      const { status } = await call('POST', '/v1/accounts', { body: around(bytes), token: owner.token, headers: json });
      t.equal(status, 400, what);
    }
    const utf16 = Buffer.from('{"name":"Zoë"}', 'utf16le');
    const { code } = await call('POST', '/v1/accounts', { body: utf16, token: owner.token, headers: json });
    t.equal(code, 'invalid-request', 'UTF-16');
    const names = (await listAll<{ name: string }>('/v1/me/accounts?limit=100', owner.token)).map((it) => it.name);
    t.same(names, ['Example Hosting'], 'no account was created');
  });

  t.test('never matches another password', async (t) => {
    const body = latin1({ email: owner.email, password: 'pässwörd of someone' });
    t.equal((await call('POST', '/v1/auth/login', { body, headers: json })).code, 'invalid-request');
  });

  t.test('is refused as a form', async (t) => {
    const url = '/v1/invites/opt-out/one-click?token=x';
    const boundary = { 'content-type': 'multipart/form-data; boundary=x' };
    const part = (value: string) =>
      `--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\n${value}\r\n--x--\r\n`;
    for (const [bytes, headers] of [
      [Buffer.from('List-Unsubscribe=One-Click\xe4', 'latin1'), form],
      [Buffer.from(part('One-Click\xe4'), 'latin1'), boundary],
      ['List-Unsubscribe=%e4', form],
      ['List-Unsubscribe=%zz', form],
    ] as const) {
      const { code, body } = await call('POST', url, { body: bytes, headers });
      t.equal(code, 'invalid-request');
      t.match(body.detail, /UTF-8|not a form/, String(bytes));
    }
  });
});

t.test('a body has no charset other than UTF-8', async (t) => {
  const body = JSON.stringify({ email: owner.email, password });
  const logIn = async (type: string, more = {}) =>
    (await call('POST', '/v1/auth/login', { body, headers: { 'content-type': type, ...more } })).status;
  for (const good of ['; charset=utf-8', ';charset=UTF-8', '; charset="Utf-8"', '; CHARSET=utf8', '; version=1', '']) {
    t.equal(await logIn(`application/json${good}`), 200, good);
  }
  for (const wrong of ['iso-8859-1', '"windows-1252"', 'utf-16', 'us-ascii', 'utf-8; charset=utf-7', '']) {
    t.equal(await logIn(`application/json; charset=${wrong}`), 415, wrong);
  }
  t.equal(await logIn('application/json', { 'content-encoding': 'gzip' }), 415, 'compressed');
  const bytes = (
    await call('POST', '/v1/webhooks/sendgrid', {
      body: '[]',
      headers: { 'content-type': 'application/json; charset=latin1' },
    })
  ).status;
  t.equal(bytes, 415, 'a webhook');
  const oneClick = await call('POST', '/v1/invites/opt-out/one-click?token=x', {
    body: 'List-Unsubscribe=One-Click',
    headers: { 'content-type': 'application/x-www-form-urlencoded; charset=iso-8859-1' },
  });
  t.equal(oneClick.status, 415, 'a form');
});

t.test('a byte order mark before the JSON is ignored (RFC 8259, 8.1)', async (t) => {
  const body = `\uFEFF${JSON.stringify({ email: owner.email, password })}`;
  t.equal((await call('POST', '/v1/auth/login', { body, headers: json })).status, 200);
});

t.test('an empty body under any content type is no body', async (t) => {
  const types = [
    'application/x-www-form-urlencoded',
    'application/json',
    'text/plain',
    'multipart/form-data; boundary=x',
    'application/json; charset=latin1',
    'nonsense',
  ];
  const bodyless = operations.filter((it) => !['GET', 'HEAD'].includes(it.method) && !it.body && !it.form);
  t.ok(bodyless.length >= 10, `${bodyless.length} calls without a body`);

  t.test('so that a call without a body accepts it', async (t) => {
    for (const type of types) {
      const email = newEmail();
      const { body } = await invite(account, owner, email, { permissions: [] });
      const url = `${account.url}/invites/${body.id}/revoke`;
      const headers = { 'content-type': type, 'content-length': '0' };
      t.equal((await call('POST', url, { token: owner.token, headers })).status, 200, type);
    }
    for (const operation of bodyless) {
      const { status } = await send(operation, undefined, { ...form, 'content-length': '0' });
      t.notOk([400, 415].includes(status), `${operation.method} ${operation.path}: ${status}`);
    }
  });

  t.test('so that a call that requires a body refuses it', async (t) => {
    for (const operation of withBody.filter((it) => !it.isBodyOptional)) {
      for (const type of types) {
        const { status, body } = await send(operation, undefined, { 'content-type': type, 'content-length': '0' });
        t.match({ status, body }, { status: 400, body: { errors: [{ pointer: '', detail: /required/ }] } });
      }
    }
  });

  t.test('also without a Content-Length', async (t) => {
    for (const type of types.filter((it) => it !== 'nonsense')) {
      const headers = { 'content-type': type, 'transfer-encoding': 'chunked', authorization: `Bearer ${owner.token}` };
      const url = '/v1/me/sessions';
      const { statusCode } = await app.inject({ method: 'DELETE', url, headers, payload: Readable.from([]) });
      t.equal(statusCode, 204, type);
    }
  });
});

t.test('a URL that can’t be decoded', async (t) => {
  const get = (url: string) => call('GET', url, { token: owner.token });
  const bad = ['%', '%2', '%zz', '%ff', '%c0%af', '%ed%a0%80', '%e2%82', 'a%80b'];

  t.test('is answered 400, if the query is invalid', async (t) => {
    for (const it of bad) {
      for (const url of [`${account.url}/invites?email=${it}`, `${account.url}/invites?${it}=1`, `/v1/me?x=${it}`]) {
        const { status, body } = await get(url);
        t.match({ status, body }, { status: 400, body: { detail: /not percent-encoded UTF-8/ } }, url);
      }
    }
  });

  t.test('is answered 400 or 404, if the path is invalid', async (t) => {
    for (const it of bad) {
      for (const url of [`/v1/accounts/${it}`, `${account.url}/resources/record/${it}`]) {
        const { status, code } = await call('PUT', url, { token: owner.token });
        t.ok(['invalid-request', 'not-found', 'method-not-allowed'].includes(code ?? ''), `${url}: ${status} ${code}`);
      }
    }
  });

  t.test('is answered 400 with the name of the parameter, if it is repeated', async (t) => {
    for (const query of ['limit=1&limit=1', 'email=a@example.com&email=b@example.com', 'limit=1&lim%69t=1']) {
      const { status, body } = await get(`${account.url}/invites?${query}`);
      const [parameter] = query.split('=');
      t.match({ status, body }, { status: 400, body: { errors: [{ parameter, detail: 'must not be repeated' }] } });
    }
  });

  t.test('is answered 400, if it contains raw bytes', async (t) => {
    await app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = app.server.address() as { port: number };
    for (const url of [`${account.url}/invites?email=zoë@example.com`, `${account.url}/resources/record/zoë`]) {
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      const method = url.includes('?') ? 'GET' : 'PUT';
      const head = [`${method} ${url} HTTP/1.1`, 'Host: localhost', `Authorization: Bearer ${owner.token}`];
      socket.end(`${[...head, 'Content-Length: 0', 'Connection: close'].join('\r\n')}\r\n\r\n`);
      const answer = await textOf(socket);
      t.match(answer, /^HTTP\/1\.1 400 /, url);
      t.match(answer, /"code":"invalid-request"/, url);
    }
    t.same((await get(`${account.url}/resources/record`)).body.items, [], 'no resource was registered');
  });
});

t.test('a value that is not an e-mail address is answered 400 in queries', async (t) => {
  const email = `anna+b-${newEmail('x')}`;
  await invite(account, owner, email, { permissions: [] });
  const filters: [url: string, parameter: string, token: string][] = [
    [`${account.url}/invites?email=`, 'email', owner.token],
    ['/v1/platform/users?email=', 'email', platform],
    ['/dev/mailbox?to=', 'to', ''],
  ];
  const described = operations.filter((it) => it.query.includes('email')).map((it) => it.path);
  t.same(described.sort(), ['/v1/accounts/{accountId}/invites', '/v1/platform/users'], 'these calls take an address');
  for (const [url, parameter, token] of filters) {
    const headers = { accept: 'application/json' };
    for (const wrong of [email, 'hans', 'hans@', 'a@b@example.com', '%20%20%20', '@example.com']) {
      const { status, body } = await call('GET', url + wrong, { token, headers });
      t.match(
        { status, body },
        { status: 400, body: { errors: [{ parameter, detail: /e-mail address.*%2B/ }] } },
        wrong,
      );
    }
    for (const right of [email, email.toUpperCase(), ` ${email}\u00a0`, `${email}\u200b`]) {
      const { status, body } = await call('GET', url + encodeURIComponent(right), { token, headers });
      t.match({ status, body }, { status: 200, body: { items: Array } }, url);
    }
  }
  const found = await call('GET', `${account.url}/invites?email=${encodeURIComponent(` ${email} `)}`, {
    token: owner.token,
  });
  t.match(found.body.items, [{ email }], 'the address finds its invite');
});

t.test('spaces and zero-width characters around an address are removed', async (t) => {
  const added = [
    ' ',
    '\t',
    '\u00a0',
    '\u2003',
    '\u202f',
    '\u3000',
    '\u200b',
    '\u200d',
    '\u2060',
    '\ufeff',
    '\u202a',
    '\u200e',
  ];

  t.test('every accepted address has a canonical form, which is its own canonical form (property)', async (t) => {
    const pieces = [...added, 'a', 'Z', '@', '.', '+', 'example', '.com', 'ä', '\n', '\0', '<', '"', 'ﬁ', '。'];
    let seed = 1;
    const random = (below: number) => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    const some = (from: string[], most: number) =>
      Array.from({ length: random(most + 1) }, () => from[random(from.length)] as string).join('');
    let accepted = 0;
    for (let i = 0; i < 4_000; i += 1) {
      const core = i % 2 === 0 ? `${some(pieces, 6)}@${some(pieces, 6)}` : 'adam@example.com';
      const text = some(added, 3) + core + some(added, 3);
      const canonical = canonicalEmail(text);
      const isSame = isEmailAddress(text) === (canonical !== undefined);
      const isOwn = canonical === undefined || canonicalEmail(canonical) === canonical;
      const isClean = canonical === undefined || /^[\x21-\x7e]+$/.test(canonical);
      const isTrimmed = canonicalEmail(core) === canonical;
      if (!(isSame && isOwn && isClean && isTrimmed)) t.fail(JSON.stringify(text));
      if (canonical !== undefined) accepted += 1;
    }
    t.ok(accepted >= 2_000, `${accepted} of 4000`);
  });

  t.test('in bodies: a login, an invite', async (t) => {
    for (const it of added) {
      const email = it + owner.email + it;
      t.equal((await call('POST', '/v1/auth/login', { body: { email, password } })).status, 200, JSON.stringify(it));
    }
    const email = newEmail();
    t.match(await invite(account, owner, ` ${email}\u00a0`, { permissions: [] }), { status: 201, body: { email } });
    t.equal((await invite(account, owner, email, { permissions: [] })).code, 'invite-already-pending');
  });

  t.test('but inside an address they are refused', async (t) => {
    for (const it of added) t.equal(canonicalEmail(`adam${it}b@example.com`), undefined, JSON.stringify(it));
  });
});

t.test('a permission key may contain _ everywhere', async (t) => {
  const { body: catalogue } = await call('GET', '/v1/permissions', { token: platform });
  const declared = catalogue.items.map(({ own: _, ...it }: { own: boolean }) => it);
  const key = 'todo_list:can_read_todos';
  const added = { key, title: 'Read', description: 'Read.', group: 'To-do' };
  const put = await call('PUT', '/v1/permissions', { body: { permissions: [...declared, added] }, token: platform });
  t.match(put, { status: 200, body: { added: [key] } });
  const ofOwner = (path: string, body: object) => call('POST', account.url + path, { body, token: owner.token });
  t.equal((await ofOwner('/keys', { name: 'Machine', scopes: [key] })).status, 201);
  t.equal((await ofOwner('/roles', { name: 'Reader', permissions: [key] })).status, 201);
  t.equal((await invite(account, owner, newEmail(), { permissions: [key] })).status, 201);
  const check = await call('GET', `${account.url}/check?permission=${key}`, { token: owner.token });
  t.match(check, { status: 200, body: { allowed: true } });
  const evaluation = {
    subject: { type: 'user', id: owner.id },
    action: { name: 'can_read_todos' },
    resource: { type: 'todo_list', id: '1', properties: { accountId: account.id } },
  };
  const decided = await call('POST', '/access/v1/evaluation', { body: evaluation, token: owner.token });
  t.match(decided, { status: 200, body: { decision: true } });
  for (const wrong of ['_todo:read', 'todo:_read', 'Todo:read', 'todo:réad']) {
    const permissions = [...declared, { ...added, key: wrong }];
    t.equal((await call('PUT', '/v1/permissions', { body: { permissions }, token: platform })).status, 400, wrong);
  }
});
