import { decodeJwt } from 'jose';
import t, { type Test } from 'tap';
import { users } from '../../src/database/schema.ts';
import { platformUserId, uuidOf } from '../../src/ids/ids.ts';
import { disableUser, enableUser, requireUserByName } from '../../src/platform/operate-users.ts';
import { isActiveUser, isActiveUserRow } from '../../src/users/user-status.ts';
import { createRaces } from '../support/races.ts';
import {
  type Access,
  day,
  needsPostgres,
  newEmail,
  password,
  startService,
  type TestAccount,
} from '../support/service.ts';

const service = await startService(t, { env: { TOKEN_AUDIENCES: 'https://files.example.com' } });
const {
  call,
  at,
  clock,
  db,
  invite,
  logIn,
  mailsTo,
  newAccount,
  newAccountKey,
  newMember,
  newPlatformKey,
  newUser,
  tokenFor,
} = service;

const { whileLocked } = createRaces(service);

const post = (url: string, token: string, body?: object) => call('POST', url, { token, ...(body && { body }) });
const second = 1000;
const in25Seconds = () => new Date(clock().getTime() + 25 * second);

interface CreatedKey {
  id: `key_${string}`;
  secret: string;
  expiresAt: string | null;
}

/** Creates or rotates a key. */
async function createKey(url: string, token: string, body: object): Promise<CreatedKey> {
  const { status, body: created } = await post(url, token, body);
  if (status !== 201) throw new Error(`the key was not created: ${JSON.stringify(created)}`);
  return created;
}
const newKey = (account: TestAccount, token: string, more: object = {}) =>
  createKey(`${account.url}/keys`, token, { name: 'Machine', scopes: ['*'], ...more });
const rotate = (account: TestAccount, token: string, { id }: CreatedKey, overlapSeconds = 0) =>
  createKey(`${account.url}/keys/${id}/rotate`, token, { overlapSeconds });
const revoke = (account: TestAccount, token: string, { id }: { id: string }, body?: object) =>
  post(`${account.url}/keys/${id}/revoke`, token, body);

const platformKeys = '/v1/platform-keys';
const newPlatform = (token: string, more: object = {}) =>
  createKey(platformKeys, token, { name: 'Backend', scopes: ['*'], ...more });
const rotatePlatform = (token: string, { id }: CreatedKey, overlapSeconds = 0) =>
  createKey(`${platformKeys}/${id}/rotate`, token, { overlapSeconds });
const revokePlatform = (token: string, { id }: { id: string }, body?: object) =>
  post(`${platformKeys}/${id}/revoke`, token, body);

const answers = async (account: TestAccount, { secret }: { secret: string }) =>
  (await call('GET', account.url, { token: secret })).status;

const operate = async ({ id }: { id: string }, act: typeof disableUser) =>
  act({ db, now: clock(), logSecurityEvent: () => {} }, await requireUserByName(db, id));
const disable = (user: { id: string }) => operate(user, disableUser);
const enable = (user: { id: string }) => operate(user, enableUser);

t.test('A key that is created with another key', async (t) => {
  t.test(
    'for an account: expires no later than that key and is revoked with it, even if it replaces another key',
    async (t) => {
      const account = await newAccount();
      const { token } = account.owner;
      const peer = await newKey(account, token);
      const calling = await newKey(account, token, { expiresAt: in25Seconds() });
      const rotated = await rotate(account, calling.secret, peer);
      t.equal(rotated.expiresAt, calling.expiresAt);
      t.equal(await answers(account, rotated), 200);
      t.equal((await revoke(account, token, calling)).status, 204);
      t.equal(await answers(account, rotated), 401);
      const short = await newKey(account, token, { expiresAt: new Date(clock().getTime() + 5 * second) });
      const other = await newKey(account, token, { expiresAt: in25Seconds() });
      t.equal(
        (await rotate(account, other.secret, short)).expiresAt,
        short.expiresAt,
        'nor later than the key it replaces',
      );
    },
  );

  t.test('for the platform: expires no later than that key and is revoked with it', async (t) => {
    const operator = await newPlatformKey();
    const account = await newAccount();
    const [peer, calling] = [await newPlatform(operator), await newPlatform(operator, { expiresAt: in25Seconds() })];
    const rotated = await rotatePlatform(calling.secret, peer);
    t.equal(rotated.expiresAt, calling.expiresAt);
    t.equal(await answers(account, rotated), 200);
    await revokePlatform(operator, calling);
    t.equal(await answers(account, rotated), 401);
  });

  t.test(
    'for accounts, with a platform key: is revoked with it in every account, even if created through other keys',
    async (t) => {
      const operator = await newPlatformKey();
      const calling = await newPlatform(operator, { expiresAt: in25Seconds() });
      const child = await newPlatform(calling.secret, { scopes: ['accounts:manage'] });
      const accounts = [await newAccount(), await newAccount()];
      const createdKeys: [TestAccount, CreatedKey][] = [];
      for (const account of accounts) {
        const mine = await newKey(account, account.owner.token);
        const [created, rotated] = [await newKey(account, calling.secret), await rotate(account, calling.secret, mine)];
        const further = await newKey(account, created.secret);
        const byChild = await newKey(account, child.secret);
        for (const it of [created, rotated, further, byChild]) {
          t.equal(it.expiresAt, calling.expiresAt);
          createdKeys.push([account, it]);
        }
      }
      const late = { name: 'Late', scopes: ['*'], expiresAt: new Date(clock().getTime() + day) };
      const refused = await post(`${accounts[0]?.url}/keys`, calling.secret, late);
      t.match(refused, { status: 403, code: 'cannot-grant' });
      const epochs = () => Promise.all(accounts.map((it) => call('GET', `${it.url}/epoch`, { token: operator })));
      const before = await epochs();
      for (const [account, it] of createdKeys) t.equal(await answers(account, it), 200);
      await revokePlatform(operator, calling);
      for (const [account, it] of createdKeys) t.equal(await answers(account, it), 401);
      const after = await epochs();
      t.ok(
        after.every(({ body }, i) => body.epoch > before[i]?.body.epoch),
        'account tokens requested with them are outdated',
      );
    },
  );

  t.test('rotates itself: its successor keeps its expiry and its creator', async (t) => {
    const account = await newAccount();
    const operator = await newPlatformKey();
    const expiresAt = in25Seconds();
    const creator = await newKey(account, account.owner.token);
    const machine = await newKey(account, creator.secret, { expiresAt });
    const successor = await rotate(account, machine.secret, machine);
    t.equal(successor.expiresAt, machine.expiresAt);
    await revoke(account, account.owner.token, machine);
    t.equal(await answers(account, successor), 200, 'the successor is not revoked with the key it replaced');
    await revoke(account, account.owner.token, creator);
    t.equal(await answers(account, successor), 401);

    const platformCreator = await newPlatform(operator);
    const backend = await newPlatform(platformCreator.secret, { expiresAt });
    const next = await rotatePlatform(backend.secret, backend);
    t.equal(next.expiresAt, backend.expiresAt);
    await revokePlatform(operator, platformCreator);
    t.equal(await answers(account, next), 401);
  });

  t.test('ends with the overlap if that key is rotated', async (t) => {
    const account = await newAccount();
    const operator = await newPlatformKey();
    const start = clock();
    await at(start, async () => {
      const machine = await newKey(account, account.owner.token);
      const child = await newKey(account, machine.secret);
      const grandchild = await newKey(account, child.secret);
      const successor = await rotate(account, account.owner.token, machine, 60);
      const backend = await newPlatform(operator);
      const created = [child, grandchild, await newPlatform(backend.secret), await newKey(account, backend.secret)];
      const next = await rotatePlatform(operator, backend, 60);
      for (const it of created) t.equal(await answers(account, it), 200);
      await at(new Date(start.getTime() + 60 * second), async () => {
        for (const it of created) t.equal(await answers(account, it), 401);
        for (const it of [successor, next]) t.equal(await answers(account, it), 200);
      });
    });
  });

  t.test('ends with the overlap if it rotates that key itself', async (t) => {
    const account = await newAccount();
    const operator = await newPlatformKey();
    const creator = await newKey(account, account.owner.token);
    const child = await newKey(account, creator.secret);
    const rotated = await rotate(account, child.secret, creator, 60);
    t.ok(rotated.expiresAt !== null && new Date(rotated.expiresAt) <= new Date(clock().getTime() + 60 * second));
    const backend = await newPlatform(operator);
    const own = await newPlatform(backend.secret);
    const next = await rotatePlatform(own.secret, backend, 60);
    t.ok(next.expiresAt !== null && new Date(next.expiresAt) <= new Date(clock().getTime() + 60 * second));
  });

  t.test('requests an account token, which expires no later than the key', async (t) => {
    const account = await newAccount();
    const calling = await newKey(account, account.owner.token, { expiresAt: in25Seconds() });
    const body = { audience: 'https://files.example.com' };
    const { body: got } = await post(`${account.url}/token`, calling.secret, body);
    t.ok((decodeJwt(got.accessToken).exp as number) * second <= new Date(calling.expiresAt as string).getTime());
    t.ok(got.expiresIn <= 25);
    const lasting = await newKey(account, account.owner.token);
    t.equal((await post(`${account.url}/token`, lasting.secret, body)).body.expiresIn, 300);
  });
});

t.test('Acting in a user’s name requires that the user is active', async (t) => {
  const all: Access = { allPermissions: true };

  t.test('SQL and TypeScript agree on who is active, and the platform user always is', async (t) => {
    await post('/v1/platform/accounts', await newPlatformKey(), { name: 'Kept', owner: { email: newEmail() } });
    await disable(await newUser());
    const rows = await db.select().from(users);
    const active = await db.select({ id: users.id }).from(users).where(isActiveUserRow(users));
    t.same(
      active.map((it) => it.id).sort(),
      rows
        .filter(isActiveUser)
        .map((it) => it.id)
        .sort(),
    );
    t.ok(rows.some((it) => !isActiveUser(it)) && active.some((it) => it.id === platformUserId));
  });

  t.test('a disabled inviter’s invite cannot be accepted in any way', async (t) => {
    const account = await newAccount();
    const inviter = await newMember(account, all);
    const user = await newUser();
    const { body } = await invite(account, inviter, user.email);
    const token = await tokenFor(user.email, 'invite');
    const newcomer = newEmail();
    await invite(account, inviter, newcomer);
    const register = { name: 'Nina New', password };
    const toRegister = { token: await tokenFor(newcomer, 'invite'), register };
    await disable(inviter);
    const refused = { status: 409, code: 'inviter-cannot-grant' };
    t.match(await post('/v1/invites/accept', user.token, { token }), refused);
    t.match(await post(`/v1/me/invites/${body.id}/accept`, user.token), refused);
    t.match(await post('/v1/invites/accept', '', { token, login: { email: user.email, password } }), refused);
    t.match(await post('/v1/invites/accept', '', toRegister), refused);
    await enable(inviter);
    t.equal(
      (await post('/v1/invites/accept', user.token, { token })).status,
      201,
      'it can be accepted once they are enabled again',
    );
  });

  t.test('no invite or reminder is sent for an inactive inviter, and the delivery status says why', async (t) => {
    const account = await newAccount();
    await call('PATCH', account.url, { body: { settings: { remindDaysBefore: 2 } }, token: account.owner.token });
    for (const [what, stop, resume] of [
      ['disabled', disable, enable],
      ['suspended', setSuspended(account, 'suspend'), setSuspended(account, 'reactivate')],
    ] as const) {
      const inviter = await newMember(account, all);
      const [early, late] = [newEmail(), newEmail()];
      await invite(account, inviter, early);
      t.equal((await mailsTo(early)).length, 1);
      const { body } = await invite(account, inviter, late);
      await stop(inviter);
      t.equal((await mailsTo(late)).length, 0, what);
      const shown = async () =>
        (await call('GET', `${account.url}/invites/${body.id}`, { token: account.owner.token })).body;
      t.match(await shown(), {
        status: 'pending',
        delivery: { event: 'failed', reason: 'The inviter was no longer active when the mail was due.' },
      });
      await at(new Date(clock().getTime() + 6 * day), async () => {
        t.equal((await mailsTo(early)).length, 1, `no reminder for an inviter who is ${what}`);
      });
      t.equal((await post(`${account.url}/invites/${body.id}/resend`, account.owner.token)).status, 200);
      t.equal((await mailsTo(late)).length, 1, 'an active member resends the invite, and the mail is sent');
      await resume(inviter);
    }
  });

  t.test('a disabled user can neither offer nor be offered ownership', async (t) => {
    const account = await newAccount();
    const { owner } = account;
    const member = await newMember(account, all);
    const [deputy, again] = [await newMember(account, all), await newMember(account, all)];
    const url = `${account.url}/ownership-transfer`;
    const offer = () => post(url, owner.token, { userId: member.id });
    const isShown = async () =>
      (await call('GET', account.url, { token: deputy.token })).body.ownershipTransfer !== null;
    const offers = async () => (await mailsTo(member.email)).filter((it) => /ownership/.test(it.subject)).length;
    await disable(member);
    t.match(await offer(), { status: 409, code: 'member-suspended' });
    await enable(member);
    t.equal((await offer()).status, 201);
    await disable(owner);
    t.equal(await offers(), 0, 'no mail in the name of a disabled owner');
    t.match(await post(`${url}/accept`, await logIn(member)), { status: 404, code: 'not-found' });
    t.equal(await isShown(), false);
    await enable(owner);
    t.equal(await isShown(), true);
    t.equal(
      (await post(`${url}/accept`, await logIn(member))).status,
      200,
      'it can be accepted once they are enabled again',
    );

    await post(url, await logIn(member), { userId: again.id });
    await disable(again);
    t.equal(
      (await mailsTo(again.email)).filter((it) => /ownership/.test(it.subject)).length,
      0,
      'no mail to a disabled member',
    );
    t.equal(await isShown(), false);
  });

  t.test('checks and explanations show that a disabled user may do nothing', async (t) => {
    const account = await newAccount();
    const member = await newMember(account, all);
    const { token } = account.owner;
    const explained = async () =>
      (await call('GET', `${account.url}/members/${member.id}/permissions`, { token })).body.items.length;
    const check = async () =>
      (await call('GET', `${account.url}/check?userId=${member.id}&permission=members:read`, { token })).body.allowed;
    t.ok((await explained()) > 0 && (await check()));
    await disable(member);
    t.same([await explained(), await check()], [0, false]);
  });

  t.test('a disabled user’s keys are refused, and the platform cannot create anything in their name', async (t) => {
    const account = await newAccount();
    const platform = await newPlatformKey('accounts:manage');
    const key = await newKey(account, account.owner.token);
    const pending = await invite(account, account.owner, newEmail());
    await disable(account.owner);
    t.equal(await answers(account, key), 401);
    t.match(await post(`${account.url}/token`, key.secret, { audience: 'https://files.example.com' }), { status: 401 });
    t.equal(
      (await call('GET', `${account.url}/members`, { token: platform })).status,
      200,
      'the platform can still read the account',
    );
    const refused = { status: 403, code: 'user-disabled' };
    const invites = `${account.url}/invites`;
    t.match(await post(invites, platform, { email: newEmail(), access: { permissions: [] } }), refused);
    t.match(await post(`${invites}/${pending.body.id}/resend`, platform), refused);
    const change = await call('PATCH', `${invites}/${pending.body.id}`, { body: { message: 'Hi' }, token: platform });
    t.match(change, refused);
    t.match(await post(`${account.url}/keys`, platform, { name: 'x', scopes: ['*'] }), refused);
    t.match(await post(`${account.url}/keys/${key.id}/rotate`, platform, { overlapSeconds: 0 }), refused);
    t.equal((await post(`${invites}/${pending.body.id}/revoke`, platform)).status, 200);
  });
});

function setSuspended(account: TestAccount, what: 'suspend' | 'reactivate') {
  return ({ id }: { id: string }) => post(`${account.url}/members/${id}/${what}`, account.owner.token);
}

t.test('A platform key that rotates itself does not outlive its creator', { skip: needsPostgres() }, async (t) => {
  const account = await newAccount();
  const operator = await newPlatformKey();
  for (const revokeCreator of [
    (creator: CreatedKey) => revokePlatform(operator, creator),
    (creator: CreatedKey) => post(`${platformKeys}/${creator.id}/rotate`, operator, { overlapSeconds: 0 }),
  ]) {
    const creator = await newPlatform(operator);
    const key = await newPlatform(creator.secret);
    const row = { statement: 'select from platform_keys where id = $1 for update', values: [uuidOf('key', key.id)] };
    const pending = await whileLocked(row, async (untilWaiting) => {
      const rotating = post(`${platformKeys}/${key.id}/rotate`, key.secret, { overlapSeconds: 0 });
      await untilWaiting(1);
      const revoking = revokeCreator(creator);
      await untilWaiting(2);
      return () => Promise.all([rotating, revoking]);
    });
    const [rotated] = await pending();
    t.equal(rotated.status, 201, 'the rotation came first');
    t.equal(await answers(account, rotated.body), 401);
  }
});

t.test('A change is refused if its credential is revoked while it waits', { skip: needsPostgres() }, async (t) => {
  const lockedCatalogue = { statement: 'select from catalogue for no key update', values: [] };
  const put = (url: string, token: string, body?: object) => call('PUT', url, { token, ...(body && { body }) });
  const patch = (url: string, token: string, body: object) => call('PATCH', url, { token, body });

  const root = await newPlatformKey();
  const { body: preset } = await post('/v1/role-presets', root, { name: newEmail(), permissions: ['invoices:read'] });
  const { body: catalogue } = await call('GET', '/v1/permissions', { token: root });
  const own = catalogue.items.filter((it: { own: boolean }) => !it.own);
  const permissions = own.map(({ own: _, ...it }: { own: boolean }) => it);
  const user = await newUser();
  const lockedUser = {
    statement: 'select from users where id = $1 for no key update',
    values: [uuidOf('usr', user.id as `usr_${string}`)],
  };
  const owner = () => ({ name: 'Hosting', owner: { email: newEmail() } });
  await post('/v1/platform/accounts', root, owner());
  const lockedPlatformUser = { ...lockedUser, values: [uuidOf('usr', platformUserId)] };

  for (const [what, scope, lock, change] of [
    ['the catalogue', 'catalogue:manage', lockedCatalogue, (it: string) => put('/v1/permissions', it, { permissions })],
    [
      'a preset',
      'role-presets:manage',
      lockedCatalogue,
      (it: string) => patch(`/v1/role-presets/${preset.id}`, it, { permissions: ['invoices:pay'] }),
    ],
    [
      'a user',
      'users:manage',
      lockedUser,
      (it: string) => patch(`/v1/platform/users/${user.id}`, it, { externalId: 'customer-1' }),
    ],
    ['an account', 'accounts:create', lockedPlatformUser, (it: string) => post('/v1/platform/accounts', it, owner())],
  ] as const) {
    t.test(`of ${what}, by a platform key`, async (t) => {
      const stolen = await newPlatform(root, { scopes: [scope] });
      const answers = await whileLocked(lock, async (untilWaiting) => {
        // If the revocation waits for the catalogue too, it must come first.
        const isFirst = lock === lockedCatalogue;
        const early = isFirst ? revokePlatform(root, stolen) : undefined;
        if (isFirst) await untilWaiting(1);
        const changes = [1, 2, 3, 4].map(() => change(stolen.secret));
        await untilWaiting(isFirst ? 5 : 4);
        const revocation = early ?? revokePlatform(root, stolen);
        if (!isFirst) await revocation;
        return { changes, revocation };
      });
      t.equal((await answers.revocation).status, 204);
      t.same(
        (await Promise.all(answers.changes)).map((it) => it.status),
        [401, 401, 401, 401],
      );
    });
  }

  t.test('of sessions, by a session that was ended', async (t) => {
    const owner = await newUser();
    const stolen = await logIn(owner);
    const current = async () => (await call('GET', '/v1/me/sessions', { token: owner.token })).body.items;
    const stolenId = decodeJwt(stolen).sid as string;
    const lock = { ...lockedUser, values: [uuidOf('usr', owner.id as `usr_${string}`)] };
    const answers = await whileLocked(lock, async (untilWaiting) => {
      const ending = [1, 2, 3].map(() => call('DELETE', `/v1/me/sessions/${stolenId}`, { token: owner.token }));
      await untilWaiting(3);
      const changes = [1, 2].map(() => call('DELETE', '/v1/me/sessions', { token: stolen }));
      await untilWaiting(5);
      return { ending, changes };
    });
    t.equal((await Promise.all(answers.ending)).filter((it) => it.status === 204).length, 1);
    t.same(
      (await Promise.all(answers.changes)).map((it) => it.status),
      [401, 401],
    );
    t.equal((await current()).length, 1, 'the owner is still logged in');
  });

  t.test('of a resource, by a member who was suspended', async (t) => {
    const account = await newAccount();
    const member = await newMember(account, { permissions: ['resources:manage'] });
    const url = `${account.url}/resources/case/c1`;
    t.equal((await put(url, account.owner.token)).status, 200);
    const lock = {
      statement: 'select from resources where account_id = $1 for update',
      values: [uuidOf('acc', account.id as `acc_${string}`)],
    };
    const removal = call('DELETE', `${account.url}/members/${member.id}`, { token: account.owner.token });
    t.equal((await removal).status, 204);
    const changes = await whileLocked(lock, async (untilWaiting) => {
      const other = await newMember(account, { permissions: ['resources:manage'] });
      const waiting = [1, 2, 3].map(() => call('DELETE', url, { token: other.token }));
      await untilWaiting(3);
      const suspend = post(`${account.url}/members/${other.id}/suspend`, account.owner.token);
      t.equal((await suspend).status, 200);
      return waiting;
    });
    t.same(
      (await Promise.all(changes)).map((it) => it.status),
      [404, 404, 404],
    );
    const { body } = await call('GET', `${account.url}/resources/case`, { token: account.owner.token });
    t.equal(body.items.length, 1, 'the resource is still registered');
  });
});

t.test(
  'The revocation of a platform key waits for a change in an account that the key has begun',
  { skip: needsPostgres() },
  async (t) => {
    const root = await newPlatformKey();
    const account = await newAccount();
    const member = await newMember(account, { permissions: [] });
    const stolen = await newPlatform(root, { scopes: ['accounts:manage'] });
    const lock = {
      statement: 'select from memberships where account_id = $1 and user_id = $2 for key share',
      values: [uuidOf('acc', account.id as `acc_${string}`), uuidOf('usr', member.id as `usr_${string}`)],
    };
    const order: string[] = [];
    const both = await whileLocked(lock, async (untilWaiting) => {
      const removal = call('DELETE', `${account.url}/members/${member.id}`, { token: stolen.secret });
      await untilWaiting(1);
      const revocation = revokePlatform(root, stolen);
      await untilWaiting(2);
      void removal.then((it) => order.push(`removed ${it.status}`));
      void revocation.then((it) => order.push(`revoked ${it.status}`));
      return () => Promise.all([removal, revocation]);
    });
    await both();
    t.same(order, ['removed 204', 'revoked 204']);
  },
);

t.test('An account key does not see an ownership offer to its creator', async (t) => {
  const account = await newAccount();
  const creator = await newMember(account, { permissions: ['keys:manage', 'invoices:read'] });
  const key = await newAccountKey(account, creator, 'invoices:read');
  const offer = { userId: creator.id };
  t.equal((await post(`${account.url}/ownership-transfer`, account.owner.token, offer)).status, 201);
  t.ok((await call('GET', account.url, { token: creator.token })).body.ownershipTransfer);
  t.equal((await call('GET', account.url, { token: key })).body.ownershipTransfer, null);
});

t.test('An account key cannot change a role of its creator', async (t) => {
  const account = await newAccount();
  const permissions = ['invoices:read', 'roles:manage', 'keys:manage'];
  const { body: role } = await post(`${account.url}/roles`, account.owner.token, { name: 'Clerk', permissions });
  const creator = await newMember(account, { roles: [role.id] });
  const key = await newAccountKey(account, creator, ...permissions);
  const change = (token: string) =>
    call('PATCH', `${account.url}/roles/${role.id}`, { body: { permissions: ['keys:manage'] }, token });
  t.match(await change(key), { status: 403, code: 'user-required' });
  t.equal((await change(creator.token)).status, 200);
});

t.test('An account key cannot change its creator, by `me` or by id', async (t) => {
  const account = await newAccount();
  const platform = await newPlatformKey();
  const creator = await newMember(account, { allPermissions: true });
  const key = await newAccountKey(account, creator);
  const member = async () => (await call('GET', `${account.url}/members/${creator.id}`, { token: creator.token })).body;
  const before = await member();
  const me = `${account.url}/members/me`;
  const access = { permissions: [] };
  for (const [token, url] of [
    [key, me],
    [platform, me],
    [key, `${account.url}/members/${creator.id}`],
  ] as const) {
    const tries = [
      await call('DELETE', url, { token }),
      await call('PATCH', url, { token, body: { access } }),
      await post(`${url}/suspend`, token),
      await post(`${url}/reactivate`, token),
      await post(`${url}/grants`, token, { grants: [{ permission: 'invoices:read' }] }),
      await call('DELETE', `${url}/grants/grt_01k7z2n4q8e6tbv5xw3c9d0hjm`, { token }),
    ];
    for (const it of tries) t.match(it, { status: 403, code: 'user-required' });
  }
  t.same(await member(), before);
  t.match(
    await call('GET', me, { token: key }),
    { status: 200, body: { user: { id: creator.id } } },
    'the key can read its creator',
  );
});

t.test('An invite records the key with which it was created', async (t) => {
  const access = { permissions: ['members:read'] };

  async function invitesOf(t: Test, account: TestAccount, keys: (string | null)[], token = account.owner.token) {
    const { body } = await call('GET', `${account.url}/invites?limit=100&status=pending`, { token });
    t.same(body.items.map((it: { invitedByKey: string | null }) => it.invitedByKey).sort(), keys.sort());
  }
  const inviteWith = (account: TestAccount, token: string) =>
    post(`${account.url}/invites`, token, { email: newEmail(), access });

  t.test('for account keys and platform keys; changing or resending the invite replaces it', async (t) => {
    const account = await newAccount();
    const operator = await newPlatformKey();
    const [key, other] = [await newKey(account, account.owner.token), await newKey(account, account.owner.token)];
    const platform = await newPlatform(operator);
    for (const { id, secret } of [key, platform]) {
      t.match(await inviteWith(account, secret), { status: 201, body: { invitedByKey: id } });
    }
    const { body } = await inviteWith(account, account.owner.token);
    t.equal(body.invitedByKey, null);
    const url = `${account.url}/invites/${body.id}`;
    const message = { message: 'Hello' };
    t.match(await call('PATCH', url, { token: key.secret, body: message }), { body: { invitedByKey: key.id } });
    t.match(await post(`${url}/resend`, other.secret), { body: { invitedByKey: other.id } });
    t.match(await call('PATCH', url, { token: account.owner.token, body: message }), {
      body: { invitedByKey: null },
    });
    const provisioned = await post('/v1/platform/accounts', platform.secret, {
      name: 'x',
      owner: { email: newEmail() },
    });
    t.equal(provisioned.body.invite.invitedByKey, platform.id);
  });

  t.test(
    'and revoking an account key can also revoke its pending invites and those of keys created with it',
    async (t) => {
      const account = await newAccount();
      const { token } = account.owner;
      const stolen = await newKey(account, token);
      const child = await newKey(account, stolen.secret);
      const other = await newKey(account, token);
      for (const it of [stolen.secret, child.secret, other.secret, token]) await inviteWith(account, it);
      const user = await newUser();
      await post(`${account.url}/invites`, stolen.secret, { email: user.email, access });
      await post('/v1/invites/accept', user.token, { token: await tokenFor(user.email, 'invite') });
      t.equal((await revoke(account, token, stolen)).status, 204, 'without a body only the keys are revoked');
      await invitesOf(t, account, [stolen.id, child.id, other.id, null]);
      t.equal((await revoke(account, token, stolen, {})).status, 204);
      t.match(await revoke(account, token, stolen, { revokeInvites: 'yes' }), { status: 400 });
      t.match(await revoke(account, token, stolen, { andMore: true }), { status: 400 });
      t.equal(
        (await revoke(account, token, stolen, { revokeInvites: true })).status,
        204,
        'even if the key is already revoked',
      );
      await invitesOf(t, account, [other.id, null]);
      const { body } = await call('GET', `${account.url}/members/${user.id}`, { token });
      t.equal(body.status, 'active', 'an accepted invite is not affected');
    },
  );

  t.test('and revoking a platform key can revoke its invites in every account', async (t) => {
    const operator = await newPlatformKey();
    const stolen = await newPlatform(operator);
    const child = await newPlatform(stolen.secret);
    const accounts = [await newAccount(), await newAccount()];
    for (const account of accounts) {
      const ofAccount = await newKey(account, child.secret);
      for (const it of [stolen, child, ofAccount]) await inviteWith(account, it.secret);
      await inviteWith(account, account.owner.token);
    }
    t.equal((await revokePlatform(operator, stolen, { revokeInvites: true })).status, 204);
    for (const account of accounts) await invitesOf(t, account, [null]);
  });
});

t.test(
  'A member with only `invites:manage` can revoke an invite that gives more than they have, but not change it',
  async (t) => {
    const account = await newAccount();
    const manager = await newMember(account, { permissions: ['invites:manage'] });
    const { body } = await invite(account, account.owner, newEmail());
    const url = `${account.url}/invites/${body.id}`;
    const refused = { status: 403, code: 'cannot-grant' };
    t.match(await call('PATCH', url, { token: manager.token, body: { message: 'Hi' } }), refused);
    t.match(await post(`${url}/resend`, manager.token), refused);
    t.match(await post(`${url}/revoke`, manager.token), { status: 200, body: { status: 'revoked' } });
  },
);
