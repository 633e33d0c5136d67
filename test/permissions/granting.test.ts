import { sql } from 'drizzle-orm';
import t from 'tap';
import { uuidOf } from '../../src/ids/ids.ts';
import { day, newEmail, password, startService, type TestAccount, type TestUser } from '../support/service.ts';

const service = await startService(t);
const { call, at, db, logIn, invite, newAccount, newMember, newPlatformKey, newAccountKey, newUser, tokenFor } =
  service;

const platform = await newPlatformKey();
const managingPermissions = ['members:manage', 'invites:manage', 'roles:manage', 'keys:manage'];

const post = (url: string, body: unknown, token: string) => call('POST', url, { body, token });
const patch = (url: string, body: unknown, token: string) => call('PATCH', url, { body, token });
const memberUrl = (account: TestAccount, { id }: { id: string }) => `${account.url}/members/${id}`;

async function newRole(account: TestAccount, permissions: string[], token = account.owner.token): Promise<string> {
  const { status, body } = await post(`${account.url}/roles`, { name: newEmail('role'), permissions }, token);
  if (status !== 201) throw new Error(JSON.stringify(body));
  return body.id;
}

async function newPreset(permissions: string[]): Promise<string> {
  const { body } = await post('/v1/role-presets', { name: newEmail('preset'), permissions }, platform);
  return body.id;
}

const permissionsOf = async (account: TestAccount, token: string) =>
  (await call('GET', '/v1/me/accounts?limit=100', { token })).body.items.find(
    (it: { id: string }) => it.id === account.id,
  )?.effectivePermissions ?? [];

t.test('Nobody can grant permissions they do not have, by any route', async (t) => {
  const account = await newAccount();
  const manager = await newMember(account, { permissions: [...managingPermissions, 'invoices:read'] });
  const other = await newMember(account, { permissions: ['invoices:read'] });
  const beyond = await newRole(account, ['invoices:pay']);
  const beyondPreset = await newPreset(['orders:place']);
  const within = await newRole(account, ['invoices:read']);
  const pending = await invite(account, manager, newEmail(), { permissions: ['invoices:read'] });
  const inviteUrl = `${account.url}/invites/${pending.body.id}`;
  const grantsUrl = `${memberUrl(account, other)}/grants`;
  const scopedKey = await newAccountKey(account, account.owner, ...managingPermissions, 'invoices:read');

  const requests: Record<string, (token: string) => ReturnType<typeof call>> = {
    'an invite with a permission': (token) =>
      post(`${account.url}/invites`, { email: newEmail(), access: { permissions: ['invoices:pay'] } }, token),
    'an invite with a role': (token) =>
      post(`${account.url}/invites`, { email: newEmail(), access: { roles: [beyond] } }, token),
    'an invite with a preset': (token) =>
      post(`${account.url}/invites`, { email: newEmail(), access: { roles: [beyondPreset] } }, token),
    'an invite with all permissions': (token) =>
      post(`${account.url}/invites`, { email: newEmail(), access: { allPermissions: true } }, token),
    'a change of an invite': (token) => patch(inviteUrl, { access: { roles: [within, beyond] } }, token),
    'a change of a member': (token) =>
      patch(memberUrl(account, other), { access: { permissions: ['invoices:pay'] } }, token),
    'a role for a member': (token) => patch(memberUrl(account, other), { access: { roles: [beyond] } }, token),
    'a preset for a member': (token) => patch(memberUrl(account, other), { access: { roles: [beyondPreset] } }, token),
    'a new role': (token) => post(`${account.url}/roles`, { name: newEmail(), permissions: ['invoices:pay'] }, token),
    'a change of a role': (token) => patch(`${account.url}/roles/${within}`, { permissions: ['invoices:pay'] }, token),
    'a reduction of a role that gives more': (token) =>
      patch(`${account.url}/roles/${beyond}`, { permissions: ['invoices:read'] }, token),
    'renaming a role that gives more': (token) => patch(`${account.url}/roles/${beyond}`, { name: 'Renamed' }, token),
    'a grant': (token) => post(grantsUrl, { grants: [{ permission: 'invoices:pay' }] }, token),
    'a grant on a resource': (token) =>
      post(grantsUrl, { grants: [{ permission: 'invoices:pay', resource: { type: 'invoice', id: '1' } }] }, token),
    'a grant on a condition': (token) =>
      post(grantsUrl, { grants: [{ permission: 'invoices:pay', condition: { action: { soft: true } } }] }, token),
    'one forbidden grant among allowed ones': (token) =>
      post(grantsUrl, { grants: [{ permission: 'invoices:read' }, { permission: 'invoices:pay' }] }, token),
    'a key': (token) => post(`${account.url}/keys`, { name: 'x', scopes: ['invoices:pay'] }, token),
  };

  for (const [what, send] of Object.entries(requests)) {
    t.test(what, async (t) => {
      for (const [who, token] of [
        ['a member', manager.token],
        ['a key within its scopes', scopedKey],
      ] as const) {
        const refused = await send(token);
        t.match(refused, { status: 403, code: 'cannot-grant', body: { missing: Array } }, who);
      }
    });
  }

  t.test('nothing was granted', async (t) => {
    t.same(await permissionsOf(account, other.token), ['invoices:read']);
    const { body } = await call('GET', grantsUrl, { token: account.owner.token });
    t.same(body.items, []);
    const shown = await call('GET', inviteUrl, { token: account.owner.token });
    t.same(shown.body.access.roles, []);
    const keys = await call('GET', `${account.url}/keys`, { token: account.owner.token });
    t.equal(keys.body.items.length, 1);
  });

  t.test('the owner can send each request', async (t) => {
    for (const [what, send] of Object.entries(requests)) {
      t.ok((await send(account.owner.token)).status < 300, what);
    }
  });
});

t.test('A role', async (t) => {
  t.test('when changed, changes what its members may do on the next request, also as a preset', async (t) => {
    const account = await newAccount();
    const role = await newRole(account, ['members:read']);
    const preset = await newPreset(['invites:read']);
    const member = await newMember(account, { permissions: ['keys:manage'], roles: [role, preset] });
    t.same(await permissionsOf(account, member.token), ['members:read', 'invites:read', 'keys:manage']);
    t.match(await call('GET', `${account.url}/members`, { token: member.token }), { status: 200 });
    await patch(`${account.url}/roles/${role}`, { permissions: ['roles:manage'] }, account.owner.token);
    t.match(await call('GET', `${account.url}/members`, { token: member.token }), { status: 403 });
    await patch(`/v1/role-presets/${preset}`, { permissions: ['members:manage'] }, platform);
    t.match(await call('GET', `${account.url}/members`, { token: member.token }), { status: 200 });
    const { body } = await call('GET', `${account.url}/members/me/permissions`, { token: member.token });
    t.match(body.items, [
      { permission: 'members:read', reasons: [{ by: 'role', role: { id: preset }, impliedBy: 'members:manage' }] },
      { permission: 'members:manage', reasons: [{ by: 'role', role: { id: preset } }] },
      { permission: 'roles:manage', reasons: [{ by: 'role', role: { id: role } }] },
      { permission: 'keys:manage', reasons: [{ by: 'direct' }] },
    ]);
  });

  t.test('of another account, or unknown, cannot be granted or read by any route', async (t) => {
    const [mine, theirs] = [await newAccount(), await newAccount()];
    const member = await newMember(mine, { permissions: [] });
    const foreign = await newRole(theirs, ['members:read']);
    for (const id of [foreign, 'rol_01k7z2n4q8e6tbv5xw3c9d0hjm']) {
      const access = { roles: [id] };
      const error = { status: 400, body: { errors: [{ pointer: '/access/roles' }] } };
      t.match(await post(`${mine.url}/invites`, { email: newEmail(), access }, mine.owner.token), error);
      t.match(await patch(memberUrl(mine, member), { access }, mine.owner.token), error);
      for (const method of ['GET', 'PATCH', 'DELETE'] as const) {
        const body = method === 'PATCH' ? { body: { name: 'Mine now' } } : {};
        t.match(await call(method, `${mine.url}/roles/${id}`, { ...body, token: mine.owner.token }), { status: 404 });
      }
    }
    const listed = await call('GET', `${mine.url}/roles?limit=100`, { token: mine.owner.token });
    t.notOk(listed.body.items.some((it: { id: string }) => it.id === foreign));
  });

  t.test('contains only permissions of the catalogue', async (t) => {
    const account = await newAccount();
    const role = await newRole(account, ['members:read']);
    const unknown = { permissions: ['members:read', 'no-such:permission'] };
    const error = { status: 400, code: 'invalid-request', body: { errors: [{ pointer: '/permissions' }] } };
    const owner = account.owner.token;
    t.match(await post(`${account.url}/roles`, { name: 'Unknown', ...unknown }, owner), error);
    t.match(await patch(`${account.url}/roles/${role}`, unknown, owner), error);
    t.match(await post('/v1/role-presets', { name: 'Unknown', ...unknown }, platform), error);
    t.match((await call('GET', `${account.url}/roles/${role}`, { token: owner })).body.permissions, ['members:read']);
  });

  t.test('cannot be changed by a member who has fewer permissions than one of its members', async (t) => {
    const account = await newAccount();
    const role = await newRole(account, ['members:read']);
    const manager = await newMember(account, { permissions: ['roles:manage', 'members:read', 'members:manage'] });
    const above = await newMember(account, { permissions: ['orders:place'], roles: [role] });
    const url = `${account.url}/roles/${role}`;
    t.match(await patch(url, { permissions: ['members:manage'] }, manager.token), {
      status: 403,
      code: 'cannot-grant',
    });
    t.match(await call('DELETE', url, { token: manager.token }), { status: 403 });
    await patch(memberUrl(account, above), { access: { roles: [role] } }, account.owner.token);
    t.match(await patch(url, { permissions: ['members:manage'] }, manager.token), { status: 200 });
  });

  t.test('compares permissions as every change of a member does, including grants on resources', async (t) => {
    const account = await newAccount();
    const role = await newRole(account, ['members:read']);
    const manager = await newMember(account, { permissions: ['roles:manage', 'members:read', 'members:manage'] });
    const member = await newMember(account, { permissions: [], roles: [role] });
    const give = (to: TestUser, grant: object) =>
      post(`${memberUrl(account, to)}/grants`, { grants: [grant] }, account.owner.token);
    const suspend = async () => {
      const { status } = await post(`${memberUrl(account, member)}/suspend`, undefined, manager.token);
      await post(`${memberUrl(account, member)}/reactivate`, undefined, account.owner.token);
      return status;
    };
    const rename = async () =>
      (await patch(`${account.url}/roles/${role}`, { name: newEmail('role') }, manager.token)).status;
    const invoice = { type: 'invoice', id: 'one' };
    const soft = { action: { soft: true } };
    /** A grant of the member, one of the manager that does not cover it, and one that does. */
    const cases: [grant: object, tooLittle: object, enough: object][] = [
      [
        { permission: 'invoices:read', resource: invoice },
        { permission: 'invoices:read', resource: { type: 'invoice', id: 'two' } },
        { permission: 'invoices:pay', resource: invoice },
      ],
      [
        { permission: 'invoices:read', resource: { type: 'quote' } },
        { permission: 'invoices:read', resource: { type: 'quote', id: 'one' } },
        { permission: 'invoices:read', resource: { type: 'quote' } },
      ],
      [
        { permission: 'quotes:read', condition: { action: { soft: true, at: 'noon' } } },
        { permission: 'quotes:read', condition: { action: { soft: false } } },
        { permission: 'quotes:read', condition: soft },
      ],
      [
        { permission: 'orders:place' },
        { permission: 'orders:place', condition: soft },
        { permission: 'orders:place', endsAt: new Date(Date.now() + day) },
      ],
    ];
    for (const [grant, tooLittle, enough] of cases) {
      await give(member, grant);
      t.same([await suspend(), await rename()], [403, 403], JSON.stringify(grant));
      await give(manager, tooLittle);
      t.same([await suspend(), await rename()], [403, 403], `too little: ${JSON.stringify(tooLittle)}`);
      await give(manager, enough);
      t.same([await suspend(), await rename()], [200, 200], `enough: ${JSON.stringify(enough)}`);
    }
  });

  t.test('can only be deleted when it is not in use', async (t) => {
    const account = await newAccount();
    const role = await newRole(account, ['members:read']);
    const member = await newMember(account, { permissions: [], roles: [role] });
    const url = `${account.url}/roles/${role}`;
    const remove = () => call('DELETE', url, { token: account.owner.token });
    t.match(await remove(), { status: 409, code: 'role-in-use' });
    await patch(memberUrl(account, member), { access: { permissions: [] } }, account.owner.token);
    const { body } = await invite(account, account.owner, newEmail(), { roles: [role] });
    t.match(await remove(), { status: 409, code: 'role-in-use' }, 'by a pending invite');
    await call('POST', `${account.url}/invites/${body.id}/revoke`, { token: account.owner.token });
    t.match(await remove(), { status: 204 });
    t.match(await remove(), { status: 404 });
    const preset = await newPreset(['members:read']);
    await patch(memberUrl(account, member), { access: { roles: [preset] } }, account.owner.token);
    t.match(await call('DELETE', `/v1/role-presets/${preset}`, { token: platform }), {
      status: 409,
      code: 'role-in-use',
    });
    t.match(await patch(`${account.url}/roles/${preset}`, { name: 'Mine' }, account.owner.token), { status: 403 });
  });

  t.test('can be deleted if only an expired invite uses it, and resending that invite does not grant it', async (t) => {
    const account = await newAccount();
    const [role, remaining, preset] = [
      await newRole(account, ['members:read']),
      await newRole(account, ['invites:read']),
      await newPreset(['members:read']),
    ];
    const email = newEmail();
    const { body: created } = await invite(account, account.owner, email, { roles: [role, remaining, preset] });
    await at(new Date(Date.now() + 8 * day), async () => {
      const token = await logIn(account.owner);
      t.match(await call('DELETE', `${account.url}/roles/${role}`, { token }), { status: 204 });
      t.match(await call('DELETE', `/v1/role-presets/${preset}`, { token: platform }), { status: 204 });
      const again = await call('POST', `${account.url}/invites/${created.id}/resend`, { token });
      t.match(again, { status: 200, body: { status: 'pending' } });
      t.same(again.body.access.roles, [remaining], 'the invite contains only roles that exist');
      const accepted = await call('POST', '/v1/invites/accept', {
        body: { token: await tokenFor(email, 'invite'), register: { name: 'Late', password } },
      });
      t.equal(accepted.status, 201);
      t.same(accepted.body.membership.access, {
        allPermissions: false,
        permissions: [],
        roles: [remaining],
        endsAt: null,
      });
    });
  });

  t.test('has a name that is unique in its account', async (t) => {
    const account = await newAccount();
    const make = (name: string) =>
      post(`${account.url}/roles`, { name, permissions: ['members:read'] }, account.owner.token);
    const first = await make('Accountant');
    t.match(first, { status: 201, body: { name: 'Accountant', isPreset: false } });
    t.match(await make('Accountant'), { status: 409, code: 'name-taken' });
    const second = await make('Bookkeeper');
    t.match(await patch(`${account.url}/roles/${second.body.id}`, { name: 'Accountant' }, account.owner.token), {
      code: 'name-taken',
    });
    t.match(await post(`${(await newAccount()).url}/roles`, {}, account.owner.token), { status: 400 });
  });

  t.test('needs roles:manage; a preset needs a platform key', async (t) => {
    const account = await newAccount();
    const member = await newMember(account, { permissions: ['members:read'] });
    const role = { name: 'x', permissions: ['members:read'] };
    t.match(await post(`${account.url}/roles`, role, member.token), { status: 403, code: 'permission-missing' });
    t.match(await post('/v1/role-presets', role, account.owner.token), { status: 403, code: 'platform-key-required' });
    t.match(await post('/v1/role-presets', role, await newPlatformKey('users:manage')), {
      status: 403,
      code: 'permission-missing',
    });
  });

  t.test('is not granted by an invite once it gives more than the inviter has', async (t) => {
    const account = await newAccount();
    const role = await newRole(account, ['members:read']);
    const manager = await newMember(account, { permissions: ['invites:manage', 'members:read'] });
    const email = newEmail();
    t.equal((await invite(account, manager, email, { roles: [role] })).status, 201);
    await patch(`${account.url}/roles/${role}`, { permissions: ['members:manage'] }, account.owner.token);
    const token = await tokenFor(email, 'invite');
    const accept = () => post('/v1/invites/accept', { token, register: { name: 'Late', password } }, '');
    t.match(await accept(), { status: 409, code: 'inviter-cannot-grant' });
    await patch(
      memberUrl(account, manager),
      { access: { permissions: ['invites:manage', 'members:manage'] } },
      account.owner.token,
    );
    t.match(await accept(), { status: 201, body: { membership: { access: { roles: [role] } } } });
  });
});

t.test('Nobody can grant a permission for longer than they have it', async (t) => {
  const account = await newAccount();
  const [soon, later] = [day, 2 * day].map((it) => new Date(Date.now() + it).toISOString()) as [string, string];
  const timed = await newMember(account, { permissions: managingPermissions, endsAt: soon });
  const deputy = await newMember(account, { allPermissions: true, endsAt: soon });
  const other = await newMember(account, { permissions: [] });
  const grantsUrl = `${memberUrl(account, other)}/grants`;
  const requests: Record<string, (token: string, endsAt?: string) => ReturnType<typeof call>> = {
    'an invite': (token, endsAt) =>
      post(
        `${account.url}/invites`,
        { email: newEmail(), access: { permissions: ['members:read'], ...(endsAt && { endsAt }) } },
        token,
      ),
    'a member': (token, endsAt) =>
      patch(memberUrl(account, other), { access: { permissions: ['members:read'], ...(endsAt && { endsAt }) } }, token),
    'a grant': (token, endsAt) =>
      post(grantsUrl, { grants: [{ permission: 'members:read', ...(endsAt && { endsAt }) }] }, token),
  };
  for (const [what, give] of Object.entries(requests)) {
    for (const { token } of [timed, deputy]) {
      t.match(await give(token), { status: 403, code: 'cannot-grant' }, `${what} without an end`);
      t.match(await give(token, later), { status: 403, code: 'cannot-grant' }, `${what} for longer`);
      t.ok((await give(token, soon)).status < 300, `${what} for as long`);
    }
  }
  const role = { name: newEmail(), permissions: ['members:read'] };
  t.match(
    await post(`${account.url}/roles`, role, timed.token),
    { status: 403, code: 'cannot-grant' },
    'a role has no end',
  );
  const all = { email: newEmail(), access: { allPermissions: true } };
  t.match(await post(`${account.url}/invites`, all, deputy.token), { status: 403, code: 'cannot-grant' });

  const suspended = await newMember(account, { permissions: ['members:read'] });
  await call('POST', `${memberUrl(account, suspended)}/suspend`, { token: timed.token });
  const reactivate = (token: string) => call('POST', `${memberUrl(account, suspended)}/reactivate`, { token });
  t.match(
    await reactivate(timed.token),
    { status: 403, code: 'cannot-grant' },
    'reactivating a member whose access has no end',
  );
  t.match(await reactivate(account.owner.token), { status: 200 });
});

t.test('Extending a membership extends its grants, so the caller must be able to grant them', async (t) => {
  const account = await newAccount();
  const { token: owner } = account.owner;
  const inDays = (days: number) => new Date(service.clock().getTime() + days * day).toISOString();
  const grantTo = (member: { id: string }, ...permissions: string[]) =>
    post(`${memberUrl(account, member)}/grants`, { grants: permissions.map((permission) => ({ permission })) }, owner);
  const change = (member: { id: string }, access: object, token: string) =>
    patch(memberUrl(account, member), { access }, token);
  const refused = { status: 403, code: 'cannot-grant' };

  t.test('their own membership', async (t) => {
    const member = await newMember(account, { permissions: ['invoices:read'], endsAt: inDays(1) });
    await grantTo(member, 'members:manage', 'invoices:pay');
    t.match(await change(member, { permissions: [] }, member.token), refused);
    t.match(await change(member, { permissions: [], endsAt: inDays(2) }, member.token), refused);
    t.equal((await change(member, { permissions: [], endsAt: inDays(0.5) }, member.token)).status, 200);
  });

  t.test('another membership, even one that has ended', async (t) => {
    const clerk = await newMember(account, { permissions: ['members:manage', 'invoices:pay'], endsAt: inDays(3) });
    const member = await newMember(account, { permissions: [], endsAt: inDays(1) });
    await grantTo(member, 'invoices:pay');
    t.match(await change(member, { permissions: [] }, clerk.token), refused);
    t.equal((await change(member, { permissions: [], endsAt: inDays(2) }, clerk.token)).status, 200);
    await at(new Date(inDays(2.5)), async () => {
      const token = await logIn(clerk);
      t.match(await change(member, { permissions: [] }, token), refused, 'a membership that has ended');
    });
    t.equal((await change(member, { permissions: [] }, owner)).status, 200, 'the owner may');
  });

  t.test('the membership of a member who had all permissions', async (t) => {
    const deputy = await newMember(account, { allPermissions: true, endsAt: inDays(2) });
    const member = await newMember(account, { allPermissions: true, endsAt: inDays(1) });
    await grantTo(member, 'members:manage');
    t.match(await change(member, { permissions: [] }, deputy.token), refused);
  });
});

t.test('A manager can revoke a member’s key if they have the member’s grants on resources', async (t) => {
  const account = await newAccount();
  const manager = await newMember(account, { permissions: ['keys:manage'] });
  const member = await newMember(account, { permissions: ['keys:manage'] });
  const grants = [{ permission: 'invoices:pay', resource: { type: 'invoice', id: 'one' } }];
  const { body: key } = await post(`${account.url}/keys`, { name: 'Machine', scopes: ['*'] }, member.token);
  const end = () => call('POST', `${account.url}/keys/${key.id}/revoke`, { token: manager.token });
  await post(`${memberUrl(account, member)}/grants`, { grants }, account.owner.token);
  t.match(await end(), { status: 403, code: 'cannot-grant' }, 'without the grant');
  await post(`${memberUrl(account, manager)}/grants`, { grants }, account.owner.token);
  t.equal((await end()).status, 204);
});

t.test('A caller who may suspend a member may reactivate them, even with grants on resources', async (t) => {
  const account = await newAccount();
  const manager = await newMember(account, { permissions: ['members:manage'] });
  const member = await newMember(account, { permissions: [] });
  const grants = [{ permission: 'invoices:pay', resource: { type: 'invoice', id: 'one' } }];
  for (const it of [manager, member]) await post(`${memberUrl(account, it)}/grants`, { grants }, account.owner.token);
  for (const act of ['suspend', 'reactivate']) {
    const answer = await call('POST', `${memberUrl(account, member)}/${act}`, { token: manager.token });
    t.equal(answer.status, 200, act);
  }
});

t.test('A grant', async (t) => {
  const account = await newAccount();
  const owner = account.owner.token;
  const allowed = async (who: TestUser, permission: string, on?: { type: string; id: string }, token = owner) => {
    const query = { userId: who.id, permission, ...(on && { resourceType: on.type, resourceId: on.id }) };
    return (await call('GET', `${account.url}/check?${new URLSearchParams(query)}`, { token })).body.allowed;
  };

  t.test('on a resource or a type applies there and nowhere else', async (t) => {
    const member = await newMember(account, { permissions: [] });
    const grants = [
      { permission: 'invoices:pay', resource: { type: 'invoice', id: 'one' } },
      { permission: 'quotes:read', resource: { type: 'quote' } },
    ];
    const { status, body } = await post(`${memberUrl(account, member)}/grants`, { grants }, owner);
    t.equal(status, 201);
    t.match(body.items, grants);
    t.equal(await allowed(member, 'invoices:pay', { type: 'invoice', id: 'one' }), true);
    t.equal(
      await allowed(member, 'invoices:read', { type: 'invoice', id: 'one' }),
      true,
      'implied permissions apply too',
    );
    t.equal(await allowed(member, 'invoices:pay', { type: 'invoice', id: 'two' }), false);
    t.equal(await allowed(member, 'invoices:pay', { type: 'quote', id: 'one' }), false);
    t.equal(await allowed(member, 'invoices:pay'), false);
    t.equal(await allowed(member, 'quotes:read', { type: 'quote', id: 'any' }), true);
    t.equal(await allowed(member, 'quotes:read'), false);
    t.same(await permissionsOf(account, member.token), [], 'it gives nothing in the whole account');
    const url = `${memberUrl(account, member)}/grants/${body.items[0].id}`;
    t.match(await call('DELETE', url, { token: owner }), { status: 204 });
    t.equal(await allowed(member, 'invoices:pay', { type: 'invoice', id: 'one' }), false);
    t.match(await call('DELETE', url, { token: owner }), { status: 404 });
  });

  t.test('with an end expires then, and gives access to Usher’s own routes until then', async (t) => {
    const member = await newMember(account, { permissions: [] });
    const endsAt = new Date(Date.now() + day);
    await post(`${memberUrl(account, member)}/grants`, { grants: [{ permission: 'members:read', endsAt }] }, owner);
    t.match(await call('GET', `${account.url}/members`, { token: member.token }), { status: 200 });
    await at(endsAt, async () => {
      t.match(await call('GET', `${account.url}/members`, { token: await logIn(member) }), { status: 403 });
      const now = await logIn(account.owner);
      t.equal(await allowed(member, 'members:read', undefined, now), false, 'the check says so too');
      t.equal(await allowed(member, 'members:read', { type: 'any', id: 'one' }, now), false);
    });
  });

  t.test('on a resource can be granted by a member who has it there, but only there', async (t) => {
    const other = await newMember(account, { permissions: [] });
    const manager = await newMember(account, { permissions: ['members:manage'] });
    const resource = { type: 'invoice', id: 'one' };
    await post(`${memberUrl(account, manager)}/grants`, { grants: [{ permission: 'invoices:pay', resource }] }, owner);
    const give = (grant: object) => post(`${memberUrl(account, other)}/grants`, { grants: [grant] }, manager.token);
    t.match(await give({ permission: 'invoices:pay', resource }), { status: 201 });
    t.match(await give({ permission: 'invoices:read', resource }), { status: 201 }, 'an implied permission');
    t.match(
      await give({ permission: 'invoices:pay', resource, condition: { action: { soft: true } } }),
      { status: 201 },
      'with a condition',
    );
    for (const beyond of [
      { type: 'invoice', id: 'two' },
      { type: 'invoice' },
      { type: 'quote', id: 'one' },
      undefined,
    ]) {
      t.match(await give({ permission: 'invoices:pay', ...(beyond && { resource: beyond }) }), {
        status: 403,
        code: 'cannot-grant',
      });
    }
    const onCondition = { permission: 'quotes:read', resource, condition: { action: { soft: true } } };
    await post(`${memberUrl(account, manager)}/grants`, { grants: [onCondition] }, owner);
    t.match(await give(onCondition), { status: 201 }, 'on the same condition');
    t.match(
      await give({ ...onCondition, condition: { action: { soft: true, late: true } } }),
      { status: 201 },
      'on a stronger condition',
    );
    for (const condition of [undefined, {}, { action: { soft: false } }, { subject: { soft: true } }]) {
      const wider = { permission: 'quotes:read', resource, ...(condition && { condition }) };
      t.match(await give(wider), { status: 403, code: 'cannot-grant' }, `not on ${JSON.stringify(condition)}`);
    }
    const above = await newMember(account, { permissions: [] });
    await post(`${memberUrl(account, above)}/grants`, { grants: [{ permission: 'orders:place', resource }] }, owner);
    t.match(
      await call('DELETE', memberUrl(account, above), { token: manager.token }),
      { status: 403 },
      'the member has more permissions on that resource',
    );
  });

  t.test('ends with the membership, and cannot be given to the owner or a non-member', async (t) => {
    const member = await newMember(account, { permissions: [] });
    const grants = { grants: [{ permission: 'members:read' }] };
    await post(`${memberUrl(account, member)}/grants`, grants, owner);
    await call('DELETE', memberUrl(account, member), { token: owner });
    t.match(await post(`${memberUrl(account, member)}/grants`, grants, owner), { status: 404 });
    t.match(await post(`${memberUrl(account, account.owner)}/grants`, grants, owner), {
      status: 409,
      code: 'owner-protected',
    });
    t.match(await post(`${memberUrl(account, await newUser())}/grants`, grants, owner), { status: 404 });
  });

  t.test('cannot be on the account itself as a resource', async (t) => {
    const account = await newAccount();
    const member = await newMember(account, { permissions: [] });
    const grants = [{ permission: 'invoices:pay', resource: { type: 'account', id: account.id } }];
    t.match(await post(`${memberUrl(account, member)}/grants`, { grants }, account.owner.token), {
      status: 400,
      body: { errors: [{ pointer: '/grants/0/resource/type' }] },
    });
    const registered = await call('PUT', `${account.url}/resources/account/x`, { token: account.owner.token });
    t.match(registered, { status: 400, code: 'invalid-request' });
  });

  t.test('is refused with all others of the request if one is invalid', async (t) => {
    const member = await newMember(account, { permissions: [] });
    const wrong: object[] = [
      { permission: 'no-such:permission' },
      { permission: 'members:read', endsAt: '2020-01-01T00:00:00Z' },
      { permission: 'members:read', endsAt: '2016-12-31T23:59:60Z' },
      { permission: 'members:read', endsAt: 'tomorrow' },
      { permission: 'members:read', resource: { id: 'one' } },
      { permission: 'members:read', resource: { type: '' } },
      { permission: 'members:read', resource: { type: 'x', id: 'y'.repeat(257) } },
      { permission: 'members:read', condition: { context: {} } },
      { permission: 'members:read', condition: { action: { soft: null } } },
      { permission: 'members:read', condition: { action: { soft: { deep: true } } } },
      { permission: 'members:read', condition: { action: { soft: '\0' } } },
    ];
    for (const it of wrong) {
      const refused = await post(
        `${memberUrl(account, member)}/grants`,
        { grants: [{ permission: 'members:read' }, it] },
        owner,
      );
      t.match(refused, { status: 400, code: 'invalid-request' }, JSON.stringify(it));
    }
    const many = Array.from({ length: 101 }, () => ({ permission: 'members:read' }));
    t.match(await post(`${memberUrl(account, member)}/grants`, { grants: many }, owner), { status: 400 });
    t.match(await post(`${memberUrl(account, member)}/grants`, { grants: [] }, owner), { status: 400 });
    const { body } = await call('GET', `${memberUrl(account, member)}/grants`, { token: owner });
    t.same(body.items, []);
  });

  t.test('is refused if the member already has 10,000', async (t) => {
    const member = await newMember(account, { permissions: [] });
    const give = (count: number) => {
      const resource = { type: 'invoice', id: 'INV-1' };
      const grants = Array.from({ length: count }, () => ({ permission: 'members:read', resource }));
      return post(`${memberUrl(account, member)}/grants`, { grants }, owner);
    };
    t.match(await give(1), { status: 201 });
    await db.execute(sql`
      insert into grants select (jsonb_populate_record(g, jsonb_build_object('id', gen_random_uuid()))).*
      from grants g, generate_series(1, 9997) where user_id = ${uuidOf('usr', member.id as never)}`);
    t.match(await give(3), { status: 409, code: 'too-many-grants' });
    t.match(await give(2), { status: 201 });
    t.match(await give(1), { status: 409, code: 'too-many-grants' });
  });

  t.test('is visible to its member and to callers with `members:read`', async (t) => {
    const member = await newMember(account, { permissions: [] });
    const withoutRead = await newMember(account, { permissions: ['keys:manage'] });
    await post(`${memberUrl(account, member)}/grants`, { grants: [{ permission: 'keys:manage' }] }, owner);
    t.match((await call('GET', `${account.url}/members/me/grants`, { token: member.token })).body.items, [
      { permission: 'keys:manage' },
    ]);
    t.match(await call('GET', `${memberUrl(account, member)}/grants`, { token: withoutRead.token }), { status: 403 });
  });
});

t.test('A resource can be registered, listed and deleted', async (t) => {
  const account = await newAccount();
  const { owner } = account;
  const member = await newMember(account, { permissions: ['members:manage'] });
  const url = (id: string) => `${account.url}/resources/record/${encodeURIComponent(id)}`;
  for (const id of ['b', 'a', 'c/d e', 'ü'])
    t.match(await call('PUT', url(id), { token: owner.token }), { status: 200, body: { type: 'record', id } });
  t.match(await call('PUT', url('a'), { token: owner.token }), { status: 200 }, 'registering it again changes nothing');
  t.match(await call('PUT', url('z'), { token: member.token }), { status: 403, code: 'permission-missing' });
  t.match(await call('GET', `${account.url}/resources/record`, { token: member.token }), { status: 403 });
  const list = async (query: string) =>
    (await call('GET', `${account.url}/resources/record${query}`, { token: owner.token })).body;
  const first = await list('?limit=2');
  const second = await list(`?limit=2&cursor=${encodeURIComponent(first.nextCursor)}`);
  t.same([...first.items, ...second.items].map((it: { id: string }) => it.id).sort(), ['a', 'b', 'c/d e', 'ü'].sort());
  t.equal(second.nextCursor, null);
  t.match(await call('DELETE', url('a'), { token: owner.token }), { status: 204 });
  t.match(await call('DELETE', url('a'), { token: owner.token }), { status: 404 });
  const elsewhere = await newAccount();
  t.same((await call('GET', `${elsewhere.url}/resources/record`, { token: elsewhere.owner.token })).body.items, []);
});
