import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import t, { type Test } from 'tap';
import { type AccountId, type InviteId, newId, type UserId, uuidOf } from '../../src/ids/ids.ts';
import { admit, type Facts, findFacts } from '../../src/invites/accepting/accept-store.ts';
import { createRaces, type Lock, tally, untilWaiting } from '../support/races.ts';
import {
  type Access,
  day,
  isPostgres,
  needsPostgres,
  newEmail,
  password,
  startService,
  type TestAccount,
  type TestAnswer,
  type TestUser,
} from '../support/service.ts';
import { until } from '../support/until.ts';

const statements: string[] = [];
const logged = { statements: { logQuery: (it: string) => void statements.push(it) } };
const started = await startService(t, logged);
const { call, newAccount, newAccountKey, newMember, newPlatformKey, newUser } = started;
const { invite, inviteUser, memberIds, listAll, tokenFor, logIn, at, clock, choice, db } = started;

const { meet, ownTransaction } = createRaces(started);

type Request = () => Promise<TestAnswer>;

const only = (...permissions: string[]): Access => ({ permissions });
const all: Access = { allPermissions: true };
const invoices = only('invoices:read');

const accountLock = ({ id }: { id: string }): Lock => ({
  statement: 'select from accounts where id = $1 for no key update',
  values: [uuidOf('acc', id as never)],
});
const inviteLocks = (ids: string[]): Lock => ({
  statement: 'select from invites where id = any($1) for no key update',
  values: [ids.map((id) => uuidOf('inv', id as never))],
});
const inviteLock = (id: string) => inviteLocks([id]);

/** Another pending invite for an address, which blocks the address until it is rolled back. */
const conflictingInvite = (like: string, email: string): Lock => ({
  statement: `insert into invites
    select (jsonb_populate_record(i, jsonb_build_object('id', gen_random_uuid(), 'email', $2::text))).* from invites i where id = any($1)`,
  values: [...inviteLock(like).values, email],
});

/** Runs a race in both orders of arrival. */
function inBothOrders(
  t: Test,
  title: string,
  race: (t: Test, order: <T>(first: T, second: T) => [T, T]) => Promise<void>,
): void {
  t.test(title, async (t) => {
    await t.test('in one order', (t) => race(t, (first, second) => [first, second]));
    await t.test('in the other order', (t) => race(t, (first, second) => [second, first]));
  });
}

/** Races two requests in an order. Returns the responses in the order of the arguments. */
async function pair(
  hold: Lock,
  order: <T>(first: T, second: T) => [T, T],
  first: Request,
  second: Request,
): Promise<[TestAnswer, TestAnswer]> {
  const [a, b] = await meet(hold, ...order(first, second));
  return order(a as TestAnswer, b as TestAnswer);
}

const accept = ({ token, user }: { token: string; user: TestUser }) =>
  call('POST', '/v1/invites/accept', { body: { token }, token: user.token });

const act = (account: TestAccount, id: string, what: 'revoke' | 'resend') =>
  call('POST', `${account.url}/invites/${id}/${what}`, { token: account.owner.token });

const get = async (account: TestAccount, id: string) =>
  (await call('GET', `${account.url}/invites/${id}`, { token: account.owner.token })).body;

const remove = (account: TestAccount, by: TestUser, { id }: TestUser) =>
  call('DELETE', `${account.url}/members/${id}`, { token: by.token });

const setAccess = (account: TestAccount, by: TestUser, { id }: TestUser, access: Access) =>
  call('PATCH', `${account.url}/members/${id}`, { body: { access }, token: by.token });

const isSuccess = (status: number) => status < 300;

t.test('More invitees than may wait for a lock can accept into one account at once', async (t) => {
  const account = await newAccount();
  const sent = await Promise.all(Array.from({ length: 60 }, () => inviteUser(account)));
  const answers = await Promise.all(sent.map(accept));
  t.same(tally(answers), { 201: 60 });
  t.same((await memberIds(account)).sort(), [account.owner.id, ...sent.map((it) => it.user.id)].sort());
});

t.test('Fifty accepts of one token at once give one success', async (t) => {
  t.test('by a logged-in user', async (t) => {
    const account = await newAccount();
    const sent = await inviteUser(account);
    const answers = await meet(accountLock(account), ...Array.from({ length: 50 }, () => () => accept(sent)));
    t.same(tally(answers), { 201: 1, '409 invite-accepted': 49 });
    t.same(await memberIds(account), [account.owner.id, sent.user.id]);
    t.equal((await get(account, sent.id)).status, 'accepted');
  });

  t.test('by registering', async (t) => {
    const account = await newAccount();
    const email = newEmail();
    const { body } = await invite(account, account.owner, email, invoices);
    const token = await tokenFor(email);
    const register = { name: 'Adam Accountant', password };
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => call('POST', '/v1/invites/accept', { body: { token, register } })),
    );
    t.same(tally(answers), { 201: 1, '409 invite-accepted': 49 });
    t.equal((await memberIds(account)).length, 2);
    t.match(await get(account, body.id), { status: 'accepted', lastAttempt: null });
  });

  t.test('by every way to accept', async (t) => {
    const account = await newAccount();
    const sent = await inviteUser(account);
    const login = { email: sent.user.email, password };
    const answers = await meet(
      accountLock(account),
      () => accept(sent),
      () => call('POST', '/v1/invites/accept', { body: { token: sent.token, login } }),
      () => call('POST', `/v1/me/invites/${sent.id}/accept`, { token: sent.user.token }),
    );
    t.same(tally(answers), { 201: 1, '409 invite-accepted': 2 });
    t.same(await memberIds(account), [account.owner.id, sent.user.id]);
  });
});

t.test('The database allows one pending invite per account and address', async (t) => {
  t.test(
    'of 32 concurrent invites for one address, one is created, and the others are refused with its id',
    async (t) => {
      const account = await newAccount();
      const email = newEmail();
      const spellings = [email, email.toUpperCase(), email.replace('@', '＠')];
      const answers = await Promise.all(
        Array.from({ length: 32 }, (_, i) => invite(account, account.owner, spellings[i % 3] as string, invoices)),
      );
      const made = answers.filter((it) => it.status === 201);
      t.equal(made.length, 1);
      for (const refused of answers.filter((it) => it.status !== 201)) {
        t.match(refused, { status: 409, code: 'invite-already-pending', body: { inviteId: made[0]?.body.id } });
      }
      const items = await listAll(`${account.url}/invites?limit=100`, account.owner.token);
      t.same(
        items.map((it) => it.id),
        [made[0]?.body.id],
      );
    },
  );

  t.test('also if all of them waited for one that was rolled back', { skip: needsPostgres() }, async (t) => {
    const account = await newAccount();
    const email = newEmail();
    const sample = await invite(account, account.owner, newEmail(), invoices);
    const invented = conflictingInvite(sample.body.id, email);
    const create = () => invite(account, account.owner, email, invoices);
    const answers = await meet(invented, ...Array.from({ length: 8 }, () => create));
    t.same(tally(answers), { 201: 1, '409 invite-already-pending': 7 });
    t.equal((await listAll(`${account.url}/invites?limit=100&email=${email}`, account.owner.token)).length, 1);
  });

  t.test(
    'two members who invite the same addresses in opposite orders do not deadlock',
    { skip: needsPostgres() },
    async (t) => {
      const account = await newAccount();
      const other = await newMember(account, all);
      const emails = Array.from({ length: 9 }, newEmail).sort();
      const sample = await invite(account, account.owner, newEmail(), invoices);
      const middle = conflictingInvite(sample.body.id, emails[4] as string);
      // Each comes as far as the one in the middle, with others on the way that the other one has
      // yet to come to.
      const answers = await meet(
        middle,
        () => Promise.all(emails.map((it) => invite(account, account.owner, it, invoices))),
        () => Promise.all(emails.toReversed().map((it) => invite(account, other, it, invoices))),
      );
      t.same(tally(answers.flat()), { 201: 9, '409 invite-already-pending': 9 });
    },
  );

  inBothOrders(t, 'an expired invite is resent while its address is invited again', async (t, order) => {
    const account = await newAccount();
    const { id, user } = await inviteUser(account);
    await at(new Date(clock().getTime() + 8 * day), async () => {
      const owner = { ...account.owner, token: await logIn(account.owner) };
      const [resent, made] = await pair(
        inviteLock(id),
        order,
        () => call('POST', `${account.url}/invites/${id}/resend`, { token: owner.token }),
        () => invite(account, owner, user.email, invoices),
      );
      const other = resent.status === 200 ? made : resent;
      const winner = resent.status === 200 ? id : made.body.id;
      t.same([resent.status, made.status].sort(), resent.status === 200 ? [200, 409] : [201, 409]);
      t.match(other, { code: 'invite-already-pending', body: { inviteId: winner } });
      const pending = await listAll(`${account.url}/invites?limit=9&status=pending`, owner.token);
      t.same(
        pending.map((it) => it.id),
        [winner],
      );
    });
  });

  inBothOrders(t, 'two expired invites for one address are resent', async (t, order) => {
    const account = await newAccount();
    const { id, user } = await inviteUser(account);
    const invites = await at(new Date(clock().getTime() + 8 * day), async () => {
      const owner = { ...account.owner, token: await logIn(account.owner) };
      return [id, (await invite(account, owner, user.email, invoices)).body.id];
    });
    await at(new Date(clock().getTime() + 17 * day), async () => {
      const token = await logIn(account.owner);
      // Marks both as expired, so that neither blocks the other.
      const third = await invite(account, { ...account.owner, token }, user.email, invoices);
      await call('POST', `${account.url}/invites/${third.body.id}/revoke`, { token });
      const resend = (id: string) => () => call('POST', `${account.url}/invites/${id}/resend`, { token });
      const answers = await pair(inviteLocks(invites), order, resend(invites[0]), resend(invites[1]));
      const kept = answers.findIndex((it) => it.status === 200);
      t.same(tally(answers), { 200: 1, '409 invite-already-pending': 1 });
      t.equal(answers[1 - kept]?.body.inviteId, invites[kept], 'the other is refused with its id');
      const pending = await listAll(`${account.url}/invites?limit=9&status=pending`, token);
      t.same(
        pending.map((it) => it.id),
        [invites[kept]],
      );
    });
  });
});

inBothOrders(t, 'An accept races a revoke', async (t, order) => {
  const account = await newAccount();
  const sent = await inviteUser(account);
  const [accepted, revoked] = await pair(
    inviteLock(sent.id),
    order,
    () => accept(sent),
    () => act(account, sent.id, 'revoke'),
  );
  const isIn = (await memberIds(account)).includes(sent.user.id);
  const { status } = await get(account, sent.id);
  if (accepted.status === 201) {
    t.match(revoked, { status: 409, code: 'invite-accepted' });
    t.same([isIn, status], [true, 'accepted']);
  } else {
    t.match(accepted, { status: 410, code: 'invite-revoked' });
    t.match(revoked, { status: 200, body: { status: 'revoked' } });
    t.same([isIn, status], [false, 'revoked']);
  }
});

t.test('A locked row fails only the request that needs it', { skip: needsPostgres() }, async (t) => {
  t.test('an accept of a locked invite fails, and the others succeed', async (t) => {
    const account = await newAccount();
    const [first, a, b] = [await inviteUser(account), await inviteUser(account), await inviteUser(account)];
    const answers = await ownTransaction(async (ofInvite) => {
      const asked = await ownTransaction(async (ofAccount) => {
        await ofAccount.query(accountLock(account).statement, accountLock(account).values);
        const asked = [first, a, b].map(accept);
        await untilWaiting(ofAccount, 1);
        await pause(200);
        await ofInvite.query(inviteLock(b.id).statement, inviteLock(b.id).values);
        return asked.map((it) => () => it);
      });
      return Promise.all(asked.map((it) => it()));
    });
    const members = await memberIds(account);
    t.same(
      answers.map((it) => it.status === 201),
      [first, a, b].map(({ user }) => members.includes(user.id)),
    );
    t.match(answers[2], { status: 503, code: 'unavailable' });
    for (const [i, it] of [first, a, b].entries()) {
      if (answers[i]?.status !== 201) t.equal((await accept(it)).status, 201, 'it succeeds after the lock is released');
    }
  });

  t.test('an invite for an address that is being invited fails, and the others succeed', async (t) => {
    const account = await newAccount();
    const sample = await invite(account, account.owner, newEmail(), invoices);
    const taken = newEmail();
    const invented = conflictingInvite(sample.body.id, taken);
    const answers = await ownTransaction(async (client) => {
      await client.query(invented.statement, invented.values);
      const emails = [newEmail(), taken, ...Array.from({ length: 5 }, newEmail)];
      return Promise.all(emails.map((it) => invite(account, account.owner, it, invoices)));
    });
    t.same(tally(answers), { 201: 6, '503 unavailable': 1 });
  });

  t.test('an invite with an end that cannot be stored is refused, and the others are created', async (t) => {
    const account = await newAccount();
    const ends = [undefined, '9999-12-31T23:59:59-23:59', undefined, '2031-01-01T00:00:00Z'];
    const answers = await Promise.all(
      ends.map((endsAt) => invite(account, account.owner, newEmail(), { ...invoices, ...(endsAt && { endsAt }) })),
    );
    t.same(
      answers.map((it) => it.status),
      [201, 400, 201, 201],
    );
    t.match(answers[1], { code: 'invalid-request', body: { errors: [{ pointer: '/access/endsAt' }] } });
  });
});

t.test('An accept by registering succeeds if the catalogue changes meanwhile', { skip: needsPostgres() }, async (t) => {
  const platform = await newPlatformKey();
  const account = await newAccount();
  const email = newEmail();
  await invite(account, account.owner, email, invoices);
  const token = await tokenFor(email, 'invite');
  const preset = { name: newEmail('preset'), permissions: ['invoices:read'] };
  const answer = await ownTransaction(async (client) => {
    await client.query("insert into users (id, email, name, created_at) values (gen_random_uuid(), $1, 'x', now())", [
      email,
    ]);
    const accepting = call('POST', '/v1/invites/accept', { body: { token, register: { name: 'Adam', password } } });
    await untilWaiting(client, 1);
    t.equal((await call('POST', '/v1/role-presets', { body: preset, token: platform })).status, 201);
    return () => accepting;
  });
  t.equal((await answer()).status, 201);
});

t.test(
  'An invite that is created while ownership is accepted belongs to the new owner',
  { skip: needsPostgres() },
  async (t) => {
    const platform = await newPlatformKey();
    const owner = await newUser();
    const made = await call('POST', '/v1/platform/accounts', {
      body: { name: 'Kept', owner: { email: owner.email } },
      token: platform,
    });
    const { id } = made.body.account;
    const token = await tokenFor(owner.email, 'invite');
    const email = newEmail();
    const taken = conflictingInvite(made.body.invite.id, email);
    const answers = await ownTransaction(async (client) => {
      await client.query(taken.statement, taken.values);
      const body = { email, access: invoices };
      const inviting = call('POST', `/v1/accounts/${id}/invites`, { body, token: platform });
      await untilWaiting(client, 1);
      const accepting = call('POST', '/v1/invites/accept', { body: { token }, token: owner.token });
      await untilWaiting(client, 2);
      return () => Promise.all([inviting, accepting]);
    });
    t.same(
      (await answers()).map((it) => it.status),
      [201, 201],
    );
    const shown = await call('GET', `/v1/accounts/${id}/invites`, { token: owner.token });
    const found = shown.body.items.find((it: { email: string }) => it.email === email);
    t.equal(found.invitedBy.id, owner.id);
  },
);

t.test('An accept races the removal of a permission from the catalogue', { skip: needsPostgres() }, async (t) => {
  const platform = await newPlatformKey();
  const account = await newAccount();
  const listed = await call('GET', '/v1/permissions', { token: account.owner.token });
  const kept = listed.body.items
    .filter((it: { own: boolean }) => !it.own)
    .map(({ own: _, ...it }: { own: boolean }) => it);
  const more = { title: 'More', description: 'More', group: 'more' };
  const declare = (permissions: object[]) =>
    call('PUT', '/v1/permissions?removeInUse=true', { body: { permissions }, token: platform });
  const one = { ...more, key: 'more:one' };
  t.equal((await declare([...kept, one, { ...more, key: 'more:all', implies: ['more:one'] }])).status, 200);
  const inviter = await newMember(account, only('more:all', 'invites:manage'));
  const sent = await inviteUser(account, inviter, only('more:one'));
  await newAccountKey(account, account.owner, 'more:all');
  const keys = { statement: `select from account_keys where 'more:all' = any(scopes) for update`, values: [] };
  const [declared, accepted] = await meet<TestAnswer>(
    keys,
    () => declare([...kept, one]),
    () => accept(sent),
  );
  t.equal(declared?.status, 200);
  t.match(accepted, { status: 409, code: 'inviter-cannot-grant' });
  t.equal((await declare(kept)).status, 200);
});

t.test('An accept writes nothing if the facts changed after they were read', async (t) => {
  const account = await newAccount();
  const accountId = account.id as AccountId;
  const { token } = account.owner;
  const platform = await newPlatformKey();
  const preset = { name: newEmail('preset'), permissions: ['invoices:read'] };
  const changes: [string, boolean, (inviteId: string) => Promise<TestAnswer>][] = [
    ['nothing changes', true, () => call('GET', account.url, { token })],
    ['the account', false, () => call('PATCH', account.url, { body: { name: 'Renamed' }, token })],
    ['the invite', false, (id) => call('PATCH', `${account.url}/invites/${id}`, { body: { message: 'Hi' }, token })],
    ['a preset', false, () => call('POST', '/v1/role-presets', { body: preset, token: platform })],
  ];
  for (const [what, isKept, change] of changes) {
    const { id, user } = await inviteUser(account);
    const inviteId = id as InviteId;
    const userId = user.id as UserId;
    const credential = { sessionId: null, identityId: null, isVerified: true };
    const acceptance = { accountId, inviteId, userId, ...credential };
    await until('the mail to be recorded as sent', async () => (await get(account, id)).lastSentAt);
    const facts = (await findFacts(db, acceptance, clock())) as Facts;
    t.ok((await change(id)).status < 300);
    const member = { ...facts.invite, userId, id: newId('mem'), createdAt: clock() };
    t.equal(await admit(db, acceptance, { facts, member }), isKept, what);
    t.equal((await memberIds(account)).includes(user.id), isKept);
    t.equal((await get(account, id)).status, isKept ? 'accepted' : 'pending');
  }
});

inBothOrders(t, 'An accept races a decline', async (t, order) => {
  const account = await newAccount();
  const sent = await inviteUser(account);
  const [accepted, declined] = await pair(
    inviteLock(sent.id),
    order,
    () => accept(sent),
    () => call('POST', '/v1/invites/decline', { body: { token: sent.token } }),
  );
  const isIn = (await memberIds(account)).includes(sent.user.id);
  const { status } = await get(account, sent.id);
  if (accepted.status === 201) {
    t.match(declined, { status: 409, code: 'invite-accepted' });
    t.same([isIn, status], [true, 'accepted']);
  } else {
    t.match(accepted, { status: 410, code: 'invite-declined' });
    t.match(declined, { status: 200, body: { status: 'declined' } });
    t.same([isIn, status], [false, 'declined']);
  }
});

inBothOrders(t, 'An accept races a resend', async (t, order) => {
  const account = await newAccount();
  const sent = await inviteUser(account);
  const [accepted, resent] = await pair(
    inviteLock(sent.id),
    order,
    () => accept(sent),
    () => act(account, sent.id, 'resend'),
  );
  const isIn = (await memberIds(account)).includes(sent.user.id);
  const { status, sendings } = await get(account, sent.id);
  if (accepted.status === 201) {
    t.match(resent, { status: 409, code: 'invite-accepted' });
    t.same([isIn, status, sendings], [true, 'accepted', 1]);
  } else {
    t.match(accepted, { status: 410, code: 'invite-link-replaced' });
    t.match(resent, { status: 200, body: { sendings: 2 } });
    t.same([isIn, status, sendings], [false, 'pending', 2]);
    const token = await tokenFor(sent.user.email, 'invite');
    t.equal((await accept({ ...sent, token })).status, 201, 'the newer link is valid');
  }
});

inBothOrders(t, 'An accept races a change of the access of the invite', async (t, order) => {
  const account = await newAccount();
  const sent = await inviteUser(account, account.owner, all);
  const [accepted, changed] = await pair(
    inviteLock(sent.id),
    order,
    () => accept(sent),
    () =>
      call('PATCH', `${account.url}/invites/${sent.id}`, { body: { access: invoices }, token: account.owner.token }),
  );
  t.equal(accepted.status, 201);
  const { access } = accepted.body.membership;
  if (changed.status === 200)
    t.same(access, { allPermissions: false, permissions: ['invoices:read'], roles: [], endsAt: null });
  else {
    t.match(changed, { status: 409, code: 'invite-accepted' });
    t.same(access, { allPermissions: true, permissions: [], roles: [], endsAt: null });
  }
  const member = await call('GET', `${account.url}/members/${sent.user.id}`, { token: account.owner.token });
  t.same(member.body.access, access);
});

inBothOrders(t, 'An accept races the removal of the inviter', async (t, order) => {
  const account = await newAccount();
  const inviter = await newMember(account, only('invites:manage', 'invoices:read'));
  const sent = await inviteUser(account, inviter);
  const [accepted, removed] = await pair(
    accountLock(account),
    order,
    () => accept(sent),
    () => remove(account, account.owner, inviter),
  );
  t.equal(removed.status, 204);
  const isIn = (await memberIds(account)).includes(sent.user.id);
  const { status } = await get(account, sent.id);
  if (accepted.status === 201) t.same([isIn, status], [true, 'accepted']);
  else {
    t.match(accepted, { status: 410, code: 'invite-revoked' });
    t.same([isIn, status], [false, 'revoked']);
  }
});

inBothOrders(t, 'An accept races the demotion of the inviter', async (t, order) => {
  const account = await newAccount();
  const inviter = await newMember(account, only('invites:manage', 'invoices:read'));
  const sent = await inviteUser(account, inviter);
  const [accepted, demoted] = await pair(
    accountLock(account),
    order,
    () => accept(sent),
    () => setAccess(account, account.owner, inviter, only('invites:manage')),
  );
  t.equal(demoted.status, 200);
  const isIn = (await memberIds(account)).includes(sent.user.id);
  const isLast = order('accept', 'demote')[0] === 'demote';
  if (isPostgres && isLast) t.equal(accepted.status, 409, 'permissions from before the demotion are not used');
  if (accepted.status === 201) t.ok(isIn);
  else {
    t.match(accepted, { status: 409, code: 'inviter-cannot-grant' });
    t.notOk(isIn);
    t.match(await get(account, sent.id), { status: 'pending', lastAttempt: { reason: 'inviter-cannot-grant' } });
  }
});

t.test('Removing a member revokes the invite that they are creating', { skip: needsPostgres() }, async (t) => {
  const account = await newAccount();
  const inviter = await newMember(account, only('invites:manage', 'invoices:read'));
  const email = newEmail();
  const sample = await invite(account, account.owner, newEmail(), invoices);
  const { statement, values } = conflictingInvite(sample.body.id, email);
  const { making, removing } = await ownTransaction(async (client) => {
    await client.query(statement, values);
    const making = invite(account, inviter, email, invoices);
    await untilWaiting(client, 1);
    const removing = remove(account, account.owner, inviter);
    await untilWaiting(client, 2);
    return { making, removing };
  });
  const made = await making;
  t.equal(made.status, 201, 'it was allowed before the removal');
  t.equal((await removing).status, 204);
  t.equal((await get(account, made.body.id)).status, 'revoked');
  t.same(await memberIds(account), [account.owner.id]);
});

for (const [name, change] of [
  ['change', (url: string, token: string) => call('PATCH', url, { body: { message: 'Hello' }, token })],
  ['resend', (url: string, token: string) => call('POST', `${url}/resend`, { token })],
  ['revoke', (url: string, token: string) => call('POST', `${url}/revoke`, { token })],
] as const) {
  t.test(
    `A member who is removed while they wait to ${name} an invite changes nothing`,
    { skip: needsPostgres() },
    async (t) => {
      const account = await newAccount();
      const member = await newMember(account, only('invites:manage', 'invoices:read'));
      const { body } = await invite(account, account.owner, newEmail(), invoices);
      const hold = accountLock(account);
      const { changing, removing } = await ownTransaction(async (client) => {
        await client.query(hold.statement, hold.values);
        const removing = remove(account, account.owner, member);
        await untilWaiting(client, 1);
        await client.query('select from memberships where user_id = $1 for update', [
          uuidOf('usr', member.id as `usr_${string}`),
        ]);
        const changing = change(`${account.url}/invites/${body.id}`, member.token);
        await untilWaiting(client, 2);
        return { changing, removing };
      });
      // Either order is valid.
      t.equal((await removing).status, 204);
      const { status } = await changing;
      t.ok(status === 404 || status === 200, `answered ${status}`);
      const after = await get(account, body.id);
      const isInviter = after.invitedBy.id === member.id && after.status === 'pending';
      t.notOk(isInviter, 'a removed member is not the inviter of a pending invite');
    },
  );
}

t.test(
  'A login created while its address registers by an invite is not changed',
  { skip: needsPostgres() },
  async (t) => {
    const account = await newAccount();
    const email = newEmail();
    await call('POST', '/v1/auth/register', { body: { email } });
    const verification = await tokenFor(email, 'verify-email');
    const { body } = await invite(account, account.owner, email, invoices);
    const token = await tokenFor(email, 'invite');
    const register = { name: 'Somebody Else', password: 'another long password' };
    const hold = accountLock(account);
    const { accepting } = await ownTransaction(async (client) => {
      await client.query(hold.statement, hold.values);
      const accepting = call('POST', '/v1/invites/accept', { body: { token, register } });
      await untilWaiting(client, 1);
      const chosen = { name: 'Ulla User', password };
      const verified = await call('POST', '/v1/auth/verify-email', { body: { token: verification, ...chosen } });
      t.equal(verified.status, 201);
      return { accepting };
    });
    t.match(await accepting, { status: 409, code: 'login-exists' });
    t.match(await get(account, body.id), { status: 'pending', lastAttempt: { reason: 'login-exists' } });
    const login = await call('POST', '/v1/auth/login', { body: { email, password } });
    t.match(login, { status: 200, body: { user: { name: 'Ulla User' } } });
    t.same(await memberIds(account), [account.owner.id]);
  },
);

t.test('Two members changing each other at once never both succeed', async (t) => {
  const changes: Record<string, (account: TestAccount, by: TestUser, of: TestUser) => Promise<TestAnswer>> = {
    removing: remove,
    demoting: (account, by, of) => setAccess(account, by, of, invoices),
    suspending: (account, by, of) => call('POST', `${account.url}/members/${of.id}/suspend`, { token: by.token }),
  };
  for (const [what, change] of Object.entries(changes)) {
    t.test(what, async (t) => {
      const account = await newAccount();
      const access = only('invoices:read', 'members:manage');
      const [one, other] = [await newMember(account, access), await newMember(account, access)];
      const answers = await meet(
        accountLock(account),
        () => change(account, one, other),
        () => change(account, other, one),
      );
      t.equal(answers.filter((it) => isSuccess(it.status)).length, 1);
      const refused = answers.find((it) => !isSuccess(it.status));
      t.ok(['not-found', 'permission-missing'].includes(String(refused?.code)), `the other gets ${refused?.code}`);
      const winner = answers[0]?.code === undefined ? one : other;
      const seen = await call('GET', `${account.url}/members/me`, { token: winner.token });
      t.match(seen, { status: 200, body: { status: 'active', access } }, 'the first one is unchanged');
    });
  }
});

inBothOrders(t, 'Accepting ownership races the removal of the new owner', async (t, order) => {
  const account = await newAccount();
  const deputy = await newMember(account, all);
  const next = await newMember(account, invoices);
  await call('POST', `${account.url}/ownership-transfer`, { body: { userId: next.id }, token: account.owner.token });
  const [accepted, removed] = await pair(
    accountLock(account),
    order,
    () => call('POST', `${account.url}/ownership-transfer/accept`, { token: next.token }),
    () => remove(account, deputy, next),
  );
  const seen = await call('GET', account.url, { token: account.owner.token });
  const owner = seen.body.ownerId;
  t.equal(seen.body.ownershipTransfer, null);
  t.ok((await memberIds(account)).includes(owner), 'there is an owner, who is a member');
  if (accepted.status === 200) {
    t.match(removed, { status: 409, code: 'owner-protected' });
    t.equal(owner, next.id);
  } else {
    t.match(accepted, { status: 404, code: 'not-found' });
    t.equal(removed.status, 204);
    t.equal(owner, account.owner.id);
  }
});

inBothOrders(t, 'Accepting ownership races the withdrawal of the offer', async (t, order) => {
  const account = await newAccount();
  const next = await newMember(account, invoices);
  await call('POST', `${account.url}/ownership-transfer`, { body: { userId: next.id }, token: account.owner.token });
  const [accepted, ended] = await pair(
    accountLock(account),
    order,
    () => call('POST', `${account.url}/ownership-transfer/accept`, { token: next.token }),
    () => call('DELETE', `${account.url}/ownership-transfer`, { token: account.owner.token }),
  );
  const { body } = await call('GET', account.url, { token: account.owner.token });
  if (accepted.status === 200) {
    t.match(ended, { status: 403, code: 'cannot-grant' }, 'the caller is not the owner any more');
    t.equal(body.ownerId, next.id);
  } else {
    t.equal(ended.status, 204);
    t.equal(body.ownerId, account.owner.id);
  }
});

t.test('A member who is removed while they change another member changes nothing', async (t) => {
  const account = await newAccount();
  const [manager, member] = [await newMember(account, all), await newMember(account, invoices)];
  const [removed, changed] = await meet(
    accountLock(account),
    () => remove(account, account.owner, manager),
    () => setAccess(account, manager, member, all),
  );
  t.equal(removed?.status, 204);
  // The embedded database may run them in the other order.
  if (isPostgres) t.match(changed, { status: 404, code: 'not-found' });
  const { body } = await call('GET', `${account.url}/members/${member.id}`, { token: account.owner.token });
  t.equal(body.access.allPermissions, changed?.status === 200);
});

t.test('Creating an invite does not lock the account', { skip: needsPostgres() }, async (t) => {
  t.test('invites are created while the account is locked', async (t) => {
    const account = await newAccount();
    const manager = await newMember(account, only('invites:manage', 'invoices:read'));
    await ownTransaction(async (client) => {
      const { statement, values } = accountLock(account);
      await client.query(statement, values);
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, i) => invite(account, i % 2 ? manager : account.owner, newEmail(), invoices)),
      );
      t.same(tally(answers), { 201: 20 }, 'all succeeded before the lock was released');
    });
  });

  t.test('a locked account does not block another account', async (t) => {
    const [lockedAccount, free] = [await newAccount(), await newAccount()];
    const sent = await inviteUser(free);
    await ownTransaction(async (client) => {
      await client.query('select from accounts where id = $1 for update', accountLock(lockedAccount).values);
      t.equal((await invite(free, free.owner, newEmail(), invoices)).status, 201);
      t.equal((await accept(sent)).status, 201, 'accepts are not blocked either');
    });
  });

  t.test('two invites for different people in one account do not wait for each other', async (t) => {
    const account = await newAccount();
    const { id } = await inviteUser(account);
    await ownTransaction(async (client) => {
      const { statement, values } = inviteLock(id);
      await client.query(statement, values);
      t.equal((await invite(account, account.owner, newEmail(), invoices)).status, 201);
    });
  });
});

t.test('A request runs few statements', { skip: needsPostgres() }, async (t) => {
  /** How many statements one call runs. */
  async function cost(request: Request): Promise<number> {
    const before = statements.length;
    const { status } = await request();
    if (status >= 300) throw new Error(`answered ${status}`);
    return statements.length - before;
  }

  /** Adds members by SQL. */
  async function grow(account: TestAccount, count: number): Promise<void> {
    await db.execute(sql`
      with made as (
        insert into users (id, email, name, password_hash, created_at)
        select gen_random_uuid(), 'grown-' || gen_random_uuid() || '@example.com', 'Grown Member', '-', now()
        from generate_series(1, ${count}) returning id)
      insert into memberships (account_id, user_id, id, all_permissions, permissions, created_at)
      select ${uuidOf('acc', account.id as never)}, id, gen_random_uuid(), false, '{invoices:read}', now() from made`);
  }

  /** How many statements each call by `ask` runs. */
  async function costs(members: number, ask: typeof call): Promise<Record<string, number>> {
    const account = await newAccount();
    const { token } = account.owner;
    await grow(account, members - 1);
    const sent = await inviteUser(account);
    const email = newEmail();
    await invite(account, account.owner, email, invoices);
    const register = { name: 'Adam Accountant', password };
    const read = (path: string) => cost(() => ask('GET', account.url + path, { token }));
    const post = (url: string, body: object, by?: string) => cost(() => ask('POST', url, { body, token: by }));
    return {
      'create an invite': await post(`${account.url}/invites`, { email: newEmail(), access: invoices }, token),
      'preview an invite': await post('/v1/invites/preview', { token: sent.token }),
      'accept as a user': await post('/v1/invites/accept', { token: sent.token }, sent.user.token),
      'accept by registering': await post('/v1/invites/accept', { token: await tokenFor(email), register }),
      'list members': await read('/members?limit=100'),
      'list invites': await read('/invites?limit=100'),
      'get the account': await read(''),
      'list my accounts': await cost(() => ask('GET', '/v1/me/accounts', { token })),
    };
  }

  const maxStatements = {
    'create an invite': 3,
    'preview an invite': 2,
    'accept as a user': 2,
    'accept by registering': 8,
    'list members': 2,
    'list invites': 2,
    'get the account': 2,
    'list my accounts': 2,
  };
  const small = await costs(3, call);
  for (const [what, count] of Object.entries(maxStatements)) {
    t.ok((small[what] ?? Infinity) <= count, `to ${what} takes ${small[what]} statements, ${count} at most`);
    t.ok((small[what] ?? 0) > 0, 'statements were counted');
  }
  t.same(await costs(60, call), small, 'the same for an account of 60 members as for one of 3');

  t.test('limits that replicas share take one or two more statements', async (t) => {
    const limited = await startService(t, {
      ...logged,
      database: choice,
      keys: started.service.signingKeys,
      env: { RATE_LIMITS: '' },
    });
    // The first count of a minute deletes expired counters.
    await limited.call('POST', '/v1/invites/preview', { body: { token: 'x' } });
    const counted = await costs(3, limited.call);
    const more: Record<string, number> = {
      ...{ 'create an invite': 1, 'preview an invite': 2, 'accept as a user': 2, 'accept by registering': 2 },
    };
    for (const [what, count] of Object.entries(small)) {
      t.equal(counted[what], count + (more[what] ?? 0), `to ${what} takes ${counted[what]} statements`);
    }
  });
});
