import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import t from 'tap';
import { checkAll } from '../../src/access/checks/check.ts';
import { platformUserId } from '../../src/ids/ids.ts';
import { parseApiKeySecret } from '../../src/tokens/api-key-secret.ts';
import { day, isPostgres, newEmail, password, startService, type TestUser } from '../support/service.ts';

const statements: string[] = [];
const audience = 'https://billing.example.com';
const issuer = 'https://usher.example.com';
const service = await startService(t, {
  env: { ISSUER: issuer, TOKEN_AUDIENCES: `${audience},reports` },
  statements: { logQuery: (it) => void statements.push(it) },
});
const { call, at, logIn, newAccount, newMember, newUser, newPlatformKey, newAccountKey, tokenFor } = service;

const platform = await newPlatformKey();

// --- Random accounts, and a model of the access rules without SQL --------------------------------

/** A seeded random number generator (mulberry32), so that failures can be reproduced. */
function randomFrom(seed: number) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  const below = (count: number) => Math.floor(next() * count);
  const one = <T>(of: readonly T[]): T => of[below(of.length)] as T;
  const some = <T>(of: readonly T[], share: number): T[] => of.filter(() => next() < share);
  return { next, below, one, some };
}

interface ModelGrant {
  permission: string;
  resource: { type: string; id?: string } | undefined;
  endsAt: number | undefined;
}

interface ModelMember {
  user: TestUser;
  isOwner: boolean;
  allPermissions: boolean;
  permissions: string[];
  roles: string[];
  endsAt: number | undefined;
  isSuspended: boolean;
  grants: ModelGrant[];
}

interface Model {
  implies: Record<string, string[]>;
  roles: Record<string, string[]>;
}

/** A permission and all permissions that it implies, directly or indirectly. */
function reach({ implies }: Model, permission: string, seen = new Set<string>()): Set<string> {
  if (seen.has(permission)) return seen;
  seen.add(permission);
  for (const it of implies[permission] ?? []) reach({ implies } as Model, it, seen);
  return seen;
}

/**
 * A member has the permissions given directly, by a role or by an applicable grant, and those they
 * imply.
 */
function mayModel(
  model: Model,
  member: ModelMember,
  permission: string,
  now: number,
  on?: { type: string; id: string },
) {
  if (!(permission in model.implies)) return false;
  if (member.isOwner) return true;
  if (member.isSuspended || (member.endsAt !== undefined && member.endsAt <= now)) return false;
  if (member.allPermissions) return true;
  const countIfDone = member.grants.filter(
    ({ resource, endsAt }) =>
      (endsAt === undefined || endsAt > now) &&
      (!resource || (on && resource.type === on.type && (resource.id === undefined || resource.id === on.id))),
  );
  const granted = [
    ...member.permissions,
    ...member.roles.flatMap((it) => model.roles[it] ?? []),
    ...countIfDone.map((it) => it.permission),
  ];
  return granted.some((it) => reach(model, it).has(permission));
}

const types = ['record', 'folder'];
const ids = ['one', 'two', 'three'];
const keysOf = (count: number) => Array.from({ length: count }, (_, i) => `${types[i % 2]}:act-${i}`);

async function makeWorld(random: ReturnType<typeof randomFrom>) {
  const keys = keysOf(12);
  // Each implies some of those before it, so that there is no cycle.
  const declared = keys.map((key, i) => ({
    ...{ key, title: key, description: key, group: 'Random' },
    implies: random.some(keys.slice(0, i), 0.25),
  }));
  const put = await call('PUT', '/v1/permissions?removeInUse=true', {
    body: { permissions: declared },
    token: platform,
  });
  if (put.status !== 200) throw new Error(JSON.stringify(put.body));
  const { body: catalogue } = await call('GET', '/v1/permissions', { token: platform });
  const all = catalogue.items as { key: string; implies: string[] }[];
  const model: Model = { implies: Object.fromEntries(all.map((it) => [it.key, it.implies])), roles: {} };
  const account = await newAccount();
  const post = async (path: string, body: unknown, token = account.owner.token) => {
    const made = await call('POST', path, { body, token });
    if (made.status > 201) throw new Error(`${path}: ${JSON.stringify(made.body)}`);
    return made.body;
  };
  for (let i = 0; i < 4; i++) {
    const permissions = random.some(keys, 0.2);
    if (permissions.length === 0) permissions.push(keys[0] as string);
    const isPreset = random.next() < 0.4;
    const path = isPreset ? '/v1/role-presets' : `${account.url}/roles`;
    const name = `${isPreset ? 'preset' : 'role'} ${i} ${newEmail()}`;
    const made = await post(path, { name, permissions }, isPreset ? platform : undefined);
    model.roles[made.id] = permissions;
  }
  return { account, keys, model, post };
}

type World = Awaited<ReturnType<typeof makeWorld>>;

/** A member with random access, who may be suspended. Times are up to an hour in the future. */
async function randomMember(
  random: ReturnType<typeof randomFrom>,
  { account, keys, model, post }: World,
): Promise<ModelMember> {
  const now = Date.now();
  const someTime = () => (random.next() < 0.5 ? now + (1 + random.below(6)) * 600_000 : undefined);
  const isAll = random.next() < 0.15;
  const member: ModelMember = {
    user: await newMember(account, { permissions: [] }),
    isOwner: false,
    allPermissions: isAll,
    permissions: isAll ? [] : random.some(keys, 0.15),
    roles: isAll ? [] : random.some(Object.keys(model.roles), 0.3),
    endsAt: random.next() < 0.5 ? someTime() : undefined,
    isSuspended: random.next() < 0.15,
    grants: [],
  };
  const { permissions, roles, endsAt } = member;
  const end = endsAt === undefined ? {} : { endsAt: new Date(endsAt).toISOString() };
  const access = isAll ? { allPermissions: true, ...end } : { permissions, roles, ...end };
  const url = `${account.url}/members/${member.user.id}`;
  const changed = await call('PATCH', url, { body: { access }, token: account.owner.token });
  if (changed.status !== 200) throw new Error(JSON.stringify(changed.body));
  for (let i = random.below(8); i > 0; i--) {
    const type = random.one(types);
    const resource = random.one([undefined, { type }, { type, id: random.one(ids) }]);
    member.grants.push({ permission: random.one(keys), resource, endsAt: someTime() });
  }
  const grants = member.grants.map(({ permission, resource, endsAt: ends }) => ({
    ...{ permission, ...(resource && { resource }) },
    ...(ends !== undefined && { endsAt: new Date(ends).toISOString() }),
  }));
  if (grants.length > 0) await post(`${url}/grants`, { grants });
  if (member.isSuspended) await post(`${url}/suspend`, undefined);
  return member;
}

t.test('The check, the explanation, the account token and AuthZEN agree with a simple model', async (t) => {
  const jwks = createLocalJWKSet((await call('GET', '/.well-known/jwks.json')).body as JSONWebKeySet);
  let checks = 0;
  const seen = { allowed: 0, denied: 0 };
  // The embedded database takes four times as long, with the same statements.
  for (const seed of isPostgres ? [1, 2, 3] : [1]) {
    const random = randomFrom(seed);
    const world = await makeWorld(random);
    const { account, keys, model } = world;
    const accountId = account.url.split('/').at(-1) as string;
    const members: ModelMember[] = [
      {
        ...{ user: account.owner, isOwner: true, allPermissions: true, permissions: [], roles: [] },
        ...{ endsAt: undefined, isSuspended: false, grants: [] },
      },
    ];
    for (let i = 0; i < 8; i++) members.push(await randomMember(random, world));
    for (let i = 0; i < 40; i++) {
      checks += 1;
      const member = random.one(members);
      const permission = random.next() < 0.05 ? 'no-such:permission' : random.one(keys);
      const on = random.next() < 0.5 ? { type: random.one(types), id: random.one(ids) } : undefined;
      const when = new Date(Date.now() + random.below(70) * 60_000);
      const expected = mayModel(model, member, permission, when.getTime(), on);
      const inWhole = mayModel(model, member, permission, when.getTime());
      seen[expected ? 'allowed' : 'denied'] += 1;
      const what = `seed ${seed}, check ${i}: ${permission}${on ? ` on ${on.type} ${on.id}` : ''} at ${when.toISOString()} by ${JSON.stringify({ ...member, user: '' })}`;
      await at(when, async () => {
        const owner = await logIn(account.owner);
        const query = new URLSearchParams({
          ...{ userId: member.user.id, permission },
          ...(on && { resourceType: on.type, resourceId: on.id }),
        });
        const check = await call('GET', `${account.url}/check?${query}`, { token: owner });
        t.same(check.body, { allowed: expected }, `the check, ${what}`);

        const resource = on ? { ...on, properties: { accountId } } : { type: 'account', id: accountId };
        const body = { subject: { type: 'user', id: member.user.email }, action: { name: permission }, resource };
        const evaluation = await call('POST', '/access/v1/evaluation', { body, token: owner });
        t.same(evaluation.body, { decision: expected }, `AuthZEN, ${what}`);

        const explained = await call('GET', `${account.url}/members/${member.user.id}/permissions`, { token: owner });
        const reasons: { resource?: { type: string; id?: string } }[] =
          explained.body.items.find((it: { permission: string }) => it.permission === permission)?.reasons ?? [];
        const counts = reasons.filter(
          ({ resource: of }) => !of || (on && of.type === on.type && (of.id === undefined || of.id === on.id)),
        );
        t.equal(counts.length > 0, expected, `the explanation, ${what}`);

        const token = await logIn(member.user);
        const issued = await call('POST', `${account.url}/token`, { body: { audience }, token });
        const mine = (await call('GET', '/v1/me/accounts', { token })).body.items[0];
        if (issued.status === 404) {
          t.notOk(inWhole, `no token, ${what}`);
          t.equal(mine, undefined, 'the account is not in the user’s accounts');
        } else {
          const options = { issuer, audience, typ: 'at+jwt', algorithms: ['EdDSA'], currentDate: when };
          const { payload } = await jwtVerify(issued.body.accessToken, jwks, options);
          t.equal((payload.permissions as string[]).includes(permission), inWhole, `the token, ${what}`);
          t.equal(mine.effectivePermissions.includes(permission), inWhole, `my accounts, ${what}`);
        }
      });
    }
  }
  t.ok(checks >= 40, `${checks} checks`);
  t.ok(seen.allowed >= 5 && seen.denied >= 5, `of which ${seen.allowed} were allowed and ${seen.denied} denied`);
});

t.test('GET …/check', async (t) => {
  const account = await newAccount();
  const check = (query: Record<string, string>, token: string) =>
    call('GET', `${account.url}/check?${new URLSearchParams(query)}`, { token });

  t.test('takes one statement for every kind of caller', async (t) => {
    const member = await newMember(account, { permissions: ['members:read'] });
    const key = await newAccountKey(account, account.owner, 'members:read');
    const callers = [account.owner.token, member.token, key, platform];
    // The first request with a key also writes when it was last used.
    for (const token of callers) await check({ userId: member.id, permission: 'members:manage' }, token);
    for (const token of callers) {
      statements.length = 0;
      const answer = await check({ userId: member.id, permission: 'members:manage' }, token);
      t.match(answer, { status: 200, body: { allowed: false } });
      t.equal(statements.length, 1);
    }
  });

  t.test('concurrent checks with one credential share statements, and each gets its own answer', async (t) => {
    const members = [
      await newMember(account, { permissions: ['keys:manage'] }),
      await newMember(account, { permissions: ['roles:manage'] }),
    ];
    const key = await newAccountKey(account, account.owner, 'members:read');
    const weak = await newAccountKey(account, account.owner, 'roles:manage');
    const forged = `${key.slice(0, -4)}AAAA`;
    const checkAs = (token: string, at: number) =>
      check({ userId: members[at % 2]?.id ?? '', permission: 'keys:manage' }, token);
    await checkAs(key, 0);
    statements.length = 0;
    const many = Array.from({ length: 40 }, (_, at) => at);
    const [answers, refused, unknown] = await Promise.all(
      [key, weak, forged].map((token) => Promise.all(many.map((at) => checkAs(token, at)))),
    );
    t.same(
      answers?.map((it) => it.body.allowed),
      many.map((at) => at % 2 === 0),
    );
    t.same(new Set(refused?.map((it) => it.code)), new Set(['permission-missing']));
    t.same(new Set(unknown?.map((it) => it.status)), new Set([401]), 'a forged key shares no answer with the real one');
    const checkStatements = statements.filter((it) => it.includes('with ordinality')).length;
    t.ok(checkStatements <= 30, `120 checks took ${checkStatements} statements`);

    const left = await call('DELETE', `${account.url}/members/${members[0]?.id}`, { token: account.owner.token });
    t.equal(left.status, 204);
    const after = await Promise.all(many.map((at) => checkAs(key, at)));
    t.ok(
      after.every((it) => it.body.allowed === false),
      'checks after the removal of the member are denied',
    );
  });

  t.test('a batch is answered as of its latest request', async (t) => {
    const endsAt = new Date(service.clock().getTime() + 60_000);
    const member = await newMember(account, { permissions: ['keys:manage'], endsAt: endsAt.toISOString() });
    const resource = null;
    const question = {
      accountId: account.id as never,
      subject: { id: member.id as never },
      permission: 'keys:manage',
      resource,
      properties: {},
    };
    const key = parseApiKeySecret(platform);
    const askAt = (seconds: number) => {
      const now = new Date(endsAt.getTime() + seconds * 1000);
      const requestContext = { now, client: { network: '', userAgent: '' }, logSecurityEvent: () => {} };
      const caller = {
        ...requestContext,
        userId: platformUserId,
        sessionId: null,
        identityId: null,
        apiKey: key ?? null,
      };
      return checkAll(service.db, caller, [question]);
    };
    t.equal((await askAt(-5))[0]?.isAllowed, true);
    const [, after] = await Promise.all([askAt(-5), askAt(5), askAt(-5)]);
    t.equal(after?.[0]?.isAllowed, false);
  });

  t.test('lets members check themselves, and others with members:read, and refuses non-members', async (t) => {
    const member = await newMember(account, { permissions: ['keys:manage'] });
    const stranger = await newUser();
    t.match(await check({ permission: 'keys:manage' }, member.token), { status: 200, body: { allowed: true } });
    t.match(await check({ userId: 'me', permission: 'roles:manage' }, member.token), { body: { allowed: false } });
    const others = { userId: account.owner.id, permission: 'keys:manage' };
    t.match(await check(others, member.token), { status: 403, code: 'permission-missing' });
    t.match(await check(others, stranger.token), { status: 404, code: 'not-found' });
    t.match(await check({ permission: 'keys:manage' }, stranger.token), { status: 404 });
    t.match(await check({ userId: stranger.id, permission: 'keys:manage' }, account.owner.token), {
      body: { allowed: false },
    });
    t.match(await check(others, await newPlatformKey('access:check')), { status: 200, body: { allowed: true } });
    t.match(await check(others, await newPlatformKey('users:manage')), { status: 403 });
    const nowhere = await call('GET', '/v1/accounts/acc_01k7z2n4q8e6tbv5xw3c9d0hjm/check?permission=keys:manage', {
      token: platform,
    });
    t.match(nowhere, { status: 404 });
  });

  t.test('needs both the type and the id of a resource', async (t) => {
    for (const half of [{ resourceType: 'record' }, { resourceId: 'one' }] as Record<string, string>[]) {
      const refused = await check({ permission: 'keys:manage', ...half }, account.owner.token);
      t.match(refused, { status: 400, code: 'invalid-request' });
    }
    t.match(await check({ permission: 'not a key' }, account.owner.token), { status: 400 });
  });

  t.test('explains permissions to members with members:read, and to the member concerned', async (t) => {
    const member = await newMember(account, { permissions: ['members:manage'] });
    const blind = await newMember(account, { permissions: ['keys:manage'] });
    const own = await call('GET', `${account.url}/members/me/permissions`, { token: member.token });
    t.same(own.body.items, [
      { permission: 'members:read', reasons: [{ by: 'direct', impliedBy: 'members:manage', endsAt: null }] },
      { permission: 'members:manage', reasons: [{ by: 'direct', endsAt: null }] },
    ]);
    t.match(await call('GET', `${account.url}/members/${member.id}/permissions`, { token: blind.token }), {
      status: 403,
    });
    const owner = await call('GET', `${account.url}/members/${account.owner.id}/permissions`, { token: member.token });
    t.ok(
      owner.body.items.every(
        (it: { reasons: object[] }) => JSON.stringify(it.reasons) === '[{"by":"owner","endsAt":null}]',
      ),
    );
    t.match(await call('GET', `${account.url}/members/${(await newUser()).id}/permissions`, { token: member.token }), {
      status: 404,
    });
  });
});

t.test('An account token', async (t) => {
  const jwks = createLocalJWKSet((await call('GET', '/.well-known/jwks.json')).body as JSONWebKeySet);
  const options = { issuer, typ: 'at+jwt', algorithms: ['EdDSA'] };
  const account = await newAccount();
  const issue = (token: string, body: object = { audience }) => call('POST', `${account.url}/token`, { body, token });
  const epoch = async () =>
    (await call('GET', `${account.url}/epoch`, { token: account.owner.token })).body.epoch as number;

  t.test('is a JWT (RFC 9068) for one of the allowed audiences', async (t) => {
    const member = await newMember(account, { permissions: ['members:manage'] });
    const { status, body } = await issue(member.token);
    t.equal(status, 200);
    t.match(body, { tokenType: 'Bearer', expiresIn: 300, epoch: await epoch() });
    const { payload, protectedHeader } = await jwtVerify(body.accessToken, jwks, { ...options, audience });
    t.match(protectedHeader, { typ: 'at+jwt', alg: 'EdDSA', kid: String });
    t.same(Object.keys(payload).sort(), [
      'account',
      'aud',
      'client_id',
      'epoch',
      'exp',
      'iat',
      'iss',
      'jti',
      'permissions',
      'sub',
    ]);
    t.match(payload, { sub: member.id, account: account.id, aud: audience, client_id: /^ses_/, epoch: body.epoch });
    t.same(payload.permissions, ['members:read', 'members:manage']);
    t.equal((payload.exp as number) - (payload.iat as number), 300);
    await t.rejects(
      jwtVerify(body.accessToken, jwks, { ...options, audience: 'reports' }),
      'not valid for another audience',
    );
    t.match(await issue(member.token, { audience: 'reports' }), { status: 200 });
    for (const other of ['https://evil.example.com', `${audience}/`, issuer, `${issuer}/v1`]) {
      t.match(await issue(member.token, { audience: other }), { status: 403, code: 'audience-not-allowed' }, other);
    }
  });

  t.test('is not accepted by Usher itself', async (t) => {
    const { body } = await issue(account.owner.token);
    for (const url of ['/v1/me', account.url]) {
      t.match(await call('GET', url, { token: body.accessToken }), { status: 401 }, url);
    }
  });

  t.test('contains only requested permissions that the caller has', async (t) => {
    const member = await newMember(account, { permissions: ['members:read', 'keys:manage'] });
    const { body } = await issue(member.token, { audience, permissions: ['members:read', 'roles:manage'] });
    const { payload } = await jwtVerify(body.accessToken, jwks, { ...options, audience });
    t.same(payload.permissions, ['members:read']);
    const key = await newAccountKey(account, member, 'keys:manage');
    const ofKey = await jwtVerify((await issue(key)).body.accessToken, jwks, { ...options, audience });
    t.same(ofKey.payload.permissions, ['keys:manage'], 'a key’s token is within its scopes');
    t.match(ofKey.payload, { sub: member.id, client_id: /^key_/ });
    t.match(await issue(platform), { status: 403, code: 'user-required' });
  });

  t.test('expires with the first of its permissions to end', async (t) => {
    const now = new Date();
    const inTwoMinutes = new Date(now.getTime() + 120_000).toISOString();
    const member = await newMember(account, { permissions: ['members:read'] });
    const grants = [{ permission: 'keys:manage', endsAt: inTwoMinutes }];
    await call('POST', `${account.url}/members/${member.id}/grants`, { body: { grants }, token: account.owner.token });
    await at(now, async () => {
      t.ok(((await issue(member.token)).body.expiresIn as number) <= 120);
      const other = await issue(member.token, { audience, permissions: ['members:read'] });
      t.equal(other.body.expiresIn, 300, 'other permissions do not shorten it');
    });
  });

  t.test('becomes outdated when permissions in the account change, which increases the epoch', async (t) => {
    const { owner } = account;
    const member = await newMember(account, { permissions: ['members:read'] });
    const url = `${account.url}/members/${member.id}`;
    const asOwner = (method: 'POST' | 'PATCH' | 'DELETE', path: string, body?: unknown) =>
      call(method, path, { ...(body !== undefined && { body }), token: owner.token });
    const role = await asOwner('POST', `${account.url}/roles`, { name: 'Epoch', permissions: ['members:read'] });
    const grant = await asOwner('POST', `${url}/grants`, { grants: [{ permission: 'keys:manage' }] });
    const key = await asOwner('POST', `${account.url}/keys`, { name: 'Epoch', scopes: ['members:read'] });
    const preset = await call('POST', '/v1/role-presets', {
      body: { name: 'Epoch', permissions: ['members:read'] },
      token: platform,
    });
    const changes: [string, () => Promise<{ status: number }>][] = [
      ['access', () => asOwner('PATCH', url, { access: { permissions: ['keys:manage'], roles: [role.body.id] } })],
      ['a role', () => asOwner('PATCH', `${account.url}/roles/${role.body.id}`, { permissions: ['keys:manage'] })],
      [
        'a preset',
        () =>
          call('PATCH', `/v1/role-presets/${preset.body.id}`, {
            body: { permissions: ['keys:manage'] },
            token: platform,
          }),
      ],
      ['a new grant', () => asOwner('POST', `${url}/grants`, { grants: [{ permission: 'keys:manage' }] })],
      ['a withdrawn grant', () => asOwner('DELETE', `${url}/grants/${grant.body.items[0].id}`)],
      ['a revoked key', () => asOwner('POST', `${account.url}/keys/${key.body.id}/revoke`)],
      ['suspension', () => asOwner('POST', `${url}/suspend`)],
      ['reactivation', () => asOwner('POST', `${url}/reactivate`)],
      ['removal', () => asOwner('DELETE', url)],
    ];
    let before = await epoch();
    for (const [what, change] of changes) {
      const { status } = await change();
      t.ok(status < 300, `${what}: ${status}`);
      const after = await epoch();
      t.ok(after > before, `${what} increases the epoch from ${before} to ${after}`);
      before = after;
    }
    await call('GET', `${account.url}/members`, { token: owner.token });
    t.equal(await epoch(), before, 'reading does not change the epoch');
    await newMember(account, { permissions: [] });
    t.equal(await epoch(), before, 'a new member does not change the epoch');
    const existing = (await call('GET', '/v1/permissions', { token: platform })).body.items;
    const permissions = existing
      .filter((it: { own: boolean }) => !it.own)
      .map(({ own, ...it }: { own: boolean }) => it);
    const more = [...permissions, { key: 'epoch:move', title: 'Move', description: 'Move it.', group: 'Epoch' }];
    await call('PUT', '/v1/permissions', { body: { permissions: more }, token: platform });
    t.ok((await epoch()) > before, 'a catalogue change increases the epoch');
    t.match(await call('GET', `${account.url}/epoch`, { token: (await newUser()).token }), { status: 404 });
    t.match(await call('GET', `${account.url}/epoch`, { token: await newPlatformKey('access:check') }), {
      status: 200,
    });
    t.match(await call('GET', `${account.url}/epoch`, { token: await newPlatformKey('users:manage') }), {
      status: 403,
    });
  });
});

t.test('Access with an end time', async (t) => {
  t.test('a membership ends at its end time without a job, and can be extended', async (t) => {
    const account = await newAccount();
    const end = new Date(Date.now() + day);
    const member = await newMember(account, { permissions: ['members:read'], endsAt: end.toISOString() });
    t.match(await call('GET', account.url, { token: member.token }), { status: 200 });
    await at(new Date(end.getTime() - 1), async () => {
      t.match(await call('GET', account.url, { token: await logIn(member) }), { status: 200 });
    });
    await at(end, async () => {
      const [token, owner] = [await logIn(member), await logIn(account.owner)];
      t.match(await call('GET', account.url, { token }), { status: 404, code: 'not-found' });
      t.same((await call('GET', '/v1/me/accounts', { token })).body.items, []);
      const answer = await call('GET', `${account.url}/members/${member.id}`, { token: owner });
      t.match(answer.body, { status: 'ended', access: { endsAt: end.toISOString() } });
      const body = { access: { permissions: ['members:read'] } };
      t.match(await call('PATCH', `${account.url}/members/${member.id}`, { body, token: owner }), { status: 200 });
      t.match(await call('GET', account.url, { token }), { status: 200 });
    });
  });

  t.test('an invite grants access with an end time, which must be in the future', async (t) => {
    const account = await newAccount();
    const email = newEmail();
    const endsAt = new Date(Date.now() + day).toISOString();
    const made = await service.invite(account, account.owner, email, { allPermissions: true, endsAt });
    t.match(made.body, { access: { allPermissions: true, endsAt } });
    const token = await tokenFor(email, 'invite');
    const accepted = await call('POST', '/v1/invites/accept', {
      body: { token, register: { name: 'Timed', password } },
    });
    t.match(accepted.body.membership.access, { allPermissions: true, endsAt });
    t.equal(made.body.expiresAt, endsAt, 'the invite expires no later than the access');
    const other = await service.invite(account, account.owner, newEmail(), { permissions: [] });
    const url = `${account.url}/invites/${other.body.id}`;
    const changed = await call('PATCH', url, {
      body: { access: { permissions: [], endsAt } },
      token: account.owner.token,
    });
    t.equal(changed.body.expiresAt, endsAt, 'a changed invite expires no later than its access');
    await at(new Date(Date.parse(endsAt) + 1), async () => {
      const resent = await call('POST', `${url}/resend`, { token: await logIn(account.owner) });
      t.match(resent, { status: 410, code: 'invite-expired' }, 'the invite cannot be resent after the access ended');
    });
    for (const past of [new Date(Date.now() - 1000).toISOString(), '2016-12-31T23:59:60Z', '0001-01-01T00:00:00Z']) {
      const refused = await service.invite(account, account.owner, newEmail(), { permissions: [], endsAt: past });
      t.match(refused, { status: 400, body: { errors: [{ pointer: '/access/endsAt' }] } }, past);
    }
  });
});
