import { type SQL, sql } from 'drizzle-orm';
import t from 'tap';
import { newId, uuidOf } from '../../src/ids/ids.ts';
import { listPermissionKeys } from '../../src/permissions/store.ts';
import { newEmail, password, startService } from '../support/service.ts';

const { call, db, newAccount, newMember, newPlatformKey, newUser, invite, listAll, logIn, tokenFor } =
  await startService(t);

/** The rows that a statement returns. */
async function query(statement: SQL): Promise<Record<string, unknown>[]> {
  return ((await db.execute(statement)) as { rows: Record<string, unknown>[] }).rows;
}

/** The error of the database (SQLSTATE) if a constraint is violated. */
const violated = (code: keyof typeof constraints) => ({ cause: { code: constraints[code] } });
const constraints = { notNull: '23502', foreignKey: '23503', unique: '23505', check: '23514' };

const catalogue = await listPermissionKeys(db);

t.test('POST /v1/accounts', async (t) => {
  t.test('creates an account with the caller as its owner, who has all permissions', async (t) => {
    const user = await newUser();
    const created = await call('POST', '/v1/accounts', { body: { name: 'Example Hosting' }, token: user.token });
    t.equal(created.status, 201);
    t.match(created.body, {
      name: 'Example Hosting',
      ownerId: user.id,
      settings: { inviteLifetimeDays: 7, acceptFromAnyAddress: false, locale: null, remindDaysBefore: null },
      ownershipTransfer: null,
    });
    const me = await call('GET', `/v1/accounts/${created.body.id}/members/me`, { token: user.token });
    t.match(me.body, { isOwner: true, status: 'active', access: { allPermissions: true, permissions: [] } });
    t.equal(me.body.invitedBy, null);
  });

  t.test('refuses invalid input with a problem document and changes nothing', async (t) => {
    const user = await newUser();
    const wrong: unknown[] = [
      {},
      { name: '' },
      { name: '   ' },
      { name: 'x'.repeat(101) },
      { name: 'two\nlines' },
      { name: 'NUL\0' },
      { name: 7 },
      { name: null },
      { name: 'Known', unknown: true },
    ];
    for (const body of wrong) {
      const refused = await call('POST', '/v1/accounts', { body, token: user.token });
      t.match(refused, { status: 400, code: 'invalid-request' }, JSON.stringify(body));
      t.ok(refused.body.errors.length > 0, 'the problem points to the field');
    }
    const { body } = await call('GET', '/v1/me/accounts', { token: user.token });
    t.same(body, { items: [], nextCursor: null });
  });

  t.test('accepts a name of 1 to 100 characters', async (t) => {
    const user = await newUser();
    for (const name of ['x', 'x'.repeat(100)]) {
      const created = await call('POST', '/v1/accounts', { body: { name }, token: user.token });
      t.match(created, { status: 201, body: { name } });
    }
  });
});

t.test('A name is one line with at least one visible character', async (t) => {
  const user = await newUser();
  const make = (name: string) => call('POST', '/v1/accounts', { body: { name }, token: user.token });
  const fillers = ['\u2800', '\u3164', '\u115F\u1160', '\uFFA0', '\u{1D159}', '\u2800 \u2800', '\uFE0F', '\uFFFC'];
  const invisible = ['\u200B', '\u00AD\u2060', '\uFEFF', '\u0301', ' \u00A0', ...fillers];
  const bidirectional = ['a\u202Eb', 'a\u2066b', 'b\u200Fa'];
  const multiLine = ['a\nb', 'a\r\nBcc: b', 'a\u2028b', 'a\tb', 'a\u0085b', 'a\u0000b'];
  for (const name of [...invisible, ...bidirectional, ...multiLine, `${'x'.repeat(60_000)}\n`]) {
    t.match(await make(name), { status: 400, code: 'invalid-request' }, encodeURIComponent(name.slice(0, 20)));
  }
  for (const name of ['e\u0301a', '\u05E9\u05E8\u05D4', '日本', '👩\u200D🔧', '<b>bold</b> & "quoted"', '“7”']) {
    t.match(await make(name), { status: 201, body: { name } }, name);
  }
});

t.test('A name is stored trimmed, no matter which route sets it', async (t) => {
  const { owner, url } = await newAccount();
  const platform = await newPlatformKey();
  const padded = (name: string) => `\uFEFF \t\u00A0${name}\u200B\u3000 \u200E`;
  const permissions = ['invoices:read'];
  const setName = async (method: 'POST' | 'PATCH', path: string, body: object, token: string) => {
    const { status, body: created } = await call(method, path, {
      body: { ...body, name: padded('Some  Name') },
      token,
    });
    t.same([Math.floor(status / 100), created.name], [2, 'Some  Name'], `${method} ${path}`);
    return created;
  };
  await setName('POST', '/v1/accounts', {}, owner.token);
  await setName('PATCH', url, {}, owner.token);
  const role = await setName('POST', `${url}/roles`, { permissions }, owner.token);
  t.equal(
    (await call('PATCH', `${url}/roles/${role.id}`, { body: { name: padded('x') }, token: owner.token })).body.name,
    'x',
  );
  await setName('POST', `${url}/keys`, { scopes: permissions }, owner.token);
  await setName('POST', '/v1/role-presets', { permissions }, platform);
  await setName('POST', '/v1/platform-keys', { scopes: ['access:check'] }, platform);
  const email = newEmail();
  await invite({ url }, owner, email, { permissions });
  const register = { name: padded('Adam'), password };
  const { body } = await call('POST', '/v1/invites/accept', { body: { token: await tokenFor(email), register } });
  t.equal(body.session.user.name, 'Adam');
  const long = await call('POST', '/v1/accounts', { body: { name: padded('x'.repeat(100)) }, token: owner.token });
  t.equal(long.status, 201, 'the removed characters do not count towards the length');
});

t.test('GET and PATCH /v1/accounts/:accountId', async (t) => {
  t.test('every member can read the account, whatever their permissions', async (t) => {
    const account = await newAccount('Example Domains');
    const member = await newMember(account, { permissions: ['domains:read'] });
    const seen = await call('GET', account.url, { token: member.token });
    t.match(seen, { status: 200, body: { id: account.id, name: 'Example Domains', ownerId: account.owner.id } });
  });

  t.test('a change changes the fields in the request and nothing else', async (t) => {
    const account = await newAccount('Before');
    const change = (body: object) => call('PATCH', account.url, { body, token: account.owner.token });
    const renamed = await change({ name: 'After' });
    t.match(renamed, { status: 200, body: { name: 'After', settings: { inviteLifetimeDays: 7 } } });
    const shorter = await change({ settings: { inviteLifetimeDays: 3 } });
    t.match(shorter.body, { name: 'After', settings: { inviteLifetimeDays: 3, acceptFromAnyAddress: false } });
    const open = await change({ settings: { acceptFromAnyAddress: true } });
    const unchanged = { locale: null, remindDaysBefore: null };
    t.same(open.body.settings, { inviteLifetimeDays: 3, acceptFromAnyAddress: true, ...unchanged });
    const german = await change({ settings: { locale: 'de-AT', remindDaysBefore: 2 } });
    t.match(german.body.settings, { inviteLifetimeDays: 3, locale: 'de-AT', remindDaysBefore: 2 });
    const plain = await change({ settings: { locale: null, remindDaysBefore: null } });
    t.same(plain.body.settings, open.body.settings, 'null resets a setting');
    const { body } = await call('GET', account.url, { token: account.owner.token });
    t.same(body, plain.body, 'the change is stored');
  });

  t.test('invalid input is refused with a problem document and changes nothing', async (t) => {
    const account = await newAccount();
    const before = await call('GET', account.url, { token: account.owner.token });
    const wrong = [
      {},
      { settings: {} },
      { settings: { inviteLifetimeDays: 0 } },
      { settings: { inviteLifetimeDays: 91 } },
      { settings: { inviteLifetimeDays: '7' } },
      { settings: { inviteLifetimeDays: 1.5 } },
      { settings: { acceptFromAnyAddress: 'true' } },
      { settings: { locale: 'deutsch!' } },
      { settings: { locale: '' } },
      { settings: { remindDaysBefore: 0 } },
      { settings: { remindDaysBefore: 90 } },
      { settings: { unknown: 1 } },
      { name: '' },
      { name: null },
      { ownerId: newId('usr') },
      { name: 'New', settings: { inviteLifetimeDays: 0 } },
    ];
    for (const body of wrong) {
      const refused = await call('PATCH', account.url, { body, token: account.owner.token });
      t.match(refused, { status: 400, code: 'invalid-request' }, JSON.stringify(body));
    }
    const after = await call('GET', account.url, { token: account.owner.token });
    t.same(after.body, before.body);
  });

  t.test('a non-member gets the same 404 for an existing account as for an unknown id', async (t) => {
    const account = await newAccount();
    const stranger = await newUser();
    const withoutRequest = ({ requestId: _, ...document }: Record<string, unknown>) => document;
    for (const [method, body] of [['GET'], ['PATCH', { name: 'Taken' }]] as const) {
      const foreign = await call(method, account.url, { body, token: stranger.token });
      const unknown = await call(method, `/v1/accounts/${newId('acc')}`, { body, token: stranger.token });
      t.match(foreign, { status: 404, code: 'not-found' });
      t.same(withoutRequest(foreign.body), withoutRequest(unknown.body));
    }
    const { body } = await call('GET', account.url, { token: account.owner.token });
    t.equal(body.name, 'Example Hosting');
  });
});

t.test('GET /v1/me/accounts', async (t) => {
  t.test('lists the user’s effective permissions in each of their accounts', async (t) => {
    const first = await newAccount('First');
    const member = await newMember(first, { permissions: ['invoices:read', 'members:read'] });
    const own = await call('POST', '/v1/accounts', { body: { name: 'Own' }, token: member.token });
    const { body } = await call('GET', '/v1/me/accounts', { token: member.token });
    t.match(body.items, [
      {
        id: first.id,
        name: 'First',
        isOwner: false,
        access: { allPermissions: false, permissions: ['invoices:read', 'members:read'] },
      },
      { id: own.body.id, name: 'Own', isOwner: true, access: { allPermissions: true, permissions: [] } },
    ]);
    t.same(body.items[0].effectivePermissions.sort(), ['invoices:read', 'members:read']);
    t.same(body.items[1].effectivePermissions, catalogue, 'an owner has every permission of the catalogue');
  });

  t.test('shows all permissions as a flag, and stores no copied list', async (t) => {
    const account = await newAccount();
    const member = await newMember(account, { allPermissions: true });
    const { body } = await call('GET', '/v1/me/accounts', { token: member.token });
    t.same(body.items[0].access, { allPermissions: true, permissions: [], roles: [], endsAt: null });
    t.same(body.items[0].effectivePermissions, catalogue);
    const stored = await query(sql`select count(*)::int as copied from memberships where cardinality(permissions) > 0
      and all_permissions`);
    t.same(stored, [{ copied: 0 }]);
  });

  t.test('pages contain every account exactly once, in the order in which the user joined them', async (t) => {
    const user = await newUser();
    const created: string[] = [];
    for (let i = 0; i < 5; i++) {
      const { body } = await call('POST', '/v1/accounts', { body: { name: `Account ${i}` }, token: user.token });
      created.push(body.id);
    }
    const seen = await listAll<{ id: string }>('/v1/me/accounts?limit=2', user.token);
    t.same(
      seen.map((it) => it.id),
      created,
    );
  });

  t.test('does not contain an account in which the user is suspended, until they are reactivated', async (t) => {
    const account = await newAccount();
    const member = await newMember(account, { permissions: ['invoices:read'] });
    const mine = async () => (await call('GET', '/v1/me/accounts', { token: member.token })).body.items.length;
    t.equal(await mine(), 1);
    await call('POST', `${account.url}/members/${member.id}/suspend`, { token: account.owner.token });
    t.equal(await mine(), 0);
    await call('POST', `${account.url}/members/${member.id}/reactivate`, { token: account.owner.token });
    t.equal(await mine(), 1);
  });

  t.test('shows the same accounts after a later login', async (t) => {
    const account = await newAccount();
    const { body } = await call('GET', '/v1/me/accounts', { token: await logIn(account.owner) });
    t.equal(body.items[0].id, account.id);
  });
});

t.test('The database schema', async (t) => {
  t.test('makes an account without an owner impossible, even for a script or a race', async (t) => {
    const account = await newAccount();
    const member = await newMember(account, { allPermissions: true });
    const stranger = await newUser();
    const [ids] = await query(
      sql`select a.id as account_id, a.owner_id, m.user_id as member_id, u.id as stranger_id from accounts a
        join memberships m on m.account_id = a.id and m.user_id <> a.owner_id
        join users owner on owner.id = a.owner_id, users u
        where owner.email = ${account.owner.email} and u.email = ${stranger.email}`,
    );
    if (!ids) throw new Error('no such account');
    const { account_id: accountId, owner_id: ownerId, stranger_id: strangerId, member_id: memberId } = ids;
    const ownerRow = sql`account_id = ${accountId} and user_id = ${ownerId}`;
    const attempts = {
      'deleting the owner’s membership': sql`delete from memberships where ${ownerRow}`,
      'deleting every membership': sql`delete from memberships where account_id = ${accountId}`,
      'moving the owner’s membership to another user': sql`update memberships set user_id = ${strangerId} where ${ownerRow}`,
      'an owner who is not a member': sql`update accounts set owner_id = ${strangerId} where id = ${accountId}`,
      'a new account with an owner who is not a member': sql`insert into accounts
        select (jsonb_populate_record(a, jsonb_build_object('id', gen_random_uuid()))).* from accounts a where id = ${accountId}`,
      'deleting the owner': sql`delete from users where id = ${ownerId}`,
    };
    for (const [name, statement] of Object.entries(attempts)) {
      await t.rejects(db.execute(statement), violated('foreignKey'), name);
    }
    const noOwner = sql`update accounts set owner_id = null where id = ${accountId}`;
    await t.rejects(db.execute(noOwner), violated('notNull'), 'no owner');
    await t.resolves(
      db.execute(sql`update accounts set owner_id = ${memberId} where id = ${accountId}`),
      'another member can become the owner',
    );
    const { body } = await call('GET', account.url, { token: member.token });
    t.equal(body.ownerId, member.id);
  });

  t.test('allows one pending invite per address, and no list of permissions with the flag', async (t) => {
    const account = await newAccount();
    const { body } = await invite(account, account.owner, 'sample@example.com', { permissions: ['invoices:read'] });
    /** Inserts a copy of the invite with some changes. */
    const insert = (changes: object) =>
      db.execute(sql`insert into invites
        select (jsonb_populate_record(i, ${JSON.stringify(changes)}::jsonb || jsonb_build_object('id', gen_random_uuid()))).*
        from invites i where id = ${uuidOf('inv', body.id)}`);
    await t.rejects(insert({}), violated('unique'), 'a second pending invite');
    await t.resolves(insert({ status: 'revoked' }), 'a revoked invite for the same address');
    await t.rejects(
      insert({ email: 'b@example.com', all_permissions: true }),
      violated('check'),
      'the flag and a list',
    );
    await t.rejects(insert({ email: 'c@example.com', status: 'forgotten' }), violated('check'), 'an unknown status');
    await t.resolves(insert({ email: 'd@example.com' }), 'a pending invite for another address');
  });
});
