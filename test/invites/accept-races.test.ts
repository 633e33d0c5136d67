import { eq } from 'drizzle-orm';
import t from 'tap';
import { identities, memberships, sessions, users } from '../../src/database/schema.ts';
import { type AccountId, type IdentityId, newId, type SessionId, type UserId, uuidOf } from '../../src/ids/ids.ts';
import { admit, type Facts, findFacts } from '../../src/invites/accepting/accept-store.ts';
import { createRaces, type Lock, untilWaiting } from '../support/races.ts';
import {
  needsPostgres,
  newEmail,
  password,
  startService,
  type TestAccount,
  type TestUser,
} from '../support/service.ts';
import { until } from '../support/until.ts';

const started = await startService(t);
const { call, clock, db, invite, inviteUser, newAccount, newUser } = started;
const { ownTransaction, whileLocked } = createRaces(started);

const access = { permissions: ['invoices:read'] };

/** Sends an invite to a new user with one session. */
async function sentInvite(account: TestAccount) {
  const sent = await inviteUser(account);
  const [session] = await db
    .select()
    .from(sessions)
    .where(eq(sessions.userId, sent.user.id as UserId));
  return { ...sent, sessionId: session?.id as SessionId };
}
type Sent = Awaited<ReturnType<typeof sentInvite>>;

const isMember = async (account: TestAccount, { id }: TestUser) =>
  (await call('GET', `${account.url}/members/${id}`, { token: account.owner.token })).status === 200;

const accountLock = ({ id }: { id: string }): Lock => ({
  statement: 'select from accounts where id = $1 for no key update',
  values: [uuidOf('acc', id as AccountId)],
});

const update = ({ user }: Sent, changes: Partial<typeof users.$inferInsert>) =>
  db
    .update(users)
    .set(changes)
    .where(eq(users.id, user.id as UserId));

/** Changes of an invitee, each on its own: disabling a user here does not end their sessions. */
const changes = {
  disabled: (sent: Sent) => update(sent, { disabledAt: clock() }),
  'given another address': (sent: Sent) => update(sent, { email: newEmail('moved') }),
  'logged out': ({ sessionId }: Sent) =>
    db.update(sessions).set({ endedAt: clock() }).where(eq(sessions.id, sessionId)),
};
type Change = keyof typeof changes;

t.test('An accept is written only if the facts about the invitee are still true', async (t) => {
  const account = await newAccount();
  const accountId = account.id as AccountId;

  async function admits(sent: Sent, by: { sessionId?: SessionId; identityId?: IdentityId }, change: () => unknown) {
    const inviteId = sent.id;
    const userId = sent.user.id as UserId;
    const url = `${account.url}/invites/${inviteId}`;
    const isMailSent = async () => (await call('GET', url, { token: account.owner.token })).body.lastSentAt;
    await until('the mail to be recorded as sent', isMailSent);
    const acceptance = { accountId, inviteId, userId, sessionId: null, identityId: null, isVerified: false, ...by };
    const facts = (await findFacts(db, acceptance, clock())) as Facts;
    t.ok(facts.invitee, 'the invitee was active and logged in');
    await change();
    const member = { ...facts.invite, userId, id: newId('mem'), createdAt: clock() };
    const isAdmitted = await admit(db, acceptance, { facts, member });
    t.equal(await isMember(account, sent.user), isAdmitted);
    return isAdmitted;
  }

  t.equal(
    await sentInvite(account).then((it) => admits(it, { sessionId: it.sessionId }, () => {})),
    true,
    'admitted if nothing changes',
  );
  for (const [what, change] of Object.entries(changes)) {
    const sent = await sentInvite(account);
    t.equal(await admits(sent, { sessionId: sent.sessionId }, () => change(sent)), false, `not admitted if ${what}`);
  }

  const identityId = newId('idn');
  for (const isRemoved of [true, false]) {
    const sent = await sentInvite(account);
    const userId = sent.user.id as UserId;
    const row = { id: identityId, userId, issuer: 'https://login.example.com', subject: 'anna', createdAt: clock() };
    await db.insert(identities).values(row);
    const remove = () => db.delete(identities).where(eq(identities.id, identityId));
    t.equal(
      await admits(sent, { identityId }, isRemoved ? remove : () => {}),
      !isRemoved,
      'admitted unless their identity is removed',
    );
    await remove();
  }
});

const bearer = ({ token, user }: Sent) => call('POST', '/v1/invites/accept', { body: { token }, token: user.token });
const own = ({ id, user }: Sent) => call('POST', `/v1/me/invites/${id}/accept`, { token: user.token });
const login = ({ token, user: { email } }: Sent) =>
  call('POST', '/v1/invites/accept', { body: { token, login: { email, password } } });

const unauthenticated = { status: 401, code: 'unauthenticated' };
const anotherAddress = { status: 403, code: 'invite-for-another-address' };
const loggedIn: [Change, object][] = [
  ['disabled', unauthenticated],
  ['given another address', anotherAddress],
  ['logged out', unauthenticated],
];
const byLogin: [Change, object][] = [
  ['disabled', { status: 403, code: 'user-disabled' }],
  ['given another address', anotherAddress],
];

for (const [way, accept, cases] of [
  ['as the caller', bearer, loggedIn],
  ['by the id of the invite', own, loggedIn],
  ['by logging in', login, byLogin],
] as const) {
  t.test(`An invitee who accepts ${way}`, { skip: needsPostgres() }, async (t) => {
    for (const [what, refusal] of cases) {
      t.test(`and meanwhile is ${what}, is not admitted`, async (t) => {
        const account = await newAccount();
        const sent = await sentInvite(account);
        const answer = await whileLocked(accountLock(account), async (untilWaiting) => {
          const accepting = accept(sent);
          await untilWaiting(1);
          await changes[what](sent);
          return () => accepting;
        });
        t.match(await answer(), refusal);
        t.equal(await isMember(account, sent.user), false);
      });
    }

    t.test('while being disabled, is not admitted', async (t) => {
      const account = await newAccount();
      const sent = await sentInvite(account);
      const answer = await ownTransaction(async (client) => {
        await client.query('update users set disabled_at = now() where id = $1', [
          uuidOf('usr', sent.user.id as UserId),
        ]);
        const accepting = accept(sent);
        await untilWaiting(client, 1);
        await client.query('commit');
        return () => accepting;
      });
      t.match(await answer(), cases[0]?.[1]);
      t.equal(await isMember(account, sent.user), false);
    });
  });
}

t.test(
  'An invitee who accepts while their session is being ended is not admitted',
  { skip: needsPostgres() },
  async (t) => {
    const account = await newAccount();
    const sent = await sentInvite(account);
    const answer = await ownTransaction(async (client) => {
      await client.query('update sessions set ended_at = now() where id = $1', [uuidOf('ses', sent.sessionId)]);
      const accepting = bearer(sent);
      await untilWaiting(client, 1);
      await client.query('commit');
      return () => accepting;
    });
    t.match(await answer(), unauthenticated);
    t.equal(await isMember(account, sent.user), false);
  },
);

t.test('An invitee who declines', { skip: needsPostgres() }, async (t) => {
  const decline = ({ id, user }: Sent) => call('POST', `/v1/me/invites/${id}/decline`, { token: user.token });
  for (const [what, refusal] of [
    ['disabled', unauthenticated],
    ['given another address', { status: 404, code: 'not-found' }],
    ['logged out', unauthenticated],
  ] as [Change, object][]) {
    t.test(`and meanwhile is ${what}, declines nothing`, async (t) => {
      const account = await newAccount();
      const sent = await sentInvite(account);
      const answer = await whileLocked(accountLock(account), async (untilWaiting) => {
        const declining = decline(sent);
        await untilWaiting(1);
        await changes[what](sent);
        return () => declining;
      });
      t.match(await answer(), refusal);
      const { body } = await call('GET', `${account.url}/invites/${sent.id}`, { token: account.owner.token });
      t.equal(body.status, 'pending');
    });
  }
});

t.test('A user who is being disabled cannot create an account', { skip: needsPostgres() }, async (t) => {
  const user = await newUser();
  const answer = await ownTransaction(async (client) => {
    await client.query('update users set disabled_at = now() where id = $1', [uuidOf('usr', user.id as UserId)]);
    const creating = call('POST', '/v1/accounts', { body: { name: 'Example' }, token: user.token });
    await untilWaiting(client, 1);
    await client.query('commit');
    return () => creating;
  });
  t.match(await answer(), unauthenticated);
  t.equal(await db.$count(memberships, eq(memberships.userId, user.id as UserId)), 0);
});

t.test('Revoking a key with its invites also revokes an invite that is being', { skip: needsPostgres() }, async (t) => {
  const account = await newAccount();
  const { token } = account.owner;
  const operator = await started.newPlatformKey();
  const body = { name: 'x', scopes: ['*'] };
  const pending = async () =>
    (await call('GET', `${account.url}/invites?status=pending&limit=100`, { token })).body.items.length;
  const keys: [string, string, string][] = [
    ['of the account', `${account.url}/keys`, token],
    ['of the platform', '/v1/platform-keys', operator],
  ];

  for (const [whose, url, by] of keys) {
    /**
     * Revokes a key while a request with it waits for a lock of the test, then releases the lock.
     */
    async function revokeDuring({ statement, values }: Lock, act: (secret: string) => ReturnType<typeof call>) {
      const { body: key } = await call('POST', url, { body, token: by });
      const answers = await ownTransaction(async (client) => {
        await client.query(statement, values);
        const context = act(key.secret);
        await untilWaiting(client, 1);
        const revoking = call('POST', `${url}/${key.id}/revoke`, { body: { revokeInvites: true }, token: by });
        await Promise.race([revoking, untilWaiting(client, 2)]);
        return [context, revoking].map((it) => () => it);
      });
      return Promise.all(answers.map((it) => it()));
    }

    t.test(`created with a key ${whose}`, async (t) => {
      const sample = await invite(account, account.owner, newEmail(), access);
      const email = newEmail();
      const statement = `insert into invites
        select (jsonb_populate_record(i, jsonb_build_object('id', gen_random_uuid(), 'email', $2::text))).* from invites i where id = $1`;
      const conflict = { statement, values: [uuidOf('inv', sample.body.id), email] };
      const [created, revoked] = await revokeDuring(conflict, (secret) =>
        invite(account, { token: secret } as TestUser, email, access),
      );
      t.same([created?.status, revoked?.status, await pending()], [201, 204, 1]);
      await call('POST', `${account.url}/invites/${sample.body.id}/revoke`, { token });
    });

    t.test(`changed with a key ${whose}`, async (t) => {
      const { body: changed } = await invite(account, account.owner, newEmail(), access);
      const lock = {
        statement: 'select from invites where id = $1 for no key update',
        values: [uuidOf('inv', changed.id)],
      };
      const [edited, revoked] = await revokeDuring(lock, (secret) =>
        call('PATCH', `${account.url}/invites/${changed.id}`, { body: { message: 'Hi' }, token: secret }),
      );
      t.same([edited?.status, revoked?.status, await pending()], [200, 204, 0]);
    });
  }
});
