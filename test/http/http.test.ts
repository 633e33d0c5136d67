import { Readable } from 'node:stream';
import { DrizzleQueryError, sql } from 'drizzle-orm';
import { decodeJwt } from 'jose';
import t from 'tap';
import { identities, users } from '../../src/database/schema.ts';
import { errorForLog } from '../../src/http/logging.ts';
import { newId, type UserId, uuidOf } from '../../src/ids/ids.ts';
import { problems } from '../../src/problems/problem.ts';
import { type Method, type Operation, pathWith, readDocument, withValue } from '../support/openapi.ts';
import { newEmail, password, startService } from '../support/service.ts';

const issuer = 'https://usher.example.com';
const pages = 'https://app.example.com';
/** The URL templates of the links. */
const links = {
  ACCEPT_URL: `${pages}/invite#token={token}`,
  VERIFY_URL: `${pages}/verify#token={token}`,
  RESET_URL: `${pages}/reset#token={token}`,
  EMAIL_CHANGE_URL: `${pages}/confirm#token={token}`,
  OPT_OUT_URL: `${pages}/no-more#token={token}`,
  REPORT_URL: `${pages}/report#token={token}`,
};
/** Ids of each kind that do not exist. */
const ids = {
  account: 'acc_01k7z2n4q8e6tbv5xw3c9d0hjm',
  invite: 'inv_01k7z2n4q8e6tbv5xw3c9d0hjm',
  member: 'mem_01k7z2n4q8e6tbv5xw3c9d0hjm',
  user: 'usr_01k7z2n4q8e6tbv5xw3c9d0hjm',
  session: 'ses_01k7z2n4q8e6tbv5xw3c9d0hjm',
  identity: 'idn_01k7z2n4q8e6tbv5xw3c9d0hjm',
  event: 'evt_01k7z2n4q8e6tbv5xw3c9d0hjm',
  role: 'rol_01k7z2n4q8e6tbv5xw3c9d0hjm',
  grant: 'grt_01k7z2n4q8e6tbv5xw3c9d0hjm',
  key: 'key_01k7z2n4q8e6tbv5xw3c9d0hjm',
};
const json = { 'content-type': 'application/json' };
const form = { 'content-type': 'application/x-www-form-urlencoded' };
const asForm = (fields: unknown) => new URLSearchParams(fields as Record<string, string>).toString();
const methods: Method[] = ['GET', 'POST', 'PATCH', 'DELETE', 'PUT'];

/** The public routes. All others require a credential. */
const publicRoutes = [
  'POST /v1/auth/register',
  'POST /v1/auth/verify-email',
  'POST /v1/auth/login',
  'POST /v1/auth/refresh',
  'POST /v1/auth/logout',
  'POST /v1/auth/password-reset',
  'POST /v1/auth/password-reset/confirm',
  'POST /v1/auth/email-change/confirm',
  'POST /v1/invites/preview',
  'POST /v1/invites/accept',
  'POST /v1/invites/decline',
  'POST /v1/invites/opt-out',
  'POST /v1/webhooks/sendgrid',
  'POST /v1/invites/opt-out/one-click',
  'GET /v1/invites/opt-out/one-click',
  'POST /v1/invites/report',
  'GET /.well-known/jwks.json',
  'GET /.well-known/authzen-configuration',
  'GET /livez',
  'GET /readyz',
  'GET /problems/:code',
  'GET /openapi.json',
];
/**
 * Calls that verify a signature over the body before they read it
 * (test/invites/deliveries.test.ts).
 */
const signedCalls = ['takeSendgridEvents'];
/**
 * AuthZEN ignores unknown fields, and answers 400 to other content types
 * (test/access/authzen.test.ts).
 */
const lenientCalls = /^\/access\/v1\//;
/** Calls that require a platform key. */
const platformCalls = /^\/v1\/(platform|platform-keys|role-presets)(\/|$)/;
/** Pages for people; those under /dev/ only in development. */
const publicFolders = ['/docs', '/dev/'];

/** All paged lists, with an example of their cursors. */
const cursors: Record<string, string> = {
  'GET /v1/accounts/{accountId}/invites': ids.invite,
  'GET /v1/accounts/{accountId}/invites/{inviteId}/delivery-events': ids.event,
  'GET /v1/accounts/{accountId}/keys': ids.key,
  'GET /v1/accounts/{accountId}/members': ids.member,
  'GET /v1/accounts/{accountId}/members/{userId}/grants': ids.grant,
  'GET /v1/accounts/{accountId}/roles': ids.role,
  'GET /v1/me/accounts': ids.member,
  'GET /v1/me/invites': ids.invite,
  'GET /v1/me/opt-outs': ids.account,
  'GET /v1/me/sessions': ids.session,
  'GET /v1/platform-keys': ids.key,
  'GET /v1/role-presets': ids.role,
};

t.test('http', async (t) => {
  const log = keepLog();
  const service = await startService(t, { env: { ISSUER: issuer, ...links, LOG_LEVEL: 'info' }, logTo: log });
  const { app, call, db, invite, listAll, newAccount, newMember, newPlatformKey, newUser, tokenFor } = service;
  const { operations, leavesOf, objectsOf, ...described } = readDocument(app);

  const account = await newAccount();
  const { owner } = account;
  const pending = await invite(account, owner, newEmail('adam'), { permissions: ['invoices:pay'] });
  const elsewhere = await call('POST', '/v1/auth/login', { body: { email: owner.email, password } });
  const identity = { id: newId('idn'), issuer: 'https://login.example.com', subject: '248289761001' };
  await db.insert(identities).values({ ...identity, userId: owner.id as UserId, createdAt: new Date() });
  const platform = await newPlatformKey();
  const member = await newMember(account, { permissions: [] });
  const ofAccount = (path: string, body: object) => call('POST', account.url + path, { body, token: owner.token });
  const role = await ofAccount('/roles', { name: 'Reader', permissions: ['invoices:read'] });
  const grant = await ofAccount(`/members/${member.id}/grants`, { grants: [{ permission: 'invoices:read' }] });
  const key = await ofAccount('/keys', { name: 'Machine', scopes: ['members:read'] });
  const preset = await call('POST', '/v1/role-presets', {
    body: { name: 'Preset', permissions: ['invoices:read'] },
    token: platform,
  });
  // A second key, which a call below revokes: the newest key is first in the list.
  await newPlatformKey();
  const platformKeys = await call('GET', '/v1/platform-keys', { token: platform });
  /** A valid body of an operation. */
  const sampleOf = (schema: object): unknown =>
    JSON.parse(JSON.stringify(described.sampleOf(schema)).replaceAll(ids.role, role.body.id));
  const values = {
    accountId: account.id,
    roleId: role.body.id as string,
    grantId: grant.body.items[0].id as string,
    keyId: key.body.id as string,
    type: 'record',
    id: 'record-1',
    inviteId: pending.body.id as string,
    userId: owner.id,
    sessionId: decodeJwt(elsewhere.body.accessToken).sid as string,
    identityId: identity.id as string,
    code: 'not-found',
  };
  const isPlatforms = ({ id, path }: Pick<Operation, 'id' | 'path'>) =>
    platformCalls.test(path) || id === 'declareCatalogue';
  const ofPlatform = { roleId: preset.body.id as string, keyId: platformKeys.body.items[0].id as string };
  const urlOf = (operation: Operation, more: Partial<typeof values> = {}) =>
    pathWith(operation.path, { ...values, ...(isPlatforms(operation) && ofPlatform), ...more });
  const tokenOf = (operation: Operation) =>
    operation.credential !== 'bearer' ? undefined : isPlatforms(operation) ? platform : owner.token;
  const nameOf = ({ method, path }: Operation) => `${method} ${path}`;
  const withBody = operations.filter(
    (it) => it.body && !signedCalls.includes(it.id) && !lenientCalls.test(it.path),
  ) as (Operation & {
    body: object;
  })[];
  // The ids and cursors of resources are the product's own.
  const lists = operations.filter(
    (it) => it.method === 'GET' && it.query.includes('cursor') && it.id !== 'listResources',
  );
  /** Sends a body to an operation, with a credential if it requires one. */
  const send = (operation: Operation, body: unknown) =>
    call(operation.method, urlOf(operation), { body: JSON.stringify(body), token: tokenOf(operation), headers: json });
  const sendText = (operation: Operation, body: string, headers: Record<string, string> = json) =>
    call(operation.method, urlOf(operation), { body, token: tokenOf(operation), headers });

  t.test('the document describes the operations that this file tests', async (t) => {
    t.ok(operations.length >= 49, `${operations.length} operations`);
    t.ok(withBody.length >= 20, `${withBody.length} with a body`);
    t.same(lists.map(nameOf).sort(), Object.keys(cursors));
  });

  t.test('without a credential', async (t) => {
    t.test('every route answers 401, except the public ones', async (t) => {
      const routes = routesOf(app.printRoutes({ commonPrefix: false, includeHooks: false }));
      t.ok(routes.length > operations.length, `${routes.length} routes`);
      for (const { method, url } of routes) {
        const isPublic =
          publicRoutes.includes(`${method.replace('HEAD', 'GET')} ${url}`) ||
          publicFolders.some((it) => url.startsWith(it));
        const path = pathWith(url.replaceAll(/:(\w+)/g, '{$1}'), values).replace('*', 'any.css');
        const { statusCode, headers } = await app.inject({ method, url: path });
        t.equal(statusCode === 401, !isPublic, `${method} ${url} answers ${statusCode}`);
        if (!isPublic) t.match(headers['www-authenticate'], /^Bearer/);
      }
    });

    t.test('the document requires a credential for the same routes', async (t) => {
      const isPublic = (it: Operation) => publicRoutes.includes(nameOf(it).replaceAll(/\{(\w+)\}/g, ':$1'));
      for (const it of operations) t.equal(it.credential !== 'bearer', isPublic(it), nameOf(it));
    });

    t.test('the credential is checked before the body', async (t) => {
      for (const operation of withBody.filter((it) => it.credential === 'bearer')) {
        const { code } = await call(operation.method, urlOf(operation), { body: '{"no', headers: json });
        t.equal(code, 'unauthenticated', nameOf(operation));
      }
    });
  });

  t.test('a caller who is not a member', async (t) => {
    const stranger = await newUser();
    const neverWere = { accountId: ids.account, sessionId: ids.session, identityId: ids.identity };
    const kept = async () => [
      (await call('GET', `${account.url}/invites/${values.inviteId}`, { token: owner.token })).body,
      await listAll('/v1/me/sessions?limit=100', owner.token),
      (await call('GET', '/v1/me/identities', { token: owner.token })).body,
    ];
    const before = await kept();
    t.match(before, [{ status: 'pending' }, [{ id: values.sessionId }], { items: [identity] }]);

    /** The answer to a stranger for another user's id, without the request id and the date. */
    async function askWith(operation: Operation, id: Partial<typeof values>) {
      const query = new URLSearchParams(operation.sampleQuery);
      const { status, body, headers } = await call(operation.method, `${urlOf(operation, id)}?${query}`, {
        ...(operation.body && { body: sampleOf(operation.body) }),
        token: stranger.token,
      });
      const { 'x-request-id': _, date: __, ...otherHeaders } = headers;
      return { status, body: { ...body, requestId: '' }, headers: otherHeaders };
    }

    for (const [parameter, fewest, what] of [
      ['accountId', 18, 'account'],
      ['sessionId', 1, 'session'],
      ['identityId', 1, 'identity'],
    ] as const) {
      t.test(`gets the same answer for a foreign ${what} id and an unknown one`, async (t) => {
        const named = operations.filter((it) => it.path.includes(`{${parameter}}`));
        t.ok(named.length >= fewest, `${named.length} operations`);
        for (const operation of named) {
          const foreign = await askWith(operation, {});
          t.match(foreign, { status: 404, body: { code: 'not-found' } }, nameOf(operation));
          const never = await askWith(operation, { [parameter]: neverWere[parameter] });
          t.same(foreign, never, `${nameOf(operation)}: the answers are the same`);
        }
        t.same(await kept(), before, 'nothing was changed');
      });
    }
  });

  t.test('a malformed id is answered 404', async (t) => {
    const named = {
      accountId: operations.find((it) => it.id === 'listMembers'),
      sessionId: operations.find((it) => it.id === 'endSession'),
      identityId: operations.find((it) => it.id === 'unlinkIdentity'),
    };
    for (const [parameter, operation] of Object.entries(named) as [string, Operation][]) {
      for (const id of [
        '1',
        'acc_',
        'ses_',
        ids.invite,
        `${ids.account}0`,
        `${ids.session}0`,
        ids.account.toUpperCase(),
        ids.identity.toUpperCase(),
        "' or 1=1 --",
        '%00',
        'x'.repeat(2_000),
        '..',
      ]) {
        const url = urlOf(operation, { [parameter]: encodeURIComponent(id) });
        const { code } = await call(operation.method, url, { token: owner.token });
        t.equal(code, 'not-found', `${nameOf(operation)}: ${id}`);
      }
    }
  });

  t.test('problems', async (t) => {
    t.test('are problem documents (RFC 9457)', async (t) => {
      const { status, headers, body } = await call('GET', '/v1/me');
      t.equal(status, 401);
      t.match(headers['content-type'], /^application\/problem\+json/);
      t.same(body, {
        type: `${issuer}/problems/unauthenticated`,
        title: problems.unauthenticated.title,
        status: 401,
        code: 'unauthenticated',
        requestId: headers['x-request-id'],
      });
    });

    t.test('have a type that is the URL of an explanation', async (t) => {
      for (const [code, { status, title }] of Object.entries(problems)) {
        const { body, status: answered } = await call('GET', `/problems/${code}`);
        t.equal(answered, 200, code);
        t.match(body, { code, status, title });
        t.ok(body.about.length > 20, `${code} is explained`);
      }
      const { body } = await call('GET', '/v1/nothing');
      t.equal(body.type, `${issuer}/problems/not-found`);
      t.equal((await call('GET', new URL(body.type).pathname)).body.code, 'not-found');
    });

    t.test('have kebab-case codes and error statuses', async (t) => {
      for (const [code, { status }] of Object.entries(problems)) {
        t.match(code, /^[a-z]+(-[a-z]+)*$/);
        t.ok(status >= 400 && status < 600);
      }
    });

    t.test('have no page for unknown codes', async (t) => {
      for (const code of ['nothing', 'constructor', '__proto__', 'toString', 'NOT-FOUND', '%00']) {
        t.equal((await call('GET', `/problems/${code}`)).code, 'not-found', code);
      }
    });
  });

  t.test('a body', async (t) => {
    t.test('that matches the schema is accepted', async (t) => {
      // The tests below change a sample in one place. This shows that the sample itself is valid.
      for (const operation of withBody.filter((it) => it.id !== 'acceptInvite')) {
        const { code, body } = await send(operation, sampleOf(operation.body));
        // No sample contains a valid access token: an identity provider signs it.
        if (operation.id === 'linkIdentity') t.match(body.errors, [{ pointer: '/accessToken', detail: /identity/ }]);
        else t.not(code, 'invalid-request', nameOf(operation));
      }
    });

    t.test('with an unknown field at any level is refused, and the field is named', async (t) => {
      for (const operation of withBody) {
        const sample = sampleOf(operation.body);
        for (const { pointer } of objectsOf(operation.body)) {
          for (const extra of ['unknown', 'isOwner', 'constructor', 'a/b~c']) {
            const key = extra.replaceAll('~', '~0').replaceAll('/', '~1');
            const { code, body } = await send(operation, withKey(sample, pointer, extra));
            t.equal(code, 'invalid-request', `${nameOf(operation)} ${pointer}/${extra}`);
            const places = (body?.errors ?? []).map((it: { pointer: string }) => it.pointer);
            t.ok(places.includes(`${pointer}/${key}`) || places.includes(pointer), `${places}`);
          }
        }
      }
    });

    t.test('without a required field is refused, and the field is named', async (t) => {
      for (const operation of withBody) {
        const sample = sampleOf(operation.body);
        for (const { pointer, required } of objectsOf(operation.body)) {
          // The rest of an access may be another valid variant of it.
          for (const key of pointer.endsWith('/access') ? [] : required) {
            const { code, body } = await send(operation, withValue(sample, `${pointer}/${key}`, undefined));
            t.equal(code, 'invalid-request', `${nameOf(operation)} without ${pointer}/${key}`);
            const places = (body?.errors ?? []).map((it: { pointer: string }) => it.pointer);
            t.ok(places.includes(`${pointer}/${key}`) || places.includes(pointer), `${places}`);
          }
        }
      }
    });

    t.test('with a value of the wrong type is refused, without coercion', async (t) => {
      const others: Record<string, unknown> = {
        string: 'text',
        digits: '1',
        word: 'true',
        empty: '',
        integer: 1,
        fraction: 1.5,
        boolean: true,
        null: null,
        object: {},
        array: [],
        list: ['text'],
      };
      const texts = ['string', 'digits', 'word', 'empty'];
      for (const operation of withBody) {
        const sample = sampleOf(operation.body);
        for (const { pointer, types } of leavesOf(operation.body)) {
          const fitting = types.includes('string') ? [...types, ...texts] : types;
          for (const [type, value] of Object.entries(others).filter(([it]) => !fitting.includes(it))) {
            const { code, status, body } = await send(operation, withValue(sample, pointer, value));
            const what = `${nameOf(operation)} ${pointer}: ${type}`;
            t.same({ status, code }, { status: 400, code: 'invalid-request' }, what);
            const places = (body?.errors ?? []).map((it: { pointer: string }) => it.pointer);
            // If there are several variants, the field that contains them is named.
            t.ok(
              places.some((it: string) => it !== '' && pointer.startsWith(it)),
              `${what} is named: ${places}`,
            );
          }
        }
      }
    });

    t.test('that is not an object is refused', async (t) => {
      for (const operation of withBody) {
        const wrong = ['null', '[]', '[{}]', '"text"', '1', 'true', ...(operation.isBodyOptional ? [] : ['', '{}'])];
        for (const text of wrong) {
          const { code, status } = await sendText(operation, text);
          t.same(
            { status, code },
            { status: 400, code: 'invalid-request' },
            `${nameOf(operation)}: ${text || 'empty'}`,
          );
        }
      }
    });

    t.test('that is not JSON, or that sets a prototype, is refused', async (t) => {
      const malformed = {
        'cut short': '{"email":',
        'single quotes': "{'email':'a@example.com'}",
        'a trailing comma': '{"email":"a@example.com",}',
        'a comment': '{/* */}',
        NaN: '{"email":NaN}',
        'two documents': '{}{}',
        'a form': 'email=a@example.com',
        XML: '<email>a@example.com</email>',
        'raw control characters': '{"email":"a\u0001@example.com"}',
        'the key __proto__': '{"__proto__":{"isOwner":true}}',
        'the escaped key __proto__': '{"\\u005f_proto__":{"isOwner":true}}',
        'constructor.prototype': '{"constructor":{"prototype":{"isOwner":true}}}',
        'very deep lists': `${'['.repeat(32_000)}${']'.repeat(32_000)}`,
        'very deep objects': `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`,
      };
      for (const operation of withBody) {
        for (const [what, text] of Object.entries(malformed)) {
          const { code, status } = await sendText(operation, text);
          t.same({ status, code }, { status: 400, code: 'invalid-request' }, `${nameOf(operation)}: ${what}`);
        }
      }
      t.notOk('isOwner' in {}, 'no prototype was changed');
    });

    t.test('with a NUL or an unpaired surrogate in any text is refused, and the field is named', async (t) => {
      let texts = 0;
      for (const operation of withBody) {
        const sample = sampleOf(operation.body);
        for (const { pointer, types } of leavesOf(operation.body)) {
          if (!types.includes('string')) continue;
          texts += 1;
          for (const wrong of ['\0', 'some\0text', '\ud800', 'text\udfff', '\udc00\ud800']) {
            const { code, body } = await send(operation, withValue(sample, pointer, wrong));
            t.equal(code, 'invalid-request', `${nameOf(operation)} ${pointer}`);
            t.match(body.errors, [{ pointer }]);
          }
        }
        const { code } = await send(operation, withKey(sample, '', 'some\0key'));
        t.equal(code, 'invalid-request', `${nameOf(operation)}: in a key`);
      }
      t.ok(texts >= 20, `${texts} texts`);
    });

    t.test('of 2 MB is answered 413', async (t) => {
      const text = JSON.stringify({ email: 'a'.repeat(2 * 1024 * 1024) });
      for (const operation of withBody) {
        const { status, code } = await sendText(operation, text);
        t.same({ status, code }, { status: 413, code: 'too-large' }, nameOf(operation));
      }
      const headers = { ...json, 'transfer-encoding': 'chunked' };
      const payload = Readable.from([text.slice(0, 40_000), text.slice(40_000)]);
      const { statusCode } = await app.inject({ method: 'POST', url: '/v1/auth/login', headers, payload });
      t.equal(statusCode, 413, 'also without a Content-Length');
    });

    t.test('of another content type is answered 415', async (t) => {
      for (const operation of withBody) {
        const text = JSON.stringify(sampleOf(operation.body));
        const types = [
          'text/plain',
          'application/x-www-form-urlencoded',
          'multipart/form-data; boundary=x',
          'text/json',
        ];
        for (const type of [...types, 'application/jsonx', 'application/xml', 'nonsense', '*/*']) {
          const { status, code } = await sendText(operation, text, { 'content-type': type });
          t.same({ status, code }, { status: 415, code: 'unsupported-media-type' }, `${nameOf(operation)}: ${type}`);
        }
        const { status } = await sendText(operation, text, {});
        t.equal(status, 415, `${nameOf(operation)}: none`);
      }
    });

    t.test('may have a charset in its content type', async (t) => {
      const login = withBody.find((it) => it.id === 'logIn') as Operation;
      const body = JSON.stringify({ email: owner.email, password });
      for (const type of ['application/json; charset=utf-8', 'Application/JSON', 'application/json;charset=UTF-8']) {
        t.equal((await sendText(login, body, { 'content-type': type })).status, 200, type);
      }
    });

    t.test('is refused if the call takes none', async (t) => {
      for (const operation of operations.filter((it) => it.method !== 'GET' && !it.body && !it.form)) {
        const { status, code } = await send(operation, { unknown: 1 });
        t.same({ status, code }, { status: 400, code: 'invalid-request' }, nameOf(operation));
      }
    });
  });

  t.test('a query', async (t) => {
    t.test('with an unknown parameter is refused on every route', async (t) => {
      for (const operation of operations) {
        for (const parameter of ['unknown', 'Limit', '__proto__', 'constructor']) {
          const query = new URLSearchParams({ ...operation.sampleQuery, [parameter]: '1' });
          const { code, body } = await call(operation.method, `${urlOf(operation)}?${query}`, {
            ...(operation.body && { body: sampleOf(operation.body) }),
            ...(operation.form && { body: asForm(sampleOf(operation.form)), headers: form }),
            token: tokenOf(operation),
          });
          t.equal(code, 'invalid-request', `${nameOf(operation)}?${parameter}`);
          t.match(body.errors, [{ parameter }]);
        }
      }
    });

    t.test('with an invalid cursor is refused by every list', async (t) => {
      const mangled = [
        '',
        'x',
        '0',
        'null',
        ids.user,
        'inv_',
        'mem_',
        'ses_',
        'acc_',
        'mem_01k7z2n4q8e6tbv5xw3c9d0hj',
        'inv_01k7z2n4q8e6tbv5xw3c9d0hjmm',
        'inv_81k7z2n4q8e6tbv5xw3c9d0hjm',
        'mem_01k7z2n4q8e6tbv5xw3c9d0hju',
        'INV_01K7Z2N4Q8E6TBV5XW3C9D0HJM',
        'mem_01k7z2n4q8e6tbv5xw3c9d0hjm ',
        "mem_' or 1=1 --",
        '\0',
        'inv_01k7z2n4q8e6tbv5xw3c9d0hjm\0',
        'eyJpZCI6MX0=',
        'x'.repeat(5_000),
      ];
      for (const operation of lists) {
        const own = cursors[nameOf(operation)] as string;
        const other = Object.values(cursors).filter((it) => it !== own);
        for (const cursor of [...mangled, ...other, `${own}0`, own.slice(0, -1), own.toUpperCase()]) {
          const url = `${urlOf(operation)}?cursor=${encodeURIComponent(cursor)}`;
          const { status, code, body } = await call('GET', url, { token: owner.token });
          const what = `${nameOf(operation)}?cursor=${encodeURIComponent(cursor).slice(0, 50)}`;
          t.same({ status, code }, { status: 400, code: 'invalid-request' }, what);
          t.match(body.errors, [{ parameter: 'cursor' }]);
        }
        const right = await call('GET', `${urlOf(operation)}?cursor=${own}`, { token: tokenOf(operation) });
        t.equal(right.status, 200, `${nameOf(operation)}?cursor=${own} is accepted`);
        for (const twice of ['cursor=a&cursor=b', 'cursor[]=a', 'cursor[a]=b', 'cursor=%zz', 'cursor=%ff']) {
          const { code } = await call('GET', `${urlOf(operation)}?${twice}`, { token: tokenOf(operation) });
          t.equal(code, 'invalid-request', twice);
        }
      }
    });

    t.test('with an invalid limit is refused by every list', async (t) => {
      const mangled = [
        '',
        '0',
        '-1',
        '101',
        '1.5',
        'x',
        'null',
        'true',
        'NaN',
        'Infinity',
        '1e1',
        '0x10',
        ' 5',
        '5 ',
        '+5',
      ];
      for (const operation of lists) {
        for (const limit of [...mangled, '99999999999999999999', '١', '\0', '1&limit=2']) {
          const text = limit.includes('&') ? limit : encodeURIComponent(limit);
          const { code, body } = await call('GET', `${urlOf(operation)}?limit=${text}`, { token: tokenOf(operation) });
          t.equal(code, 'invalid-request', `${nameOf(operation)}?limit=${text}`);
          t.match(body?.errors, [{ parameter: 'limit' }]);
        }
        for (const limit of ['1', '100']) {
          t.equal((await call('GET', `${urlOf(operation)}?limit=${limit}`, { token: tokenOf(operation) })).status, 200);
        }
      }
    });

    t.test('with a NUL or an unpaired surrogate in any parameter is refused', async (t) => {
      for (const operation of lists) {
        for (const parameter of operation.query) {
          const { code } = await call('GET', `${urlOf(operation)}?${parameter}=a%00b`, { token: tokenOf(operation) });
          t.equal(code, 'invalid-request', `${nameOf(operation)}?${parameter}`);
        }
      }
    });

    t.test('with an unknown status is refused', async (t) => {
      for (const status of ['', 'Pending', 'open', 'pending,expired', 'pending&status=expired']) {
        const { code } = await call('GET', `${account.url}/invites?status=${status}`, { token: owner.token });
        t.equal(code, 'invalid-request', status);
      }
    });
  });

  t.test('an undeclared method is answered 405, and Allow lists the declared ones', async (t) => {
    const declared = new Map<string, string[]>();
    for (const { path, method } of operations) declared.set(path, [...(declared.get(path) ?? []), method]);
    // This URL also has a page for browsers, which is not in the document.
    declared.set('/v1/invites/opt-out/one-click', ['POST', 'GET']);
    for (const [path, allowed] of declared) {
      const all = allowed.includes('GET') ? [...allowed, 'HEAD'] : allowed;
      for (const method of [...methods, 'OPTIONS'].filter((it) => !all.includes(it))) {
        const { statusCode, headers } = await app.inject({ method: method as Method, url: pathWith(path, values) });
        t.equal(statusCode, 405, `${method} ${path}`);
        t.same(String(headers.allow).split(', ').sort(), all.sort(), `Allow: ${headers.allow}`);
        t.match(headers['content-type'], /^application\/problem\+json/);
      }
    }
  });

  t.test('an unknown URL is answered 404', async (t) => {
    for (const url of [
      '/',
      '/v1',
      '/v1/',
      '/v1/me/',
      '/v2/me',
      '/V1/me',
      '/v1/Me',
      '//v1/me',
      '/v1/me/nothing',
      '/.env',
    ]) {
      for (const method of ['GET', 'POST'] as const) {
        const { status, code } = await call(method, url, { token: owner.token });
        t.same({ status, code }, { status: 404, code: 'not-found' }, `${method} ${url}`);
      }
    }
  });

  t.test('invalid percent-encoding in the path is answered 400 or 404', async (t) => {
    for (const url of [
      '/v1/%zz',
      '/v1/accounts/%',
      '/v1/accounts/%e0%a4%a',
      `${account.url}/members/%ff`,
      '/%c0%ae/',
    ]) {
      const { status, code, headers } = await call('GET', url, { token: owner.token });
      t.ok(status === 400 || status === 404, `${url} answers ${status}`);
      t.ok(code === 'invalid-request' || code === 'not-found');
      t.equal(headers['cache-control'], 'no-store', 'it has the headers of every answer');
      t.ok(headers['x-request-id']);
    }
  });

  t.test('X-Request-Id', async (t) => {
    t.test('is used if it is plain: in the answer, the problem and the log', async (t) => {
      for (const given of ['abc-123_X', 'a', 'x'.repeat(64), '4f9c2c1e-9d0f-4a7e-8f6a-0c5f4e0a7b11']) {
        const { headers, body } = await call('GET', '/v1/me', { headers: { 'x-request-id': given } });
        t.equal(headers['x-request-id'], given);
        t.equal(body.requestId, given);
        t.ok(log.lines().some((it) => it.reqId === given && it.msg === 'request'));
      }
    });

    t.test('is replaced if it is not plain', async (t) => {
      for (const given of ['', 'a b', 'x'.repeat(65), 'ключ', '<script>', 'a\tb', '{"a":1}', 'a;b', '../x']) {
        const { headers } = await call('GET', '/readyz', { headers: { 'x-request-id': given } });
        t.not(headers['x-request-id'], given);
        t.match(headers['x-request-id'], /^[\w-]{8,64}$/, JSON.stringify(given));
      }
    });
  });

  t.test('nothing under /v1 may be cached', async (t) => {
    for (const operation of operations.filter((it) => it.path.startsWith('/v1/'))) {
      for (const token of [owner.token, undefined]) {
        const { headers } = await call(operation.method === 'GET' ? 'GET' : 'PUT', urlOf(operation), { token });
        t.equal(headers['cache-control'], 'no-store', nameOf(operation));
      }
    }
    const login = await call('POST', '/v1/auth/login', { body: { email: owner.email, password } });
    t.equal(login.headers['cache-control'], 'no-store');
  });

  t.test('a forged Host affects neither the links in mails nor problems', async (t) => {
    const evil = {
      host: 'evil.example.com',
      'x-forwarded-host': 'evil.example.com',
      'x-forwarded-proto': 'ftp',
      forwarded: 'host=evil.example.com',
      'x-original-url': 'https://evil.example.com/',
      origin: 'https://evil.example.com',
      referer: 'https://evil.example.com/',
    };
    const email = newEmail();
    const body = { email, access: { allPermissions: true } };
    const created = await call('POST', `${account.url}/invites`, { body, token: owner.token, headers: evil });
    t.equal(created.status, 201);
    await call('POST', '/v1/auth/register', { body: { email }, headers: evil });
    const user = await newUser();
    const next = newEmail();
    await call('POST', '/v1/auth/password-reset', { body: { email: user.email }, headers: evil });
    const change = { email: next, currentPassword: password };
    await call('POST', '/v1/me/email-change', { body: change, token: user.token, headers: evil });
    const mails = [await service.mailsTo(email), await service.mailsTo(user.email), await service.mailsTo(next)].flat();
    for (const mail of mails) t.notMatch(JSON.stringify(mail), /evil/);
    const found = mails.flatMap((it) => it.text.match(/https?:\S+/g) ?? []).map((it) => it.replace(/=.*/, '={token}'));
    t.same([...new Set(found)].sort(), Object.values(links).sort(), 'each link has its configured URL');

    const refused = await call('GET', '/v1/me', { headers: evil });
    t.equal(refused.body.type, `${issuer}/problems/unauthenticated`);
    t.notMatch(JSON.stringify([refused.headers, refused.body, created.headers, created.body]), /evil/);
  });

  t.test('an unexpected error', async (t) => {
    t.test('is answered 500 without its message', async (t) => {
      log.forget();
      await db.execute(sql`alter table memberships rename to memberships_away`);
      t.teardown(() => db.execute(sql`alter table memberships_away rename to memberships`));
      const url = `${account.url}/members?q=some-search-text`;
      const { status, body, headers } = await call('GET', url, { token: owner.token });
      t.equal(status, 500);
      t.match(headers['content-type'], /^application\/problem\+json/);
      t.same(body, {
        type: `${issuer}/problems/internal-error`,
        title: problems['internal-error'].title,
        status: 500,
        code: 'internal-error',
        requestId: headers['x-request-id'],
      });
    });

    t.test('is logged with the request id and the statement, without bound parameters', async (t) => {
      const line = log.lines().find((it) => it.msg === 'internal-error');
      t.match(line, { level: 50, err: { code: '42P01', message: 'relation "memberships" does not exist' } });
      t.ok(line?.reqId, 'it has the request id');
      const text = JSON.stringify(line);
      t.match(text, /select/, 'it contains the statement');
      for (const parameter of [
        account.id,
        uuidOf('acc', account.id as never),
        owner.id,
        'some-search-text',
        owner.token,
      ]) {
        t.notOk(text.includes(parameter), `it does not contain ${parameter.slice(0, 20)}`);
      }
    });

    t.test('of a database driver is logged without the values that it quotes', async (t) => {
      const row = {
        id: newId('usr'),
        email: newEmail('quoted'),
        name: 'Quoted Name',
        passwordHash: 'a-hash-that-no-log-shows',
        createdAt: new Date(),
      };
      await db.insert(users).values(row);
      const error = await db
        .insert(users)
        .values({ ...row, id: newId('usr') })
        .then(
          () => undefined,
          (error) => error,
        );
      t.ok(error instanceof DrizzleQueryError, 'a unique violation');
      t.match(error.message, row.email, 'the error itself quotes the values');
      const logged = errorForLog(error);
      t.match(logged, { code: '23505', constraint: 'users_email_unique' });
      t.match(logged.query, /insert into "users"/);
      for (const value of [row.email, row.name, row.passwordHash]) {
        t.notOk(JSON.stringify(logged).includes(value), value);
        t.notOk(JSON.stringify(errorForLog(error.cause as Error)).includes(value), `${value}, in the driver’s error`);
      }
    });

    t.test('of a database driver is logged with its cause, without the values that the cause quotes', async (t) => {
      const failing = [
        {
          statement: sql`select ${'a-secret-text'}::uuid`,
          code: '22P02',
          cause: /^invalid input syntax for type uuid/,
        },
        {
          statement: sql`select ${'12 monkeys'}::integer`,
          code: '22P02',
          cause: /^invalid input syntax for type integer/,
        },
        {
          statement: sql`select ${'{"pin": 4711'}::jsonb`,
          code: '22P02',
          cause: /^invalid input syntax for type json/,
        },
        { statement: sql`select ${'2026-13-45'}::timestamptz`, code: '22008', cause: /out of range/ },
        {
          statement: sql`select * from nowhere where name = ${'Anna'}`,
          code: '42P01',
          cause: /relation "nowhere" does not exist/,
        },
      ];
      for (const { statement, code, cause } of failing) {
        const error = await db.execute(statement).then(
          () => new DrizzleQueryError('none', [], new Error('it did not fail')),
          (it: DrizzleQueryError) => it,
        );
        const logged = errorForLog(error);
        t.match(logged, { code, message: cause, query: /^select/ });
        const inner = errorForLog(error.cause as Error);
        t.match(inner, { code });
        for (const value of error.params as string[]) {
          t.notOk(logged.message.includes(`"${value}"`) || logged.message.includes(`${value} `), `${code}: ${value}`);
          t.notOk(inner.message.includes(`"${value}"`), `${code}: ${value}, in the driver’s error`);
        }
      }
    });
  });

  t.test('the log contains no secrets and no addresses', async (t) => {
    log.forget();
    const email = newEmail('logged');
    const user = await newUser(email);
    const { body: session } = await call('POST', '/v1/auth/login', { body: { email, password } });
    const wrong = 'a wrong but secret passphrase';
    await call('POST', '/v1/auth/login', { body: { email, password: wrong } });
    await call('GET', `${account.url}/invites?email=${encodeURIComponent(email)}`, { token: owner.token });
    const invited = newEmail('invited');
    await invite(account, owner, invited);
    const optOutToken = await tokenFor(invited, 'opt-out');
    await call('POST', '/v1/invites/opt-out', { body: { token: optOutToken } });
    await invite(account, owner, invited);
    const oneClick = `/v1/invites/opt-out/one-click?token=${optOutToken}`;
    await call('POST', oneClick, { body: 'List-Unsubscribe=One-Click', headers: form });
    await call('POST', oneClick, { body: 'List-Unsubscribe=No', headers: form });
    for (const url of [oneClick, `${oneClick}x`, `${oneClick}&unknown=1`]) await app.inject({ url });
    const reportToken = await tokenFor(invited, 'report');
    await call('POST', '/v1/invites/report', { body: { token: reportToken } });
    const { body: refreshed } = await call('POST', '/v1/auth/refresh', {
      body: { refreshToken: session.refreshToken },
    });
    const chosen = 'a brand-new but secret passphrase';
    const change = (body: object) => call('PUT', '/v1/me/password', { body, token: user.token });
    await change({ currentPassword: wrong, newPassword: chosen });
    await change({ currentPassword: password, newPassword: chosen });
    const next = newEmail('changed');
    await call('POST', '/v1/me/email-change', { body: { email: next, currentPassword: chosen }, token: user.token });
    const changeToken = await tokenFor(next, 'email-change');
    await call('POST', '/v1/auth/email-change/confirm', { body: { token: changeToken } });
    await call('POST', '/v1/auth/password-reset', { body: { email: next } });
    const resetToken = await tokenFor(next, 'password-reset');
    const reset = { token: resetToken, password: 'yet another secret passphrase' };
    const { body: opened } = await call('POST', '/v1/auth/password-reset/confirm', { body: reset });
    t.ok(opened.accessToken, 'all steps succeeded');
    const providerToken = `${user.token}x`;
    const link = { accessToken: providerToken, currentPassword: reset.password };
    await call('POST', '/v1/me/identities', { body: link, token: opened.accessToken });
    await call('GET', `/v1/me?token=${user.token}`);
    await service.worker.drain();

    const text = log.text();
    const lines = log.lines();
    t.ok(lines.filter((it) => it.msg === 'request').length >= 17, 'each request is logged');
    t.ok(lines.filter((it) => it.msg === 'mail').length >= 6, 'each mail is logged');
    t.ok(lines.filter((it) => it.msg === 'security').length >= 10, 'each security event is logged');
    const sessions = [user, session, refreshed, opened];
    const secrets = [
      ...[password, wrong, chosen, reset.password, providerToken],
      ...[optOutToken, reportToken, changeToken, resetToken],
      ...sessions.flatMap((it) => [it.refreshToken, it.accessToken ?? it.token]),
    ];
    t.ok(secrets.every((it) => typeof it === 'string' && it.length > 10));
    const addresses = [email, encodeURIComponent(email), 'invited-', 'changed-', '@example.com'];
    for (const secret of [...secrets, ...addresses, 'Bearer', 'eyJ']) {
      t.notOk(text.includes(secret), secret.slice(0, 20));
    }
  });
});

/** Collects log lines. */
function keepLog() {
  let written: string[] = [];
  return {
    write: (line: string) => void written.push(line),
    text: () => written.join(''),
    lines: () => written.map((it) => JSON.parse(it) as Record<string, unknown>),
    forget: () => {
      written = [];
    },
  };
}

/** All routes, from the tree that Fastify prints. */
function routesOf(tree: string): { method: Method | 'HEAD'; url: string }[] {
  const parents: string[] = [];
  return tree.split('\n').flatMap((line) => {
    const [, indent, part, methods] = /^(.*?)[├└]── (\S*) \(([A-Z, ]+)\)$/.exec(line) ?? [];
    if (indent === undefined || part === undefined || methods === undefined) {
      if (line.trim() !== '') throw new Error(`a line that is no route: ${line}`);
      return [];
    }
    const depth = indent.length / 4;
    parents[depth] = (depth === 0 ? '' : (parents[depth - 1] as string)) + part;
    const url = parents[depth];
    return methods.split(', ').map((method) => ({ method: method as Method | 'HEAD', url }));
  });
}

/** A copy of a JSON value with another key in the object at a JSON Pointer. */
function withKey(value: unknown, pointer: string, key: string): unknown {
  const copy = structuredClone(value) as Record<string, unknown>;
  const keys = pointer.split('/').slice(1);
  const holder = keys.reduce((inner, it) => inner[it] as Record<string, unknown>, copy);
  Object.defineProperty(holder, key, { value: 1, enumerable: true });
  return copy;
}
