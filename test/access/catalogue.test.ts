import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { buildCatalogue, compareCatalogues } from '../../src/access/catalogue/build.ts';
import { applyCatalogueFile } from '../../src/access/catalogue/declare.ts';
import { listPermissions, type PermissionRow } from '../../src/access/catalogue/store.ts';
import { readCatalogueFile } from '../../src/config/catalogue-file.ts';
import type { PermissionDeclaration } from '../../src/permissions/permission.ts';
import { usherPermissions } from '../../src/permissions/usher-permissions.ts';
import { day, newEmail, password, startService } from '../support/service.ts';

const { call, clock, db, invite, logIn, mailsTo, newAccount, newMember, newPlatformKey, newUser, tokenFor, travel } =
  await startService(t);
const platform = await newPlatformKey('catalogue:manage');

const permission = (key: string, more: Partial<PermissionDeclaration> = {}): PermissionDeclaration => ({
  ...{ key, title: `Title of ${key}`, description: `What ${key} is.`, group: 'Things' },
  ...more,
});

const put = (permissions: unknown, query = '', token = platform) =>
  call('PUT', `/v1/permissions${query}`, { body: { permissions }, token });

/** The current catalogue without Usher's own permissions. */
async function declared(): Promise<PermissionDeclaration[]> {
  const { body } = await call('GET', '/v1/permissions', { token: platform });
  return body.items
    .filter((it: { own: boolean }) => !it.own)
    .map(({ own, ...it }: PermissionDeclaration & { own: boolean }) => it);
}

t.test('PUT /v1/permissions', async (t) => {
  t.test('replaces the whole catalogue and keeps Usher’s own permissions', async (t) => {
    const before = await declared();
    const next = [permission('things:read'), permission('things:write', { implies: ['things:read'] }), ...before];
    const { status, body } = await put(next);
    t.equal(status, 200);
    t.same(body, { dryRun: false, added: ['things:read', 'things:write'], changed: [], removed: [] });
    const { body: answer } = await call('GET', '/v1/permissions', { token: platform });
    const keys = answer.items.map((it: { key: string }) => it.key);
    t.same(
      keys.slice(0, usherPermissions.length),
      usherPermissions,
      'Usher’s own permissions come first, though none was declared',
    );
    t.same(
      keys.slice(usherPermissions.length),
      next.map((it) => it.key),
      'the others follow in the declared order',
    );
    t.same(
      (await put(next)).body,
      { dryRun: false, added: [], changed: [], removed: [] },
      'declaring the same catalogue again changes nothing',
    );
    t.same((await put(before)).body.removed.map((it: { permission: string }) => it.permission).sort(), [
      'things:read',
      'things:write',
    ]);
  });

  t.test('a dry run reports the changes and the uses of removed permissions, and changes nothing', async (t) => {
    const before = await declared();
    await put([...before, permission('doomed:read'), permission('worded:read')]);
    const account = await newAccount();
    const member = await newMember(account, { permissions: ['doomed:read'] });
    await invite(account, account.owner, newEmail(), { permissions: ['doomed:read'] });
    const asOwner = (path: string, body: object) =>
      call('POST', account.url + path, { body, token: account.owner.token });
    await asOwner('/roles', { name: 'Doomed', permissions: ['doomed:read'] });
    await asOwner('/keys', { name: 'Doomed', scopes: ['doomed:read'] });
    await asOwner(`/members/${member.id}/grants`, {
      grants: [{ permission: 'doomed:read', resource: { type: 'thing' } }],
    });
    const next = [...before, permission('worded:read', { title: 'Other words' }), permission('fresh:read')];
    const { status, body } = await put(next, '?dryRun=true');
    t.equal(status, 200);
    t.same(body, {
      dryRun: true,
      added: ['fresh:read'],
      changed: ['worded:read'],
      removed: [
        {
          ...{ permission: 'doomed:read', members: 1, pendingInvites: 1, roles: 1, keys: 1, grants: 1 },
          firstMembers: [{ accountId: account.id, userId: member.id }],
        },
      ],
    });
    t.notOk(
      (await declared()).some((it) => it.key === 'fresh:read'),
      'the dry run adds nothing',
    );

    t.match(await put(next), { status: 409, code: 'permission-in-use' });
    t.ok(
      (await declared()).some((it) => it.key === 'doomed:read'),
      'a refused removal changes nothing',
    );
    t.match(await put(next, '?removeInUse=true'), {
      status: 200,
      body: { removed: [{ permission: 'doomed:read' }] },
    });
    const answer = await call('GET', `${account.url}/members/${member.id}`, { token: account.owner.token });
    t.same(answer.body.access.permissions, [], 'the removed permission is removed from every member');

    t.equal((await put([...next, permission('doomed:read')])).status, 200);
    const check = `${account.url}/check?userId=${member.id}&permission=doomed:read`;
    t.same(
      (await call('GET', check, { token: account.owner.token })).body,
      { allowed: false },
      'adding the permission again restores it to nobody',
    );
    t.match((await put(before, '?removeInUse=true')).status, 200);
  });

  t.test('an expired invite does not block a removal, and grants only existing permissions when resent', async (t) => {
    const before = await declared();
    await put([...before, permission('doomed:read'), permission('doomed:write')]);
    const account = await newAccount();
    const email = newEmail('late');
    const access = { permissions: ['doomed:read', 'members:read'] };
    const { body: made } = await invite(account, account.owner, email, access);
    t.match(await put(before), { status: 409, code: 'permission-in-use' }, 'a pending invite blocks the removal');
    travel(8 * day);
    t.match(await put(before, '?dryRun=true'), {
      body: { removed: [{ permission: 'doomed:read', pendingInvites: 0 }, { permission: 'doomed:write' }] },
    });
    t.equal((await put(before)).status, 200);
    await put([...before, permission('doomed:read')]);

    const token = await logIn(account.owner);
    const again = await call('POST', `${account.url}/invites/${made.id}/resend`, { token });
    t.match(again, { status: 200, body: { status: 'pending', access: { permissions: ['members:read'] } } });
    const accepted = await call('POST', '/v1/invites/accept', {
      body: { token: await tokenFor(email, 'invite'), register: { name: 'Late', password } },
    });
    t.match(accepted, { status: 201, body: { membership: { access: { permissions: ['members:read'] } } } });
    t.equal((await put(before)).status, 200, 'nobody has the later permission of the same name');
  });

  t.test('a new implication takes effect on the next request', async (t) => {
    const before = await declared();
    await put([...before, permission('files:read'), permission('files:write')]);
    const account = await newAccount();
    const member = await newMember(account, { permissions: ['files:write'] });
    const mine = async () =>
      (await call('GET', '/v1/me/accounts', { token: member.token })).body.items[0].effectivePermissions;
    t.same(await mine(), ['files:write']);
    await put([...before, permission('files:read'), permission('files:write', { implies: ['files:read'] })]);
    t.same(await mine(), ['files:read', 'files:write']);
    await put(before, '?removeInUse=true');
    t.same(await mine(), []);
  });

  t.test('needs a platform key with catalogue:manage', async (t) => {
    const owner = (await newAccount()).owner;
    t.match(await put([], '', owner.token), { status: 403, code: 'platform-key-required' });
    t.match(await put([], '', await newPlatformKey('users:manage')), { status: 403, code: 'permission-missing' });
  });

  t.test('invalid input changes nothing', async (t) => {
    const before = await declared();
    const cycle = (...keys: string[]) =>
      keys.map((key, i) => permission(key, { implies: [keys[(i + 1) % keys.length] as string] }));
    const wrong: [string, unknown, object?][] = [
      ['a cycle', cycle('a:a', 'b:b', 'c:c'), { pointer: /^\/permissions\/\d\/implies$/, detail: /cycle: .* → .* → / }],
      ['a permission that implies itself', cycle('a:a'), { pointer: '/permissions/0/implies' }],
      [
        'a cycle through one of Usher’s own permissions',
        [permission('a:a', { implies: ['members:manage'] }), permission('members:manage', { implies: ['a:a'] })],
      ],
      [
        'a chain with 61,075 implied permissions in total',
        Array.from({ length: 350 }, (_, i) => permission(`a:b-${i}`, { implies: i === 0 ? [] : [`a:b-${i - 1}`] })),
        { pointer: '/permissions', detail: /at most 50000/ },
      ],
      ['an unknown implication', [permission('a:a', { implies: ['z:z'] })], { pointer: '/permissions/0/implies' }],
      ['a key twice', [permission('a:a'), permission('a:a')], { pointer: '/permissions/1/key' }],
      [
        'a changed implication of one of Usher’s own permissions',
        [permission('members:manage', { implies: [] })],
        { pointer: '/permissions/0/implies' },
      ],
      [
        'ten thousand permissions',
        Array.from({ length: 10_000 }, (_, i) => permission(`a:b-${i}`)),
        { pointer: '/permissions' },
      ],
      ['an invalid key', [permission('A:B')]],
      ['a key without an action', [permission('things')]],
      ['a title that is too long', [permission('a:a', { title: 'x'.repeat(201) })]],
      ['a line break in a title', [permission('a:a', { title: 'x\ny' })]],
      [
        'an invalid language tag',
        [permission('a:a', { translations: { 'no language': { title: 'x' } } })],
        { pointer: '/permissions/0/translations/no language' },
      ],
      [
        'a prototype as a language',
        [{ ...permission('a:a'), translations: JSON.parse('{"constructor": {"title": "x"}}') }],
      ],
      ['an unknown field in a translation', [permission('a:a', { translations: { de: { titel: 'x' } as never } })]],
      ['an object instead of a list', { 0: permission('a:a') }],
    ];
    for (const [what, permissions, error] of wrong) {
      const refused = await put(permissions, '?removeInUse=true');
      t.match(refused, { status: 400, code: 'invalid-request' }, what);
      if (error) t.match(refused.body.errors, [error], what);
    }
    t.match(await put([], '?dryRun=yes'), { status: 400 });
    t.same(await declared(), before);
  });

  t.test('accepts a long chain of implications', async (t) => {
    const before = await declared();
    const count = 250;
    const chain = Array.from({ length: count }, (_, i) =>
      permission(`chain:step-${i}`, i === 0 ? {} : { implies: [`chain:step-${i - 1}`] }),
    );
    t.equal((await put([...before, ...chain])).status, 200);
    const account = await newAccount();
    const member = await newMember(account, { permissions: [`chain:step-${count - 1}`] });
    const check = `${account.url}/check?userId=${member.id}&permission=chain:step-0`;
    t.same((await call('GET', check, { token: account.owner.token })).body, { allowed: true });
    t.equal((await put(before, '?removeInUse=true')).status, 200);
  });

  t.test('changes and translates the texts of Usher’s own permissions', async (t) => {
    const before = await declared();
    const own = permission('members:read', { title: 'See the team', translations: { de: { title: 'Team ansehen' } } });
    t.same((await put([...before, own])).body.changed, ['members:read']);
    const read = async (query: string) =>
      (await call('GET', `/v1/permissions${query}`, { token: platform })).body.items.find(
        (it: { key: string }) => it.key === 'members:read',
      );
    t.match(await read(''), { title: 'See the team', own: true });
    t.match(await read('?locale=de-AT'), { title: 'Team ansehen', description: 'What members:read is.' });
    t.match(await read('?locale=fr'), { title: 'See the team' });
  });
});

t.test('GET /v1/permissions needs only a valid credential', async (t) => {
  const account = await newAccount();
  for (const token of [(await newUser()).token, account.owner.token, platform]) {
    t.match(await call('GET', '/v1/permissions', { token }), { status: 200 });
  }
  t.match(await call('GET', '/v1/permissions', { token: `${platform.slice(0, -4)}AAAA` }), { status: 401 });
});

t.test('the mail and the preview of an invite list its permissions in the language of the invite', async (t) => {
  const before = await declared();
  await put([...before, permission('words:read', { translations: { de: { title: 'Wörter lesen' } } })]);
  const account = await newAccount();
  const email = newEmail();
  const role = await call('POST', `${account.url}/roles`, {
    body: { name: 'Leser', permissions: ['words:read'] },
    token: account.owner.token,
  });
  await invite(account, account.owner, email, { permissions: [], roles: [role.body.id] }, { locale: 'de' });
  const [mail] = await mailsTo(email);
  t.match(mail?.text, /Wörter lesen/);
  const { body } = await call('POST', '/v1/invites/preview', { body: { token: await tokenFor(email, 'invite') } });
  t.match(body, {
    roles: [{ id: role.body.id, name: 'Leser' }],
    permissions: [{ key: 'words:read', title: 'Wörter lesen' }],
  });
});

t.test('CATALOGUE_FILE', async (t) => {
  const file = async (text: string | Buffer) => {
    const path = join(t.testdir(), `${Math.random().toString(36).slice(2)}.json`);
    await writeFile(path, text);
    return path;
  };

  t.test('is read, and an error message names the place of the mistake', async (t) => {
    const good = { permissions: [permission('a:a'), permission('b:b', { implies: ['a:a'] })] };
    t.same(readCatalogueFile(await file(JSON.stringify(good))), good.permissions);
    const wrong: [string, RegExp][] = [
      ['', /JSON file/],
      ['[]', /"permissions"/],
      ['{"permissions": {}}', /"permissions"/],
      ['{"permissions": [{"key": "a:a"}]}', /\/permissions\/0/],
      [
        JSON.stringify({ permissions: [permission('a:a', { translations: { 'not a tag!': {} } })] }),
        /\/permissions\/0\/translations/,
      ],
      [JSON.stringify({ permissions: [{ ...permission('a:a'), key: 'nonsense' }] }), /\/permissions\/0\/key/],
    ];
    for (const [text, message] of wrong) {
      const path = await file(text);
      t.throws(() => readCatalogueFile(path), { message }, text);
    }
    t.throws(() => readCatalogueFile('/no/such/file'), { message: /JSON file/ });
    const latin1 = await file(
      Buffer.from(JSON.stringify({ permissions: [permission('a:a', { title: 'é' })] }), 'latin1'),
    );
    t.throws(() => readCatalogueFile(latin1), { message: /UTF-8/ });
  });

  t.test('is applied, and the removal of a permission in use is an error', async (t) => {
    const before = await declared();
    await applyCatalogueFile(db, [...before, permission('filed:read')], clock());
    t.ok((await declared()).some((it) => it.key === 'filed:read'));
    await newMember(await newAccount(), { permissions: ['filed:read'] });
    await t.rejects(applyCatalogueFile(db, before, clock()), { message: /CATALOGUE_FILE: In use: filed:read/ });
    await t.rejects(applyCatalogueFile(db, [permission('a:a', { implies: ['z:z'] })], clock()), {
      message: /CATALOGUE_FILE: \/permissions\/0/,
    });
  });

  t.test('disables PUT /v1/permissions', async (t) => {
    const path = await file(JSON.stringify({ permissions: [] }));
    const other = await startService(t, { env: { CATALOGUE_FILE: path } });
    const token = await other.newPlatformKey();
    const body = { permissions: [] };
    t.match(await other.call('PUT', '/v1/permissions', { body, token }), { status: 409, code: 'catalogue-in-file' });
    t.match(await other.call('PUT', '/v1/permissions?dryRun=true', { body, token }), { status: 200 });
  });
});

t.test('buildCatalogue computes covered permissions', async (t) => {
  const current = await listPermissions(db);
  const rows = buildCatalogue(
    [permission('a:a', { implies: ['b:b'] }), permission('b:b', { implies: ['c:c'] }), permission('c:c')],
    current,
  );
  const row = (key: string) => rows.find((it) => it.key === key) as PermissionRow;
  t.same(row('a:a').covers, ['a:a', 'b:b', 'c:c']);
  t.same(row('c:c').coveredBy, ['a:a', 'b:b', 'c:c']);
  t.same(compareCatalogues(rows, rows), { added: [], changed: [], removed: [] });
  const diamond = buildCatalogue(
    [
      permission('a:a', { implies: ['b:b', 'c:c'] }),
      permission('b:b', { implies: ['d:d'] }),
      permission('c:c', { implies: ['d:d'] }),
      permission('d:d'),
    ],
    current,
  );
  t.same(
    diamond.find((it) => it.key === 'a:a')?.covers,
    ['a:a', 'b:b', 'c:c', 'd:d'],
    'two paths to one permission are not a cycle',
  );
});
