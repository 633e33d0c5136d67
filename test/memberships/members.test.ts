import t from 'tap';
import { newId } from '../../src/ids/ids.ts';
import { listPermissionKeys } from '../../src/permissions/store.ts';
import type { UsherPermission } from '../../src/permissions/usher-permissions.ts';
import { type Access, newEmail, startService, type TestAccount, type TestUser } from '../support/service.ts';

const { call, db, newAccount, newMember, newUser, invite, listAll, mailsTo, tokenFor } = await startService(t);

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

const everyKey = await listPermissionKeys(db);
const only = (...permissions: string[]): Access => ({ permissions });
/** Every permission except one and the one that implies it. */
const allBut = (permission: string): Access => {
  const impliedBy = permission.replace(/:read$/, ':manage');
  return only(...everyKey.filter((it) => it !== permission && it !== impliedBy));
};
const memberUrl = (account: TestAccount, { id }: { id: string }) => `${account.url}/members/${id}`;

/** All requests that change a member, by title. */
const changes: Record<string, { method: Method; path: string; body?: unknown; done: number }> = {
  'PATCH a member': { method: 'PATCH', path: '', body: { access: only('invoices:read') }, done: 200 },
  'suspend a member': { method: 'POST', path: '/suspend', done: 200 },
  'reactivate a member': { method: 'POST', path: '/reactivate', done: 200 },
  'DELETE a member': { method: 'DELETE', path: '', done: 204 },
};

function change(name: keyof typeof changes, account: TestAccount, by: TestUser, of: TestUser) {
  const { method, path, body } = changes[name] as (typeof changes)[string];
  return call(method, `${memberUrl(account, of)}${path}`, { body, token: by.token });
}

const setAccess = (account: TestAccount, by: TestUser, of: TestUser, access: Access) =>
  call('PATCH', memberUrl(account, of), { body: { access }, token: by.token });

async function accessOf(account: TestAccount, { id }: TestUser) {
  const { body } = await call('GET', `${account.url}/members/${id}`, { token: account.owner.token });
  return body.access;
}

/** The user ids on all pages of a list of members, from the first page or from a cursor. */
async function idsInPages(url: string, token: string, cursor?: string): Promise<string[]> {
  return (await listAll<{ user: { id: string } }>(url, token, cursor)).map((it) => it.user.id);
}

t.test('GET /v1/accounts/:accountId/members', async (t) => {
  t.test('shows each member with user, access, isOwner, status, since and invitedBy', async (t) => {
    const account = await newAccount();
    const adam = await newMember(account, only('invoices:read', 'invoices:pay'), 'Adam Accountant');
    const { body } = await call('GET', `${account.url}/members`, { token: account.owner.token });
    t.equal(body.nextCursor, null);
    t.match(body.items, [
      {
        user: { id: account.owner.id, email: account.owner.email, name: 'Olivia Owner' },
        isOwner: true,
        access: { allPermissions: true, permissions: [] },
        invitedBy: null,
      },
      {
        user: { id: adam.id, email: adam.email, name: 'Adam Accountant' },
        isOwner: false,
        status: 'active',
        access: { allPermissions: false, permissions: ['invoices:pay', 'invoices:read'] },
        invitedBy: { id: account.owner.id, name: 'Olivia Owner' },
        since: /^\d{4}-\d\d-\d\dT[\d:.]+Z$/,
      },
    ]);
    t.equal(body.items.length, 2);
    const one = await call('GET', memberUrl(account, adam), { token: account.owner.token });
    t.same(one.body, body.items[1], 'a single member looks the same as in the list');
  });

  t.test(
    'pages contain every member exactly once, oldest membership first, even if one is removed between two pages',
    async (t) => {
      const account = await newAccount();
      const members: TestUser[] = [account.owner];
      for (let i = 0; i < 6; i++) members.push(await newMember(account, only('invoices:read')));
      const ids = members.map((it) => it.id);
      for (const limit of [1, 2, 3, 7, 100]) {
        t.same(await idsInPages(`${account.url}/members?limit=${limit}`, account.owner.token), ids, `limit ${limit}`);
      }
      const first = await call('GET', `${account.url}/members?limit=3`, { token: account.owner.token });
      await change('DELETE a member', account, account.owner, members[2] as TestUser);
      t.equal(first.body.items.length, 3);
      const rest = await idsInPages(`${account.url}/members?limit=3`, account.owner.token, first.body.nextCursor);
      t.same(rest, ids.slice(3), 'the cursor of a removed member is still valid');
    },
  );

  t.test('q is searched in name and e-mail address, and its %, _ and \\ are literal', async (t) => {
    const account = await newAccount();
    const percent = await newMember(account, only('invoices:read'), 'Petra 100% Example');
    const underscore = await newMember(account, only('invoices:read'), 'Ulla under_score');
    const backslash = await newMember(account, only('invoices:read'), 'Bella back\\slash');
    const find = (q: string) =>
      idsInPages(`${account.url}/members?limit=50&q=${encodeURIComponent(q)}`, account.owner.token);
    t.same(await find('%'), [percent.id]);
    t.same(await find('0% e'), [percent.id]);
    t.same(await find('r_s'), [underscore.id]);
    t.same(await find('_'), [underscore.id]);
    t.same(await find('\\'), [backslash.id]);
    t.same(await find('PETRA'), [percent.id], 'case is ignored');
    t.same(await find(underscore.email), [underscore.id], 'an address');
    t.same(await find("'; drop table members --"), []);
    t.same(await find('%%%'), []);
  });

  t.test('refuses a limit outside 1 to 100, an invalid cursor and an unknown parameter', async (t) => {
    const account = await newAccount();
    const wrong = ['limit=0', 'limit=101', 'limit=x', 'limit=1.5', 'limit=', 'cursor=x', 'cursor=', 'q=', 'unknown=1'];
    wrong.push(`cursor=${newId('inv')}`, `cursor=${newId('mem').toUpperCase()}`, `q=${'x'.repeat(101)}`, 'q=%00');
    for (const query of wrong) {
      const refused = await call('GET', `${account.url}/members?${query}`, { token: account.owner.token });
      t.match(refused, { status: 400, code: 'invalid-request', body: { errors: [{ parameter: String }] } }, query);
    }
  });

  t.test('contains no members of other accounts, and nobody can change those', async (t) => {
    const [mine, theirs] = [await newAccount(), await newAccount()];
    const member = await newMember(theirs, { allPermissions: true });
    t.same(await idsInPages(`${mine.url}/members?limit=9`, mine.owner.token), [mine.owner.id]);
    for (const name of Object.keys(changes)) {
      const refused = await change(name, mine, mine.owner, member);
      t.match(refused, { status: 404, code: 'not-found' }, `${name} of another account`);
      const intruding = await change(name, theirs, mine.owner, member);
      t.match(intruding, { status: 404, code: 'not-found' }, `${name} in another account`);
    }
    t.match(await call('GET', memberUrl(mine, member), { token: mine.owner.token }), { status: 404 });
    t.match(await call('GET', theirs.url, { token: member.token }), { status: 200 }, 'the member is unchanged');
    t.same(await accessOf(theirs, member), { allPermissions: true, permissions: [], roles: [], endsAt: null });
  });
});

/** Each request that needs a permission, and its status for a member who has it. */
const requests: [UsherPermission, Method, (it: Prepared) => string, unknown, number][] = [
  ['account:manage', 'PATCH', () => '', { name: 'Renamed' }, 200],
  ['members:read', 'GET', () => '/members', undefined, 200],
  ['members:read', 'GET', ({ member }) => `/members/${member.id}`, undefined, 200],
  ['invites:read', 'GET', () => '/invites', undefined, 200],
  ['invites:read', 'GET', ({ inviteId }) => `/invites/${inviteId}`, undefined, 200],
  ['invites:manage', 'POST', () => '/invites', { email: 'new@example.com', access: only('invoices:read') }, 201],
  ['invites:manage', 'PATCH', ({ inviteId }) => `/invites/${inviteId}`, { message: 'Hello' }, 200],
  ['invites:manage', 'POST', ({ inviteId }) => `/invites/${inviteId}/resend`, undefined, 200],
  ['invites:manage', 'POST', ({ inviteId }) => `/invites/${inviteId}/revoke`, undefined, 200],
  ['members:manage', 'PATCH', ({ member }) => `/members/${member.id}`, { access: only('invoices:read') }, 200],
  ['members:manage', 'POST', ({ member }) => `/members/${member.id}/suspend`, undefined, 200],
  ['members:manage', 'POST', ({ member }) => `/members/${member.id}/reactivate`, undefined, 200],
  ['members:manage', 'DELETE', ({ member }) => `/members/${member.id}`, undefined, 204],
];

interface Prepared {
  member: TestUser;
  inviteId: string;
}

t.test('A member who lacks a permission gets permission-missing with its key', async (t) => {
  const account = await newAccount();
  const member = await newMember(account, only('invoices:read'));
  const { body } = await invite(account, account.owner, newEmail(), only('invoices:read'));
  const prepared = { member, inviteId: body.id };
  const context = await newMember(account, only('invoices:read'));

  for (const [permission, method, path, body, done] of requests) {
    const title = `${method} ${path({ member: { ...member, id: ':userId' }, inviteId: ':inviteId' })}`;
    t.test(`${title} needs ${permission}`, async (t) => {
      await setAccess(account, account.owner, context, allBut(permission));
      const ask = () => call(method, account.url + path(prepared), { body, token: context.token });
      t.match(
        await ask(),
        { status: 403, code: 'permission-missing', body: { permission } },
        'with all other permissions',
      );
      await setAccess(account, account.owner, context, only(permission, 'invoices:read'));
      t.equal((await ask()).status, done, 'with only that one and what the request grants');
    });
  }
});

t.test('GET …/members/me needs no permission', async (t) => {
  const account = await newAccount();
  const member = await newMember(account, only('invoices:read'));
  const me = await call('GET', `${account.url}/members/me`, { token: member.token });
  t.match(me, { status: 200, body: { user: { id: member.id } } });
  const byId = await call('GET', memberUrl(account, member), { token: member.token });
  t.same(byId.body, me.body, 'nor by their own id');
});

t.test('Nobody can grant permissions they do not have by changing a member', async (t) => {
  t.test('not even to themselves', async (t) => {
    const account = await newAccount();
    const manager = await newMember(account, only('members:manage', 'invoices:read'));
    const before = await accessOf(account, manager);
    for (const name of ['me', manager.id]) {
      const url = `${account.url}/members/${name}`;
      const more = await call('PATCH', url, {
        body: { access: only('members:manage', 'invoices:read', 'invoices:pay') },
        token: manager.token,
      });
      t.match(more, { status: 403, code: 'cannot-grant', body: { missing: ['invoices:pay'] } });
      const all = await call('PATCH', url, { body: { access: { allPermissions: true } }, token: manager.token });
      t.match(all, { status: 403, code: 'cannot-grant', body: { missing: ['*'] } });
    }
    t.same(await accessOf(account, manager), before);
    const less = await setAccess(account, manager, manager, only('invoices:read'));
    t.match(less, { status: 200 }, 'they can reduce their own access');
  });

  t.test('`missing` lists the permissions that the caller lacks, and nothing changes', async (t) => {
    const account = await newAccount();
    const manager = await newMember(account, only('members:manage', 'invoices:read'));
    const member = await newMember(account, only('invoices:read'));
    const refused = await setAccess(account, manager, member, only('invoices:read', 'invoices:pay', 'quotes:accept'));
    t.match(refused, { status: 403, code: 'cannot-grant' });
    t.same(refused.body.missing, ['invoices:pay', 'quotes:accept']);
    t.same(await accessOf(account, member), {
      allPermissions: false,
      permissions: ['invoices:read'],
      roles: [],
      endsAt: null,
    });
  });

  t.test('only the owner and members with all permissions can grant all permissions', async (t) => {
    const account = await newAccount();
    const deputy = await newMember(account, { allPermissions: true });
    const everyPermission = await newMember(account, only(...everyKey));
    const member = await newMember(account, only('invoices:read'));
    const all = { allPermissions: true } as const;
    const listed = await setAccess(account, everyPermission, member, all);
    t.match(
      listed,
      { status: 403, code: 'cannot-grant', body: { missing: ['*'] } },
      'a full list of permissions is not all permissions',
    );
    for (const giver of [deputy, account.owner]) {
      t.match(await setAccess(account, giver, member, all), { status: 200, body: { access: all } });
      await setAccess(account, giver, member, only('invoices:read'));
    }
  });

  t.test('unknown permissions and invalid forms of access are refused', async (t) => {
    const account = await newAccount();
    const member = await newMember(account, only('invoices:read'));
    const wrong: unknown[] = [
      only('invoices:shred'),
      only('invoices:read', 'nothing:else'),
      only('invoices:read', 'invoices:read'),
      only('INVOICES:READ'),
      only('*'),
      { permissions: 'invoices:read' },
      { permissions: [7] },
      { allPermissions: false },
      { allPermissions: 'true' },
      { allPermissions: true, permissions: ['invoices:read'] },
      { allPermissions: true, permissions: [] },
      { allPermissions: false, permissions: ['invoices:read'] },
      { allPermissions: true, unknown: 1 },
      {},
      null,
      'all',
    ];
    for (const access of wrong) {
      const refused = await setAccess(account, account.owner, member, access as Access);
      t.match(refused, { status: 400, code: 'invalid-request' }, JSON.stringify(access));
    }
    t.same(await accessOf(account, member), {
      allPermissions: false,
      permissions: ['invoices:read'],
      roles: [],
      endsAt: null,
    });
  });
});

t.test('A member cannot change or remove a member who has more permissions', async (t) => {
  for (const name of Object.keys(changes)) {
    t.test(name, async (t) => {
      const account = await newAccount();
      const manager = await newMember(account, only('members:manage', 'invoices:read'));
      const more = await newMember(account, only('invoices:read', 'invoices:pay'));
      const all = await newMember(account, { allPermissions: true });
      const refused = await change(name, account, manager, more);
      t.match(refused, { status: 403, code: 'cannot-grant', body: { missing: ['invoices:pay'] } });
      t.match(await change(name, account, manager, all), {
        status: 403,
        code: 'cannot-grant',
        body: { missing: ['*'] },
      });
      for (const member of [more, all]) {
        t.match(await call('GET', account.url, { token: member.token }), { status: 200 }, 'the member is unchanged');
      }
      const same = await newMember(account, only('members:manage', 'invoices:read'));
      t.equal(
        (await change(name, account, manager, same)).status,
        changes[name]?.done,
        'a member with the same permissions',
      );
    });
  }

  t.test('nor reactivate a suspended member who has more', async (t) => {
    const account = await newAccount();
    const manager = await newMember(account, only('members:manage'));
    const member = await newMember(account, only('invoices:pay'));
    await change('suspend a member', account, account.owner, member);
    t.match(await change('reactivate a member', account, manager, member), { status: 403, code: 'cannot-grant' });
    t.match(await call('GET', account.url, { token: member.token }), { status: 404 });
  });
});

t.test('Nobody can remove, suspend or demote the owner', async (t) => {
  const account = await newAccount();
  const deputy = await newMember(account, { allPermissions: true });
  for (const name of Object.keys(changes)) {
    for (const [who, by] of [
      ['a member with all permissions', deputy],
      ['the owner', account.owner],
    ] as const) {
      t.match(
        await change(name, account, by, account.owner),
        { status: 409, code: 'owner-protected' },
        `${name}, by ${who}`,
      );
    }
  }
  const leaving = await call('DELETE', `${account.url}/members/me`, { token: account.owner.token });
  t.match(leaving, { status: 409, code: 'owner-protected' }, 'the owner cannot leave');
  const me = await call('GET', `${account.url}/members/me`, { token: account.owner.token });
  t.match(me.body, { isOwner: true, status: 'active', access: { allPermissions: true } });
});

t.test('A changed permission takes effect on the very next request', async (t) => {
  const account = await newAccount();
  const member = await newMember(account, only('invoices:read'));
  const look = () => call('GET', `${account.url}/members`, { token: member.token });
  t.match(await look(), { status: 403 });
  await setAccess(account, account.owner, member, only('members:read'));
  t.match(await look(), { status: 200 }, 'granted, with the same access token');
  await setAccess(account, account.owner, member, only('invoices:read'));
  t.match(await look(), { status: 403, code: 'permission-missing' }, 'removed');
  const refused = await invite(account, member, newEmail(), only('invoices:read'));
  t.match(refused, { status: 403, code: 'permission-missing' });
});

t.test('A removed or suspended member loses access on the very next request', async (t) => {
  const everything = (account: TestAccount, token: string) =>
    Promise.all(
      ['', '/members', '/members/me', '/invites'].map(async (path) => {
        const { status } = await call('GET', account.url + path, { token });
        return status;
      }),
    );

  t.test('to a suspended member the account does not exist, and reactivating restores their access', async (t) => {
    const account = await newAccount();
    const access = only('invites:manage', 'invites:read', 'members:read');
    const member = await newMember(account, access);
    t.same(await everything(account, member.token), [200, 200, 200, 200]);
    const suspended = await change('suspend a member', account, account.owner, member);
    t.match(suspended, { status: 200, body: { status: 'suspended', access } });
    t.same(await everything(account, member.token), [404, 404, 404, 404], 'with the same access token');
    const inviting = await invite(account, member, newEmail(), only('members:read'));
    t.match(inviting, { status: 404, code: 'not-found' });
    t.match(await call('DELETE', `${account.url}/members/me`, { token: member.token }), { status: 404 });
    const again = await change('suspend a member', account, account.owner, member);
    t.match(again, { status: 200, body: { status: 'suspended' } }, 'suspending again changes nothing');
    const listed = await call('GET', memberUrl(account, member), { token: account.owner.token });
    t.match(listed.body, { status: 'suspended' }, 'the suspended member is still listed');
    const back = await change('reactivate a member', account, account.owner, member);
    t.match(back, { status: 200, body: { status: 'active', access } });
    t.same(await everything(account, member.token), [200, 200, 200, 200]);
  });

  t.test('a removed member can be invited again', async (t) => {
    const account = await newAccount();
    const member = await newMember(account, { allPermissions: true });
    t.match(await change('DELETE a member', account, account.owner, member), { status: 204, body: undefined });
    t.same(await everything(account, member.token), [404, 404, 404, 404], 'with the same access token');
    t.match(await change('DELETE a member', account, account.owner, member), { status: 404, code: 'not-found' });
    const theirs = await call('GET', '/v1/me/accounts', { token: member.token });
    t.same(theirs.body.items, []);
    t.match(await call('GET', '/v1/me', { token: member.token }), { status: 200 }, 'their login is kept');
    await invite(account, account.owner, member.email, only('invoices:read'));
    const body = { token: await tokenFor(member.email) };
    t.match(await call('POST', '/v1/invites/accept', { body, token: member.token }), { status: 201 });
    t.same(await accessOf(account, member), {
      allPermissions: false,
      permissions: ['invoices:read'],
      roles: [],
      endsAt: null,
    });
  });

  t.test('a member can leave with DELETE …/members/me without a permission', async (t) => {
    const account = await newAccount();
    for (const name of ['me', 'id'] as const) {
      const member = await newMember(account, only('invoices:read'));
      const url = `${account.url}/members/${name === 'me' ? 'me' : member.id}`;
      t.match(await call('DELETE', url, { token: member.token }), { status: 204 });
      t.match(await call('GET', account.url, { token: member.token }), { status: 404 });
    }
  });

  t.test('the member keeps access to other accounts', async (t) => {
    const [first, second] = [await newAccount(), await newAccount()];
    const member = await newMember(first, only('invoices:read'));
    await invite(second, second.owner, member.email, only('invoices:pay'));
    await call('POST', '/v1/invites/accept', { body: { token: await tokenFor(member.email) }, token: member.token });
    await change('DELETE a member', first, first.owner, member);
    t.match(await call('GET', first.url, { token: member.token }), { status: 404 });
    t.match(await call('GET', second.url, { token: member.token }), { status: 200 });
    t.same(await accessOf(second, member), {
      allPermissions: false,
      permissions: ['invoices:pay'],
      roles: [],
      endsAt: null,
    });
  });
});

t.test('Removing a member revokes their pending invites', async (t) => {
  for (const [way, removing] of [
    [
      'when they are removed',
      (account: TestAccount, member: TestUser) => change('DELETE a member', account, account.owner, member),
    ],
    [
      'when they leave',
      (account: TestAccount, { token }: TestUser) => call('DELETE', `${account.url}/members/me`, { token }),
    ],
  ] as const) {
    t.test(way, async (t) => {
      const [account, elsewhere] = [await newAccount(), await newAccount()];
      const member = await newMember(account, only('invites:manage', 'invoices:read'));
      await invite(elsewhere, elsewhere.owner, member.email, only('invites:manage', 'invoices:read'));
      await call('POST', '/v1/invites/accept', { body: { token: await tokenFor(member.email) }, token: member.token });
      const emails = [newEmail('theirs'), newEmail('owners'), newEmail('elsewhere')] as const;
      const theirs = await invite(account, member, emails[0], only('invoices:read'));
      const owners = await invite(account, account.owner, emails[1], only('invoices:read'));
      await invite(elsewhere, member, emails[2], only('invoices:read'));

      t.equal((await removing(account, member)).status, 204);

      const status = async (id: string) =>
        (await call('GET', `${account.url}/invites/${id}`, { token: account.owner.token })).body.status;
      t.equal(await status(theirs.body.id), 'revoked');
      t.equal(await status(owners.body.id), 'pending', 'the owner’s invite is not affected');
      const preview = async (email: string) =>
        call('POST', '/v1/invites/preview', { body: { token: await tokenFor(email) } });
      t.same(await mailsTo(emails[0]), [], 'a mail that was not sent yet is dropped');
      t.match(await preview(emails[1]), { status: 200 });
      t.match(await preview(emails[2]), { status: 200 }, 'their invite in another account is not affected');
    });
  }

  t.test('preview, accept and decline answer invite-revoked', async (t) => {
    const account = await newAccount();
    const member = await newMember(account, only('invites:manage', 'invoices:read'));
    const email = newEmail();
    await invite(account, member, email, only('invoices:read'));
    const token = await tokenFor(email);
    await change('DELETE a member', account, account.owner, member);
    const stranger = await newUser(email);
    for (const what of ['preview', 'accept', 'decline']) {
      const answer = await call('POST', `/v1/invites/${what}`, {
        body: { token },
        ...(what === 'accept' && { token: stranger.token }),
      });
      t.match(answer, { status: 410, code: 'invite-revoked' }, what);
    }
    t.match(await call('GET', account.url, { token: stranger.token }), { status: 404 });
    const invitedAgain = await invite(account, account.owner, email, only('invoices:read'));
    t.equal(invitedAgain.status, 201, 'the address can be invited again');
  });
});
