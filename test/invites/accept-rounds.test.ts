import { sql } from 'drizzle-orm';
import { decodeJwt } from 'jose';
import t, { type Test } from 'tap';
import { disableUser, requireUserByName } from '../../src/platform/operate-users.ts';
import { tally } from '../support/races.ts';
import {
  needsPostgres,
  newEmail,
  startService,
  type TestAccount,
  type TestAnswer,
  type TestUser,
} from '../support/service.ts';

// Races requests on two replicas, in many rounds. The order is random; in every order, the
// responses and the data must agree.
//
//   ROUNDS=100 node build/test/invites/accept-rounds.test.js

t.setTimeout(1_800_000);

const rounds = Number(process.env.ROUNDS ?? 2);

t.test(`Accepts that race other requests, ${rounds} rounds on two replicas`, { skip: needsPostgres() }, async (t) => {
  const one = await startService(t);
  const two = await startService(t, { database: one.choice, keys: one.service.signingKeys });
  const { call, db, clock, inviteUser, newAccount, newMember, newPlatformKey } = one;
  const replicas = [one, two];
  const platform = await newPlatformKey();

  type Sent = Awaited<ReturnType<typeof inviteUser>>;

  let turn = 0;
  /** Calls the replicas in turn. */
  const callNext: typeof call = (...request) => (replicas[turn++ % 2] as typeof one).call(...request);
  const accept = ({ token, user }: Sent) =>
    callNext('POST', '/v1/invites/accept', { body: { token }, token: user.token });
  const isMember = async (account: TestAccount, { id }: TestUser) =>
    (await call('GET', `${account.url}/members/${id}`, { token: account.owner.token })).status === 200;
  const statusOf = async (account: TestAccount, { id }: Sent) =>
    (await call('GET', `${account.url}/invites/${id}`, { token: account.owner.token })).body.status;

  const deadlocks = async () => {
    const { rows } = (await db.execute(
      sql`select deadlocks::int from pg_stat_database where datname = current_database()`,
    )) as unknown as { rows: { deadlocks: number }[] };
    return rows[0]?.deadlocks;
  };

  /** Duration of the last accept, in milliseconds. */
  let lastAccept = 20;

  /** Starts an accept, and another request at a random moment while it runs. */
  async function race(accepting: () => Promise<TestAnswer>, other: () => Promise<TestAnswer>): Promise<TestAnswer[]> {
    const wait = Math.random() * lastAccept;
    const startedAt = performance.now();
    return Promise.all([
      accepting().finally(() => {
        lastAccept = performance.now() - startedAt;
      }),
      new Promise((done) => setTimeout(done, wait)).then(other),
    ]);
  }

  /** Fails unless the response to the accept agrees with the data. */
  async function requireAgreement(
    t: Test,
    account: TestAccount,
    sent: Sent,
    [accepted]: TestAnswer[],
    opponent: string,
  ) {
    const isIn = await isMember(account, sent.user);
    const status = await statusOf(account, sent);
    if (accepted?.status === 201) {
      // Later removals, demotions and changes do not undo it.
      if (!isIn || status !== 'accepted') t.fail(`${opponent}: accepted, but ${status} and member: ${isIn}`);
    } else if (isIn || status === 'accepted') {
      t.fail(`${opponent}: answered ${accepted?.status} ${accepted?.code}, but ${status} and member: ${isIn}`);
    }
    if (accepted && accepted.status >= 500) t.fail(`${opponent}: ${accepted.status} ${accepted.code}`);
  }

  t.test('of 50 accepts of one link, one succeeds', async (t) => {
    for (let round = 0; round < rounds; round += 1) {
      const account = await newAccount();
      const sent = await inviteUser(account);
      const answers = await Promise.all(Array.from({ length: 50 }, () => accept(sent)));
      const counts = tally(answers);
      if (counts[201] !== 1) t.fail(`round ${round}: ${JSON.stringify(counts)}`);
      if (!(await isMember(account, sent.user))) t.fail(`round ${round}: the invitee is not a member`);
    }
    t.pass('one success in each round');
  });

  /** Disables a user like an operator does. */
  async function disable(id: string): Promise<TestAnswer> {
    await disableUser({ db, now: clock(), logSecurityEvent: () => {} }, await requireUserByName(db, id));
    return { status: 200, code: undefined, body: undefined, headers: {} } as TestAnswer;
  }

  const opponents: Record<string, (account: TestAccount, sent: Sent, inviter: TestUser) => () => Promise<TestAnswer>> =
    {
      'the invite is revoked':
        (account, { id }) =>
        () =>
          callNext('POST', `${account.url}/invites/${id}/revoke`, { token: account.owner.token }),
      'the invite is resent':
        (account, { id }) =>
        () =>
          callNext('POST', `${account.url}/invites/${id}/resend`, { token: account.owner.token }),
      'the invite is changed':
        (account, { id }) =>
        () =>
          callNext('PATCH', `${account.url}/invites/${id}`, {
            body: { access: { permissions: ['domains:read'] } },
            token: account.owner.token,
          }),
      'the inviter is removed':
        (account, _, { id }) =>
        () =>
          callNext('DELETE', `${account.url}/members/${id}`, { token: account.owner.token }),
      'the inviter is demoted':
        (account, _, { id }) =>
        () =>
          callNext('PATCH', `${account.url}/members/${id}`, {
            body: { access: { permissions: ['invites:manage'] } },
            token: account.owner.token,
          }),
      'the inviter is disabled':
        (_account, _sent, { id }) =>
        () =>
          disable(id),
      'the invitee is disabled':
        (_, { user }) =>
        () =>
          disable(user.id),
      'the invitee is logged out':
        (_, { user }) =>
        () =>
          callNext('DELETE', `/v1/me/sessions/${decodeJwt(user.token).sid}`, { token: user.token }),
      'the account is changed': (account) => () =>
        callNext('PATCH', account.url, { body: { name: newEmail('name') }, token: account.owner.token }),
      'a preset is created': () => () =>
        callNext('POST', '/v1/role-presets', {
          body: { name: newEmail('preset'), permissions: ['invoices:read'] },
          token: platform,
        }),
    };
  for (const [what, opponent] of Object.entries(opponents)) {
    t.test(what, async (t) => {
      const before = await deadlocks();
      const seen: Record<string, number> = {};
      for (let round = 0; round < rounds; round += 1) {
        const account = await newAccount();
        const inviter = await newMember(account, { permissions: ['invites:manage', 'invoices:read'] });
        const sent = await inviteUser(account, inviter);
        const answers = await race(() => accept(sent), opponent(account, sent, inviter));
        await requireAgreement(t, account, sent, answers, what);
        const [accepted, other] = answers;
        if (other && other.status >= 500) t.fail(`${what}: ${other.status} ${other.code}`);
        const outcome = `${accepted?.code ?? accepted?.status} / ${other?.code ?? other?.status}`;
        seen[outcome] = (seen[outcome] ?? 0) + 1;
      }
      t.comment(JSON.stringify(seen));
      t.equal(await deadlocks(), before, 'no deadlock');
    });
  }

  t.test('a role of the invite is changed', async (t) => {
    for (let round = 0; round < rounds; round += 1) {
      const account = await newAccount();
      const { token } = account.owner;
      const { body: role } = await call('POST', `${account.url}/roles`, {
        body: { name: 'Role', permissions: ['invoices:read'] },
        token,
      });
      const inviter = await newMember(account, { permissions: ['invites:manage', 'invoices:read'] });
      const sent = await inviteUser(account, inviter, { roles: [role.id] });
      const widen = () =>
        callNext('PATCH', `${account.url}/roles/${role.id}`, { body: { permissions: ['domains:manage'] }, token });
      const answers = await race(() => accept(sent), widen);
      await requireAgreement(t, account, sent, answers, 'role');
    }
    t.pass('responses and data agree in each round');
  });

  t.test('20 people accept into one account at once', async (t) => {
    for (let round = 0; round < Math.ceil(rounds / 10); round += 1) {
      const account = await newAccount();
      const all = [];
      for (let i = 0; i < 20; i += 1) all.push(await inviteUser(account));
      const answers = await Promise.all(all.map(accept));
      t.same(tally(answers), { 201: 20 }, 'all succeed');
    }
  });
});
