import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import createClient from 'openapi-fetch';
import openapiTS, { astToString } from 'openapi-typescript';
import t from 'tap';
import { openApiDocument } from '../src/cli/openapi-document.ts';
import type { paths } from './client/schema.d.ts';
import { root } from './support/root.ts';
import { newEmail, password, startService } from './support/service.ts';

const committed = pathToFileURL(join(root, 'openapi/openapi.json'));
const clientTypes = join(root, 'test/client/schema.d.ts');

interface Operation {
  operationId: string;
  summary?: string;
  description?: string;
  tags?: string[];
  requestBody?: { content: Record<string, { schema: Schema }> };
  responses: Record<string, { description: string; headers?: object }>;
  'x-network-limit'?: string;
  'x-problems'?: string[];
}
type Schema = { $ref?: string; examples?: unknown[]; properties?: Record<string, Schema>; [key: string]: unknown };

t.test('The OpenAPI document', async (t) => {
  const printed = JSON.parse(JSON.stringify(await openApiDocument()));
  const operations = Object.entries(printed.paths as Record<string, Record<string, Operation>>).flatMap(
    ([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, ...operation })),
  );

  t.test('is committed and up to date; `npm run openapi` updates it', async (t) => {
    t.same(printed, JSON.parse(readFileSync(committed, 'utf8')));
  });

  t.test('matches the committed client types', async (t) => {
    const generated = astToString(await openapiTS(committed));
    const body = readFileSync(clientTypes, 'utf8').replace(/^\/\*\*[\s\S]*?\*\/\s*/, '');
    t.equal(generated.trim(), body.trim());
  });

  t.test('describes every operation', async (t) => {
    const ids = operations.map((it) => it.operationId);
    t.equal(new Set(ids).size, ids.length, 'each operationId is unique');
    for (const { name, operationId, summary, description, tags, responses, 'x-problems': problems } of operations) {
      t.ok(operationId && summary && description && tags?.length === 1, `${name} has texts`);
      t.ok(problems?.includes('internal-error'), `${name} lists its problems`);
      for (const [status, response] of Object.entries(responses)) {
        t.not(response.description, 'Default Response', `${name} ${status} is described`);
      }
    }
  });

  t.test('limits the size of every string, number and list', async (t) => {
    const all = schemasIn({ paths: printed.paths, components: printed.components });
    const isOf = (schema: Schema, type: string) =>
      [schema.type].flat().includes(type) && !schema.enum && !('const' in schema);
    t.ok(all.length > 300, `${all.length} schemas`);
    for (const [place, schema] of all) {
      if (isOf(schema, 'string')) t.ok('maxLength' in schema, `${place} has a maxLength`);
      if (isOf(schema, 'array')) t.ok('maxItems' in schema, `${place} has maxItems`);
      if (isOf(schema, 'integer')) {
        const { minimum, maximum, format } = schema;
        const fits = format === (Number(maximum) > 2 ** 31 - 1 ? 'int64' : 'int32');
        t.ok(minimum !== undefined && maximum !== undefined && fits, `${place}: ${minimum} to ${maximum}, ${format}`);
      }
    }
  });

  t.test('has only patterns that work in every regular expression engine', async (t) => {
    const patterns = new Set(schemasIn(printed).flatMap(([, { pattern }]) => (pattern === undefined ? [] : [pattern])));
    t.ok(patterns.size >= 15, `${patterns.size} patterns`);
    const compiles = (pattern: string, flags: string) => {
      try {
        return new RegExp(pattern, flags).source !== '';
      } catch {
        return false;
      }
    };
    // Python has no \p and no \u{…}, Go has no \u, no look-around and no back-references.
    const isPortable = (it: string) => !/\\[pPuUkKGzZAhHRX1-9]|\(\?/.test(it) && compiles(it, '') && compiles(it, 'u');
    t.same(
      ([...patterns] as string[]).filter((it) => !isPortable(it)),
      [],
    );
    const [name = ''] = ([...patterns] as string[]).filter((it) => it.includes('\u2800'));
    for (const flags of ['', 'u']) {
      const isName = (text: string) => new RegExp(name, flags).test(text);
      for (const right of ['Olivia Owner', '👩\u200D🔧', '日本', ' e\u0301', '\u3164a']) t.ok(isName(right), right);
      for (const wrong of ['', ' ', '\u2800', '\u3164\u00a0', 'a\nb', 'a\u202eb'])
        t.notOk(isName(wrong), encodeURIComponent(wrong));
    }
  });

  t.test('describes translations as strictly as the service validates them', async (t) => {
    const ajv = new Ajv2020({ strict: false });
    ajv.addSchema({ ...printed, $id: 'document' });
    const validate = ajv.compile({ $ref: 'document#/components/schemas/PermissionDeclaration' });
    const declared = { key: 'a:a', title: 'A', description: 'A.', group: 'A' };
    for (const good of [{}, { de: { title: 'A' } }, { 'pt-BR': {} }]) {
      t.ok(validate({ ...declared, translations: good }), JSON.stringify(good));
    }
    const many = Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`de-x${i}`, {}]));
    for (const wrong of [{ 'no language': {} }, { constructor: {} }, { de: { titel: 'A' } }, { de: 'A' }, many]) {
      t.notOk(validate({ ...declared, translations: wrong }), JSON.stringify(wrong));
    }
  });

  t.test('documents the RateLimit and Retry-After headers of answers', async (t) => {
    const limited = operations.filter((it) => it['x-network-limit']);
    t.ok(limited.length >= 10, `${limited.length} operations`);
    for (const { name, responses, 'x-network-limit': limit } of operations) {
      for (const [status, { headers = {} }] of Object.entries(responses)) {
        t.equal('RateLimit-Remaining' in headers, limit !== undefined, `${name} ${status}`);
        t.equal('Retry-After' in headers, status === '429', `${name} ${status}`);
      }
    }
  });

  t.test('has a valid example for every body', async (t) => {
    const ajv = new Ajv2020({ strict: false });
    addFormats.default(ajv);
    ajv.addSchema({ ...printed, $id: 'document' });
    for (const { name, requestBody } of operations.filter((it) => it.requestBody)) {
      const { schema } = Object.values(requestBody?.content ?? {})[0] ?? { schema: {} };
      const validate = ajv.compile({ $ref: `document${schema.$ref}` });
      const example = exampleOf(printed, schema);
      t.ok(validate(example), `${name}: ${JSON.stringify(example)} ${JSON.stringify(validate.errors)}`);
    }
  });
});

/** Every schema in a part of the document, with its path. */
function schemasIn(part: unknown, place = '#'): [place: string, schema: Schema][] {
  if (typeof part !== 'object' || part === null) return [];
  const inner = Object.entries(part).flatMap(([key, it]) => schemasIn(it, `${place}/${key}`));
  return 'type' in part && !place.endsWith('/properties') ? [[place, part as Schema], ...inner] : inner;
}

/** The example that a reader sees: the schema's own, or one built from its required properties. */
function exampleOf(document: { components: { schemas: Record<string, Schema> } }, schema: Schema): unknown {
  const named = schema.$ref?.split('/').at(-1);
  const resolved = named === undefined ? schema : (document.components.schemas[named] as Schema);
  if (resolved.examples) return resolved.examples[0];
  const required = (resolved.required ?? []) as string[];
  return Object.fromEntries(required.map((key) => [key, exampleOf(document, resolved.properties?.[key] as Schema)]));
}

t.test('A generated client walks the story with full types and no casts', async (t) => {
  const { app, tokenFor } = await startService(t);
  await app.listen({ port: 0 });
  const baseUrl = `http://localhost:${(app.server.address() as { port: number }).port}`;
  const anyone = createClient<paths>({ baseUrl });
  const as = (token: string) => createClient<paths>({ baseUrl, headers: { authorization: `Bearer ${token}` } });

  const email = newEmail('owner');
  const registered = await anyone.POST('/v1/auth/register', { body: { email } });
  t.equal(registered.response.status, 202);
  const chosen = { token: await tokenFor(email), name: 'Olivia Owner', password };
  const verified = await anyone.POST('/v1/auth/verify-email', { body: chosen });
  const loggedIn = await anyone.POST('/v1/auth/login', { body: { email, password } });
  t.equal(loggedIn.data?.user.id, verified.data?.user.id);
  if (!loggedIn.data) return t.fail('no session');
  const owner = as(loggedIn.data.accessToken);

  const account = await owner.POST('/v1/accounts', { body: { name: 'Example Hosting' } });
  if (!account.data) return t.fail('no account');
  const path = { accountId: account.data.id };
  const catalogue = await owner.GET('/v1/permissions');
  const key = catalogue.data?.items.find((it) => it.title === 'Pay invoices')?.key;
  if (!key) return t.fail('no such permission');
  const guest = newEmail('guest');
  const invited = await owner.POST('/v1/accounts/{accountId}/invites', {
    params: { path },
    body: { email: guest, access: { permissions: [key] } },
  });
  t.equal(invited.data?.status, 'pending');
  const pending = await owner.GET('/v1/accounts/{accountId}/invites', {
    params: { path, query: { status: 'pending' } },
  });
  t.same(
    pending.data?.items.map((it) => it.email),
    [guest],
  );

  const token = await tokenFor(guest);
  const preview = await anyone.POST('/v1/invites/preview', { body: { token } });
  t.equal(preview.data?.hasLogin, false);
  const accepted = await anyone.POST('/v1/invites/accept', {
    body: { token, register: { name: 'Gail Guest', password } },
  });
  if (!accepted.data?.session) return t.fail('no session for the guest');
  t.same(accepted.data.membership.access, { allPermissions: false, permissions: [key], roles: [], endsAt: null });
  const again = await anyone.POST('/v1/invites/accept', {
    body: { token, register: { name: 'Gail Guest', password } },
  });
  t.equal(again.error?.code, 'invite-accepted', 'problems are typed too');

  const userId = accepted.data.session.user.id;
  const changed = await owner.PATCH('/v1/accounts/{accountId}/members/{userId}', {
    params: { path: { ...path, userId } },
    body: { access: { allPermissions: true } },
  });
  t.equal(changed.data?.access.allPermissions, true);
  const mine = await as(accepted.data.session.accessToken).GET('/v1/me/accounts');
  t.same(
    mine.data?.items.map((it) => it.id),
    [account.data.id],
  );
  const removed = await owner.DELETE('/v1/accounts/{accountId}/members/{userId}', {
    params: { path: { ...path, userId } },
  });
  t.equal(removed.response.status, 204);
  const gone = await as(accepted.data.session.accessToken).GET('/v1/accounts/{accountId}', { params: { path } });
  t.equal(gone.error?.code, 'not-found');
});
