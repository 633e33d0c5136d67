import { sql } from 'drizzle-orm';
import { decodeJwt } from 'jose';
import t, { type Test } from 'tap';
import { disableUser, requireUserNamed } from '../../src/platform/operate-users.ts';
import { tally } from '../support/races.ts';
import { needsPostgres, newEmail, startService, type TestUser } from '../support/service.ts';

// Requests that race each other at full speed, on two replicas, in many rounds. What may come first
// is left to chance: whatever it is, the answers and the data must agree.
//
//   ROUNDS=100 node build/test/invites/accept-rounds.test.js

t.setTimeout(1_800_000);

const rounds = Number(process.env.ROUNDS ?? 2);

t.test(`accepts against everything, ${rounds} rounds on two replicas`, { skip: needsPostgres() }, async (t) => {
  const one = await startService(t);
  const two = await startService(t, { database: one.choice, keys: one.service.signingKeys });
  const { call, db, clock, invite, newAccount, newMember, newPlatformKey, newUser, tokenFor } = one;
  const replicas = [one, two];
  const platform = await newPlatformKey();

  type Account = Awaited<ReturnType<typeof newAccount>>;
  type Answer = Awaited<ReturnType<typeof call>>;
  type Sent = Awaited<ReturnType<typeof sentInvite>>;

  const access = { permissions: ['invoices:read'] };

  async function sentInvite(account: Account, by = account.owner, given: object = access) {
    const user = await newUser();
    const { body } = await invite(account, by, user.email, given as typeof access);
    return { id: body.id as string, user, token: await tokenFor(user.email, 'invite') };
  }

  let turn = 0;
  /** The same request on one replica after the other. */
  const on: typeof call = (...request) => (replicas[turn++ % 2] as typeof one).call(...request);
  const accept = ({ token, user }: Sent) => on('POST', '/v1/invites/accept', { body: { token }, token: user.token });
  const isMember = async (account: Account, { id }: TestUser) =>
    (await call('GET', `${account.url}/members/${id}`, { token: account.owner.token })).status === 200;
  const statusOf = async (account: Account, { id }: Sent) =>
    (await call('GET', `${account.url}/invites/${id}`, { token: account.owner.token })).body.status;

  const deadlocks = async () => {
    const { rows } = (await db.execute(
      sql`select deadlocks::int from pg_stat_database where datname = current_database()`,
    )) as unknown as { rows: { deadlocks: number }[] };
    return rows[0]?.deadlocks;
  };

  /** Milliseconds that the last accept took. */
  let lastAccept = 20;

  /** An accept, and another request that begins at a random moment of it. */
  async function raced(accepting: () => Promise<Answer>, other: () => Promise<Answer>): Promise<Answer[]> {
    const wait = Math.random() * lastAccept;
    const begun = performance.now();
    return Promise.all([
      accepting().finally(() => {
        lastAccept = performance.now() - begun;
      }),
      new Promise((done) => setTimeout(done, wait)).then(other),
    ]);
  }

  /** What an accept and its opponent came to, in a round. */
  async function requireAgreement(t: Test, account: Account, sent: Sent, [accepted]: Answer[], opponent: string) {
    const isIn = await isMember(account, sent.user);
    const status = await statusOf(account, sent);
    if (accepted?.status === 201) {
      // A removed inviter, a demotion or a change may come after it, but nothing undoes it.
      if (!isIn || status !== 'accepted') t.fail(`${opponent}: accepted, but ${status} and member: ${isIn}`);
    } else if (isIn || status === 'accepted') {
      t.fail(`${opponent}: answered ${accepted?.status} ${accepted?.code}, but ${status} and member: ${isIn}`);
    }
    if (accepted && accepted.status >= 500) t.fail(`${opponent}: ${accepted.status} ${accepted.code}`);
  }

  t.test('fifty accepts of one link', async (t) => {
    for (let round = 0; round < rounds; round += 1) {
      const account = await newAccount();
      const sent = await sentInvite(account);
      const answers = await Promise.all(Array.from({ length: 50 }, () => accept(sent)));
      const counts = tally(answers);
      if (counts[201] !== 1) t.fail(`round ${round}: ${JSON.stringify(counts)}`);
      if (!(await isMember(account, sent.user))) t.fail(`round ${round}: nobody is in`);
    }
    t.pass('one success each');
  });

  /** What an operator does, as if it were a request. */
  async function disable(id: string): Promise<Answer> {
    await disableUser({ db, now: clock(), logSecurityEvent: () => {} }, await requireUserNamed(db, id));
    return { status: 200, code: undefined, body: undefined, headers: {} } as Answer;
  }

  const opponents: Record<string, (account: Account, sent: Sent, inviter: TestUser) => () => Promise<Answer>> = {
    revoke:
      (account, { id }) =>
      () =>
        on('POST', `${account.url}/invites/${id}/revoke`, { token: account.owner.token }),
    resend:
      (account, { id }) =>
      () =>
        on('POST', `${account.url}/invites/${id}/resend`, { token: account.owner.token }),
    change:
      (account, { id }) =>
      () =>
        on('PATCH', `${account.url}/invites/${id}`, {
          body: { access: { permissions: ['domains:read'] } },
          token: account.owner.token,
        }),
    'inviter removed':
      (account, _, { id }) =>
      () =>
        on('DELETE', `${account.url}/members/${id}`, { token: account.owner.token }),
    'inviter demoted':
      (account, _, { id }) =>
      () =>
        on('PATCH', `${account.url}/members/${id}`, {
          body: { access: { permissions: ['invites:manage'] } },
          token: account.owner.token,
        }),
    'inviter disabled':
      (_account, _sent, { id }) =>
      () =>
        disable(id),
    'invitee disabled':
      (_, { user }) =>
      () =>
        disable(user.id),
    'invitee logged out':
      (_, { user }) =>
      () =>
        on('DELETE', `/v1/me/sessions/${decodeJwt(user.token).sid}`, { token: user.token }),
    'account changed': (account) => () =>
      on('PATCH', account.url, { body: { name: newEmail('name') }, token: account.owner.token }),
    'catalogue touched': () => () =>
      on('POST', '/v1/role-presets', {
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
        const sent = await sentInvite(account, inviter);
        const answers = await raced(() => accept(sent), opponent(account, sent, inviter));
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

  t.test('a role edited', async (t) => {
    for (let round = 0; round < rounds; round += 1) {
      const account = await newAccount();
      const { token } = account.owner;
      const { body: role } = await call('POST', `${account.url}/roles`, {
        body: { name: 'Role', permissions: ['invoices:read'] },
        token,
      });
      const inviter = await newMember(account, { permissions: ['invites:manage', 'invoices:read'] });
      const sent = await sentInvite(account, inviter, { roles: [role.id] });
      const widen = () =>
        on('PATCH', `${account.url}/roles/${role.id}`, { body: { permissions: ['domains:manage'] }, token });
      const answers = await raced(() => accept(sent), widen);
      await requireAgreement(t, account, sent, answers, 'a role');
    }
    t.pass('each agrees');
  });

  t.test('one person accepts many invites, many people one account', async (t) => {
    for (let round = 0; round < Math.ceil(rounds / 10); round += 1) {
      const account = await newAccount();
      const all = [];
      for (let i = 0; i < 20; i += 1) all.push(await sentInvite(account));
      const answers = await Promise.all(all.map(accept));
      t.same(tally(answers), { 201: 20 }, 'nobody stands in the way of another');
    }
  });
});
