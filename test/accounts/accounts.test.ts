import { type SQL, sql } from 'drizzle-orm';
import t from 'tap';
import { newId, uuidOf } from '../../src/ids/ids.ts';
import { listPermissionKeys } from '../../src/permissions/store.ts';
import { newEmail, password, startService } from '../support/service.ts';

const { call, db, newAccount, newMember, newPlatformKey, newUser, invite, listAll, logIn, tokenFor } =
  await startService(t);

/** The rows that a statement answers. */
async function query(statement: SQL): Promise<Record<string, unknown>[]> {
  return ((await db.execute(statement)) as { rows: Record<string, unknown>[] }).rows;
}

/** What the database says of a constraint (SQLSTATE), and of no other mistake. */
const violated = (code: keyof typeof constraints) => ({ cause: { code: constraints[code] } });
const constraints = { notNull: '23502', foreignKey: '23503', unique: '23505', check: '23514' };

const catalogue = await listPermissionKeys(db);

t.test('POST /v1/accounts', async (t) => {
  t.test('makes an account whose owner is the caller, with all permissions', async (t) => {
    const user = await newUser();
    const made = await call('POST', '/v1/accounts', { body: { name: 'Example Hosting' }, token: user.token });
    t.equal(made.status, 201);
    t.match(made.body, {
      name: 'Example Hosting',
      ownerId: user.id,
      settings: { inviteLifetimeDays: 7, acceptFromAnyAddress: false, locale: null, remindDaysBefore: null },
      ownershipTransfer: null,
    });
    const me = await call('GET', `/v1/accounts/${made.body.id}/members/me`, { token: user.token });
    t.match(me.body, { isOwner: true, status: 'active', access: { allPermissions: true, permissions: [] } });
    t.equal(me.body.invitedBy, null);
  });

  t.test('Bad input gets a clear problem document and changes nothing', async (t) => {
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
      t.ok(refused.body.errors.length > 0, 'the place is named');
    }
    const { body } = await call('GET', '/v1/me/accounts', { token: user.token });
    t.same(body, { items: [], nextCursor: null });
  });

  t.test('a name has 1 to 100 characters', async (t) => {
    const user = await newUser();
    for (const name of ['x', 'x'.repeat(100)]) {
      const made = await call('POST', '/v1/accounts', { body: { name }, token: user.token });
      t.match(made, { status: 201, body: { name } });
    }
  });
});

t.test('A name is one line with something to see in it', async (t) => {
  const user = await newUser();
  const make = (name: string) => call('POST', '/v1/accounts', { body: { name }, token: user.token });
  const fillers = ['\u2800', '\u3164', '\u115F\u1160', '\uFFA0', '\u{1D159}', '\u2800 \u2800', '\uFE0F', '\uFFFC'];
  const unseen = ['\u200B', '\u00AD\u2060', '\uFEFF', '\u0301', ' \u00A0', ...fillers];
  const turning = ['a\u202Eb', 'a\u2066b', 'b\u200Fa'];
  const breaking = ['a\nb', 'a\r\nBcc: b', 'a\u2028b', 'a\tb', 'a\u0085b', 'a\u0000b'];
  for (const name of [...unseen, ...turning, ...breaking, `${'x'.repeat(60_000)}\n`]) {
    t.match(await make(name), { status: 400, code: 'invalid-request' }, encodeURIComponent(name.slice(0, 20)));
  }
  for (const name of ['e\u0301a', '\u05E9\u05E8\u05D4', '日本', '👩\u200D🔧', '<b>bold</b> & "quoted"', '“7”']) {
    t.match(await make(name), { status: 201, body: { name } }, name);
  }
});

t.test('A name is stored trimmed, wherever it is set', async (t) => {
  const { owner, url } = await newAccount();
  const platform = await newPlatformKey();
  const around = (name: string) => `\uFEFF \t\u00A0${name}\u200B\u3000 \u200E`;
  const permissions = ['invoices:read'];
  const enter = async (method: 'POST' | 'PATCH', path: string, body: object, token: string) => {
    const { status, body: made } = await call(method, path, { body: { ...body, name: around('Some  Name') }, token });
    t.same([Math.floor(status / 100), made.name], [2, 'Some  Name'], `${method} ${path}`);
    return made;
  };
  await enter('POST', '/v1/accounts', {}, owner.token);
  await enter('PATCH', url, {}, owner.token);
  const role = await enter('POST', `${url}/roles`, { permissions }, owner.token);
  t.equal(
    (await call('PATCH', `${url}/roles/${role.id}`, { body: { name: around('x') }, token: owner.token })).body.name,
    'x',
  );
  await enter('POST', `${url}/keys`, { scopes: permissions }, owner.token);
  await enter('POST', '/v1/role-presets', { permissions }, platform);
  await enter('POST', '/v1/platform-keys', { scopes: ['access:check'] }, platform);
  const email = newEmail();
  await invite({ url }, owner, email, { permissions });
  const register = { name: around('Adam'), password };
  const { body } = await call('POST', '/v1/invites/accept', { body: { token: await tokenFor(email), register } });
  t.equal(body.session.user.name, 'Adam');
  const long = await call('POST', '/v1/accounts', { body: { name: around('x'.repeat(100)) }, token: owner.token });
  t.equal(long.status, 201, 'and its length is counted without');
});

t.test('GET and PATCH /v1/accounts/:accountId', async (t) => {
  t.test('every member may see the account, whatever they may do in it', async (t) => {
    const account = await newAccount('Example Domains');
    const member = await newMember(account, { permissions: ['domains:read'] });
    const seen = await call('GET', account.url, { token: member.token });
    t.match(seen, { status: 200, body: { id: account.id, name: 'Example Domains', ownerId: account.owner.id } });
  });

  t.test('a change changes what it names, and nothing else', async (t) => {
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
    t.same(plain.body.settings, open.body.settings, 'null takes them back');
    const { body } = await call('GET', account.url, { token: account.owner.token });
    t.same(body, plain.body, 'and it stays');
  });

  t.test('Bad input gets a clear problem document and changes nothing', async (t) => {
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

  t.test(
    'To someone who is not in it an account does not exist: the same 404 for a foreign id and for one that never was',
    async (t) => {
      const account = await newAccount();
      const stranger = await newUser();
      const withoutRequest = ({ requestId: _, ...document }: Record<string, unknown>) => document;
      for (const [method, body] of [['GET'], ['PATCH', { name: 'Taken' }]] as const) {
        const foreign = await call(method, account.url, { body, token: stranger.token });
        const neverWas = await call(method, `/v1/accounts/${newId('acc')}`, { body, token: stranger.token });
        t.match(foreign, { status: 404, code: 'not-found' });
        t.same(withoutRequest(foreign.body), withoutRequest(neverWas.body));
      }
      const { body } = await call('GET', account.url, { token: account.owner.token });
      t.equal(body.name, 'Example Hosting');
    },
  );
});

t.test('GET /v1/me/accounts', async (t) => {
  t.test('says what someone may do in each of their accounts, spelled out', async (t) => {
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

  t.test('all permissions is a flag, never a copied list', async (t) => {
    const account = await newAccount();
    const member = await newMember(account, { allPermissions: true });
    const { body } = await call('GET', '/v1/me/accounts', { token: member.token });
    t.same(body.items[0].access, { allPermissions: true, permissions: [], roles: [], endsAt: null });
    t.same(body.items[0].effectivePermissions, catalogue);
    const kept = await query(sql`select count(*)::int as copied from memberships where cardinality(permissions) > 0
      and all_permissions`);
    t.same(kept, [{ copied: 0 }]);
  });

  t.test('a page after the other shows every account exactly once, in the order they were joined', async (t) => {
    const user = await newUser();
    const made: string[] = [];
    for (let i = 0; i < 5; i++) {
      const { body } = await call('POST', '/v1/accounts', { body: { name: `Account ${i}` }, token: user.token });
      made.push(body.id);
    }
    const seen = await listAll<{ id: string }>('/v1/me/accounts?limit=2', user.token);
    t.same(
      seen.map((it) => it.id),
      made,
    );
  });

  t.test('an account in which someone is suspended is not among theirs, until they are reactivated', async (t) => {
    const account = await newAccount();
    const member = await newMember(account, { permissions: ['invoices:read'] });
    const mine = async () => (await call('GET', '/v1/me/accounts', { token: member.token })).body.items.length;
    t.equal(await mine(), 1);
    await call('POST', `${account.url}/members/${member.id}/suspend`, { token: account.owner.token });
    t.equal(await mine(), 0);
    await call('POST', `${account.url}/members/${member.id}/reactivate`, { token: account.owner.token });
    t.equal(await mine(), 1);
  });

  t.test('logging in later shows the same', async (t) => {
    const account = await newAccount();
    const { body } = await call('GET', '/v1/me/accounts', { token: await logIn(account.owner) });
    t.equal(body.items[0].id, account.id);
  });
});

t.test('the schema', async (t) => {
  t.test('makes an ownerless account impossible, so that no race, script or future route can make one', async (t) => {
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
      'moving the owner’s membership to someone else': sql`update memberships set user_id = ${strangerId} where ${ownerRow}`,
      'an owner who is no member': sql`update accounts set owner_id = ${strangerId} where id = ${accountId}`,
      'a new account with an owner who is no member': sql`insert into accounts
        select (jsonb_populate_record(a, jsonb_build_object('id', gen_random_uuid()))).* from accounts a where id = ${accountId}`,
      'deleting the owner': sql`delete from users where id = ${ownerId}`,
    };
    for (const [name, statement] of Object.entries(attempts)) {
      await t.rejects(db.execute(statement), violated('foreignKey'), name);
    }
    const none = sql`update accounts set owner_id = null where id = ${accountId}`;
    await t.rejects(db.execute(none), violated('notNull'), 'no owner');
    await t.resolves(
      db.execute(sql`update accounts set owner_id = ${memberId} where id = ${accountId}`),
      'while another member can be the owner',
    );
    const { body } = await call('GET', account.url, { token: member.token });
    t.equal(body.ownerId, member.id);
  });

  t.test('keeps one pending invite for an address, and never a list of permissions beside the flag', async (t) => {
    const account = await newAccount();
    const { body } = await invite(account, account.owner, 'sample@example.com', { permissions: ['invoices:read'] });
    /** The same invite once more, but for what is named. */
    const insert = (changes: object) =>
      db.execute(sql`insert into invites
        select (jsonb_populate_record(i, ${JSON.stringify(changes)}::jsonb || jsonb_build_object('id', gen_random_uuid()))).*
        from invites i where id = ${uuidOf('inv', body.id)}`);
    await t.rejects(insert({}), violated('unique'), 'a second pending invite');
    await t.resolves(insert({ status: 'revoked' }), 'while others may stand beside it');
    await t.rejects(insert({ email: 'b@example.com', all_permissions: true }), violated('check'), 'a flag and a list');
    await t.rejects(insert({ email: 'c@example.com', status: 'forgotten' }), violated('check'), 'an unknown status');
    await t.resolves(insert({ email: 'd@example.com' }), 'while another address is free');
  });
});
