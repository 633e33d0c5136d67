import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { Redis } from 'ioredis';
import t, { type Test } from 'tap';
import { uuidOf } from '../../src/ids/ids.ts';
import { createTestWorker } from '../support/outbox.ts';
import {
  type Access,
  day,
  freshDatabase,
  isPostgres,
  needsPostgres,
  newEmail,
  password,
  startService,
  type TestAccount,
  type TestAnswer,
  type TestService,
  type TestServiceOptions,
  type TestUser,
} from '../support/service.ts';
import { until } from '../support/until.ts';

const minute = 60_000;
const invoices: Access = { permissions: ['invoices:read'] };
const wrongPassword = 'not the password at all';

/** A service whose rate limits are counted in its database. */
async function start(t: Test, options: TestServiceOptions) {
  const database = options.database ?? (await freshDatabase(t));
  const env = { ...options.env, ...(database.kind === 'postgres' && { DATABASE_URL: database.url }) };
  return startService(t, { ...options, database, env, passwordCost: 'recommended' });
}

let networks = 0;

/** The headers of a request that a local proxy forwards from a new IPv4 address. */
function elsewhere() {
  networks += 1;
  return from(`10.${networks >> 16}.${(networks >> 8) & 255}.${networks & 255}`);
}

const from = (ip: string) => ({ headers: { 'x-forwarded-for': ip } });

/** Counts the answers by status, or by problem code if they were refused. */
function tally(answers: TestAnswer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status, code = String(status) } of answers) counts[code] = (counts[code] ?? 0) + 1;
  return counts;
}

/** An answer without its time and request id. */
function comparable({ status, body, headers }: TestAnswer) {
  const { 'x-request-id': _, date: __, ...rest } = headers;
  return { status, body: { ...body, requestId: undefined }, headers: rest };
}

async function inTurn<T>(count: number, act: (i: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let i = 0; i < count; i += 1) results.push(await act(i));
  return results;
}

const loggingIn =
  ({ call }: Pick<TestService, 'call'>) =>
  (email: string, secret = password, where: { headers?: Record<string, string> } = elsewhere()) =>
    call('POST', '/v1/auth/login', { body: { email, password: secret }, ...where });

t.test(
  'Rate limits of logins, registrations and password resets',
  { skip: needsPostgres('the same on either database, once is enough') },
  async (t) => {
    const started = await start(t, { env: { RATE_LIMITS: '', TRUST_PROXY: 'loopback' } });
    const { service, call, at, clock, invite, mailsTo, newAccount, newUser, tokenFor, travel } = started;
    const logIn = loggingIn(started);
    const askReset = (email: string, where = elsewhere()) =>
      call('POST', '/v1/auth/password-reset', { body: { email }, ...where });
    const register = (email: string, where = elsewhere()) =>
      call('POST', '/v1/auth/register', { body: { email }, ...where });
    const atOnce = <T>(act: () => Promise<T>) => at(clock(), act);

    /** Milliseconds of processor time of one hash. */
    async function costOfHash(): Promise<number> {
      const costs = await inTurn(5, () => costOf(() => service.passwords.hash(password)));
      return Math.min(...costs);
    }

    // The embedded database is slower, and fewer attempts show the same.
    const many = isPostgres ? 10_000 : 2_000;

    t.test(`${many} wrong logins for one address from as many networks`, async (t) => {
      const victim = await newUser();
      const home = elsewhere();
      t.equal((await logIn(victim.email, password, home)).status, 200);
      await travel(16 * minute);
      const answers: TestAnswer[] = [];
      const attack = async (times: number) => {
        for (let left = times; left > 0; left -= 100) {
          const wave = Array.from({ length: Math.min(left, 100) }, () => logIn(victim.email, wrongPassword));
          answers.push(...(await Promise.all(wave)));
        }
      };

      await t.test('try only ten passwords; the others are refused without hashing', async (t) => {
        const cost = await costOfHash();
        const spent = await atOnce(() => costOf(() => attack(many)));
        t.same(tally(answers), { 'wrong-credentials': 10, 'too-many-requests': many - 10 });
        t.ok(spent < (many * cost) / 2, `${spent} ms of processor time, where hashing alone would take ${many * cost}`);
        for (const { headers, body, status } of answers.filter((it) => it.code === 'too-many-requests')) {
          const wait = Number(headers['retry-after']);
          if (status !== 429 || wait !== body.retryAfter || wait < 1 || wait > 900) t.fail(`waits ${wait}`);
        }
      });

      await t.test('do not affect the user in a session or on a network of an earlier login', async (t) => {
        t.equal((await logIn(victim.email)).code, 'too-many-requests', 'a login from a new network is refused');
        t.equal((await logIn(victim.email, password, home)).status, 200);
        const { refreshToken } = (await logIn(victim.email, password, home)).body;
        t.equal((await call('POST', '/v1/auth/refresh', { body: { refreshToken }, ...elsewhere() })).status, 200);
      });

      await t.test('do not affect networks of earlier logins; a refresh does not add a network', async (t) => {
        const { refreshToken } = (await logIn(victim.email, password, home)).body;
        const train = elsewhere();
        t.equal((await call('POST', '/v1/auth/refresh', { body: { refreshToken }, ...train })).status, 200);
        t.equal((await logIn(victim.email, password, train)).code, 'too-many-requests');
        t.equal((await logIn(victim.email, password, home)).status, 200);
      });

      await t.test('leave the password reset, after which the user can log in from that network', async (t) => {
        const hotel = elsewhere();
        t.equal((await logIn(victim.email, password, hotel)).code, 'too-many-requests');
        t.equal((await askReset(victim.email, hotel)).status, 202);
        const token = await tokenFor(victim.email, 'password-reset');
        const body = { token, password: 'a new one, chosen in a hurry' };
        t.equal((await call('POST', '/v1/auth/password-reset/confirm', { body, ...hotel })).status, 200);
        t.equal((await logIn(victim.email, body.password, hotel)).status, 200);
        t.equal((await logIn(victim.email, body.password)).code, 'too-many-requests');
      });

      await t.test('try ten more passwords in the next 15 minutes', async (t) => {
        await travel(16 * minute);
        answers.length = 0;
        await atOnce(() => attack(200));
        t.same(tally(answers), { 'wrong-credentials': 10, 'too-many-requests': 190 });
      });
    });

    t.test('login attempts from networks of earlier logins have a separate limit', async (t) => {
      const victim = await newUser();
      const home = from('2001:db8:1:2::1');
      const nextDoor = from('2001:db8:1:2:ffff::9');
      await logIn(victim.email, password, home);
      const guesses = await atOnce(() => inTurn(11, () => logIn(victim.email, wrongPassword, nextDoor)));
      t.same(tally(guesses), { 'wrong-credentials': 10, 'too-many-requests': 1 });
      t.equal((await logIn(victim.email, password, home)).code, 'too-many-requests');
      t.equal((await logIn(victim.email, password, from('2001:db8:1:3::1'))).status, 200);
    });

    t.test('a client cannot choose its network by sending a header', async (t) => {
      const victim = await newUser();
      await logIn(victim.email, password, from('198.51.100.7'));
      const claim = from('198.51.100.7, 203.0.113.9');
      const guesses = await inTurn(11, () => logIn(victim.email, wrongPassword, claim));
      t.same(tally(guesses), { 'wrong-credentials': 9, 'too-many-requests': 2 }, 'the first login counts as well');
      t.equal((await logIn(victim.email, password, from('198.51.100.7'))).status, 200);
    });

    t.test(
      'login attempts for all spellings of an address, and when accepting an invite, count together',
      async (t) => {
        const victim = await newUser();
        const account = await newAccount();
        await invite(account, account.owner, victim.email, invoices);
        const token = await tokenFor(victim.email);
        const spellings = [victim.email, victim.email.toUpperCase(), victim.email.replace('someone', 'SomeOne')];
        const guesses = await inTurn(6, (i) => logIn(spellings[i % 3] as string, wrongPassword));
        const accepts = await inTurn(5, () =>
          call('POST', '/v1/invites/accept', {
            body: { token, login: { email: victim.email, password: wrongPassword } },
            ...elsewhere(),
          }),
        );
        t.same(tally([...guesses, ...accepts]), { 'wrong-credentials': 10, 'too-many-requests': 1 });
        t.ok(accepts.at(-1)?.headers['retry-after']);
      },
    );

    t.test('limits answer the same for known and unknown addresses', async (t) => {
      const known = await newUser();
      const unknown = newEmail();
      const offices = new Map([known.email, unknown].map((it) => [it, elsewhere()]));
      await travel(16 * minute);
      const doors: [string, number, (email: string) => Promise<TestAnswer>][] = [
        ['login', 10, (email) => logIn(email, wrongPassword)],
        ['reset', 5, (email) => askReset(email, offices.get(email))],
        ['register', 5, (email) => register(email, offices.get(email))],
      ];
      for (const [door, max, knock] of doors) {
        const [atKnown, atUnknown] = await atOnce(async () => [
          await inTurn(max + 2, () => knock(known.email)),
          await inTurn(max + 2, () => knock(unknown)),
        ]);
        t.same(atKnown?.map(comparable), atUnknown?.map(comparable), door);
        t.same(
          atKnown?.map((it) => it.code === 'too-many-requests'),
          Array.from({ length: max + 2 }, (_, i) => i >= max),
          door,
        );
      }
    });

    t.test(
      'the mails that one network requests for an address are limited, and other networks are not affected',
      async (t) => {
        const victim = await newUser();
        const home = elsewhere();
        const attacker = elsewhere();
        const before = (await mailsTo(victim.email)).length;
        t.same(tally(await inTurn(8, () => askReset(victim.email, attacker))), { 202: 5, 'too-many-requests': 3 });
        t.same(tally(await inTurn(8, () => register(victim.email, attacker))), { 202: 5, 'too-many-requests': 3 });
        t.equal((await askReset(victim.email, home)).status, 202, 'the answer does not reveal the requests of others');
        t.equal((await register(victim.email, home)).status, 202);
        const mails = await mailsTo(victim.email);
        t.equal(mails.length - before, 5 + 6, 'resets and registrations have separate limits');
      },
    );

    t.test('requests from many networks get the same answer, and the user still gets a valid link', async (t) => {
      const victim = await newUser();
      const unknown = newEmail();
      for (const [ask, kind, window, most] of [
        [askReset, 'password-reset', 15 * minute, 5],
        [register, 'verify-email', 12 * 60 * minute, 10],
      ] as const) {
        const email = kind === 'verify-email' ? unknown : victim.email;
        await travel(25 * 60 * minute);
        const first = clock();
        const before = (await mailsTo(email)).length;
        const answers = await inTurn(most + 5, () => ask(email));
        t.same(
          answers.map(comparable),
          Array(most + 5).fill(comparable(answers[0] as TestAnswer)),
          'all answers are the same',
        );
        t.equal((await mailsTo(email)).length - before, most, 'no more mails are sent than the limit allows');
        const token = await tokenFor(email, kind);
        await at(new Date(first.getTime() + window - minute), async () => {
          t.equal((await ask(email)).status, 202);
          t.equal(
            (await mailsTo(email)).length - before,
            most,
            'no mail is sent while a link is valid for half its lifetime',
          );
          const chosen = { token, password: 'a new one, chosen in a hurry' };
          const [url, body, status] =
            kind === 'verify-email'
              ? (['/v1/auth/verify-email', { ...chosen, name: 'Nina New' }, 201] as const)
              : (['/v1/auth/password-reset/confirm', chosen, 200] as const);
          t.equal((await call('POST', url, { body, ...elsewhere() })).status, status, 'the mailed link works');
        });
      }
    });

    t.test('after a reset link is used, the next request sends a mail again', async (t) => {
      const victim = await newUser();
      await travel(25 * 60 * minute);
      await inTurn(10, () => askReset(victim.email));
      const token = await tokenFor(victim.email, 'password-reset');
      const chosen = { token, password: 'a new one, chosen in a hurry' };
      t.equal((await call('POST', '/v1/auth/password-reset/confirm', { body: chosen, ...elsewhere() })).status, 200);
      const before = (await mailsTo(victim.email)).length;
      t.equal((await askReset(victim.email)).status, 202);
      t.equal((await mailsTo(victim.email)).length, before + 1);
    });

    t.test('one network is limited before the body is read, and other networks are not affected', async (t) => {
      const scanner = elsewhere();
      await travel(2 * minute);
      await atOnce(async () => {
        const tries = await inTurn(101, () => logIn(newEmail(), '', scanner));
        t.same(tally(tries), { 'invalid-request': 100, 'too-many-requests': 1 });
        const { headers } = await logIn(newEmail(), wrongPassword, scanner);
        t.match(headers, { 'retry-after': '60', 'ratelimit-limit': 100, 'ratelimit-remaining': 0 });
        const other = await logIn(newEmail(), wrongPassword);
        t.match([other.code, other.headers['ratelimit-remaining']], ['wrong-credentials', 99]);
      });
    });
  },
);

/** Milliseconds of processor time that `act` takes, in all threads. */
async function costOf(act: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await act();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

t.test('invites', async (t) => {
  const statements: string[] = [];
  const started = await start(t, {
    env: {
      RATE_LIMITS:
        'invites.inviter=4/3600, invites.account=6/7200, mail.recipient=4/86400, mail.sender=2/86400, invites.pair=3/43200, ownership.pair=2/86400, email-change.user=3/3600, accept.invite=6/60',
    },
    statements: { logQuery: (it) => void statements.push(it) },
  });
  const { call, at, clock, db, invite, mailsTo, newAccount, newMember, newUser, tokenFor, logIn } = started;
  const atOnce = <T>(act: () => Promise<T>) => at(clock(), act);
  const resend = (account: TestAccount, by: TestUser, id: string) =>
    call('POST', `${account.url}/invites/${id}/resend`, { token: by.token });

  /** Requires the answer of an exceeded limit with a window of `seconds`. */
  function refusedFor(t: Test, refused: TestAnswer, seconds: number) {
    t.equal(refused.status, 429);
    t.equal(refused.code, 'too-many-requests');
    t.equal(Number(refused.headers['retry-after']), refused.body.retryAfter);
    t.ok(refused.body.retryAfter > seconds - 60 && refused.body.retryAfter <= seconds, `${refused.body.retryAfter} s`);
    t.same(Object.keys(refused.body).sort(), ['code', 'requestId', 'retryAfter', 'status', 'title', 'type']);
  }

  t.test('the invites of one person are limited in all accounts together, resent ones included', async (t) => {
    const account = await newAccount();
    const { owner } = account;
    const { body } = await call('POST', '/v1/accounts', { body: { name: 'Another' }, token: owner.token });
    const other = { url: `/v1/accounts/${body.id}` };
    const first = await invite(account, owner, newEmail());
    await resend(account, owner, first.body.id);
    await invite(other, owner, newEmail());
    const email = newEmail();
    t.equal((await invite(other, owner, newEmail())).status, 201);
    refusedFor(t, await invite(account, owner, email), 3600);
    refusedFor(t, await resend(account, owner, first.body.id), 3600);
    t.equal((await call('GET', `${account.url}/invites/${first.body.id}`, { token: owner.token })).body.sendings, 2);
    const pending = await call('GET', `${account.url}/invites`, { token: owner.token });
    t.equal(pending.body.items.length, 1, 'no invite was created');
    t.same(await mailsTo(email), [], 'no mail was sent');
    const later = new Date(clock().getTime() + 3_601_000);
    const token = await at(later, () => logIn(owner));
    t.equal((await at(later, () => invite(account, { ...owner, token }, email))).status, 201);
  });

  t.test('the invites of one account are limited for all its members together', async (t) => {
    const account = await newAccount();
    const members = [
      await newMember(account, { allPermissions: true }),
      await newMember(account, { allPermissions: true }),
    ];
    const senders = [members[0], members[0], members[1], members[1], account.owner] as TestUser[];
    const sent = await inTurn(4, (i) => invite(account, senders[i] as TestUser, newEmail()));
    t.same(tally(sent), { 201: 4 }, 'two invites were sent before');
    refusedFor(t, await invite(account, account.owner, newEmail()), 7200);
    const other = await newAccount();
    t.equal((await invite(other, other.owner, newEmail())).status, 201);
  });

  t.test('mails that others cause to one address are delayed beyond the limit, and no invite is refused', async (t) => {
    const email = newEmail();
    const began = clock();
    const dayLater = new Date(began.getTime() + 24 * 60 * minute + 1_500);
    const attackers = await inTurn(3, () => newAccount());
    const other = await newAccount('Patient Hosting');
    const stranger = await newUser();
    const first: string[] = [];
    await at(began, async () => {
      for (const { url, owner } of attackers) first.push((await invite({ url }, owner, email)).body.id);
      t.equal((await mailsTo(email)).length, 3);
      const change = { email, currentPassword: password };
      t.equal((await call('POST', '/v1/me/email-change', { body: change, token: stranger.token })).status, 202);
      t.equal((await mailsTo(email)).length, 4, 'all kinds of mail count');
      for (const [i, account] of attackers.entries()) await resend(account, account.owner, first[i] as string);
      t.equal((await mailsTo(email)).length, 4, 'the fifth mail is delayed');
    });
    const { status, body } = await at(began, () => invite(other, other.owner, email.toUpperCase()));
    t.equal(status, 201, 'another account can invite the address');
    await at(began, async () => {
      t.equal((await mailsTo(email)).length, 4);
      const shown = await call('GET', `${other.url}/invites/${body.id}`, { token: other.owner.token });
      t.match(shown.body.delivery, {
        event: 'queued',
        attempts: 0,
        message: 'The mail is delayed. It will be sent automatically.',
      });
      t.match(shown.body.delivery.reason, 'many mails today');
      t.equal((await invite(other, other.owner, newEmail())).status, 201);
    });
    await at(dayLater, async () => {
      const mails = await mailsTo(email);
      t.equal(mails.length, 5, 'after the window, the first mail is from a sender with no mail sent yet');
      t.match(mails[0]?.text, 'Patient Hosting');
    });
    await at(new Date(dayLater.getTime() + 3 * minute), async () => {
      t.equal((await mailsTo(email)).length, 8, 'the other mails follow, up to the limit');
    });
  });

  t.test('a delayed link to confirm an address is valid for a day after its mail is sent', async (t) => {
    const email = newEmail();
    const began = clock();
    const later = (hours: number) => new Date(began.getTime() + hours * 60 * minute + 2_000);
    const stranger = await newUser();
    await at(began, async () => {
      for (const { url, owner } of await inTurn(4, () => newAccount())) await invite({ url }, owner, email);
      t.equal((await mailsTo(email)).length, 4);
      const change = { email, currentPassword: password };
      t.equal((await call('POST', '/v1/me/email-change', { body: change, token: stranger.token })).status, 202);
      t.equal((await mailsTo(email)).length, 4, 'the mail with the link is delayed');
    });
    await at(later(24), async () => t.equal((await mailsTo(email)).length, 5, 'it is sent after the window'));
    const confirm = async () => call('POST', '/v1/auth/email-change/confirm', { body: { token: await link } });
    const link = tokenFor(email, 'email-change');
    await link;
    t.equal((await at(later(48.1), confirm)).code, 'email-change-token-invalid');
    t.equal((await at(later(47.9), confirm)).status, 200);
  });

  t.test('refused attempts are not counted', async (t) => {
    const email = newEmail();
    const account = await newAccount();
    t.equal((await invite(account, account.owner, email)).status, 201);
    const again = await inTurn(9, () => invite(account, account.owner, email));
    t.same(tally(again), { 'invite-already-pending': 9 });
    await Promise.all(Array.from({ length: 20 }, () => invite(account, account.owner, email)));
    t.same(
      tally([await invite(account, account.owner, email)]),
      { 'invite-already-pending': 1 },
      'many at once are not counted either',
    );
    const member = (await call('GET', `${account.url}/members`, { token: account.owner.token })).body.items[0];
    t.same(tally(await inTurn(9, () => invite(account, account.owner, member.user.email))), { 'already-member': 9 });
    const { id } = (await call('GET', `${account.url}/invites`, { token: account.owner.token })).body.items[0];
    t.equal((await resend(account, account.owner, id)).status, 200);
    t.equal((await invite(account, account.owner, newEmail())).status, 201, 'the inviter’s third of four');
  });

  t.test('a mail is not counted if the mail service fails, or if it is obsolete', async (t) => {
    const email = newEmail();
    const accounts = await inTurn(2, () => newAccount());
    const refusing = createTestWorker(started, { transport: async () => ({ outcome: 'deferred', reason: 'later' }) });
    for (const { url, owner } of accounts) await invite({ url }, owner, email);
    for (let i = 0; i < 6; i += 1) {
      await refusing.drain();
      await at(new Date(clock().getTime() + (i + 1) * 61 * minute), () => refusing.drain());
    }
    await at(new Date(clock().getTime() + 9 * 60 * minute), async () => {
      t.equal((await mailsTo(email)).length, 2);
    });
  });

  t.test('ownership offers to one member are limited', async (t) => {
    const account = await newAccount();
    const member = await newMember(account, { allPermissions: true });
    const before = (await mailsTo(member.email)).length;
    const url = `${account.url}/ownership-transfer`;
    const offer = (userId = member.id) => call('POST', url, { body: { userId }, token: account.owner.token });
    const refused = await inTurn(3, () => offer(account.owner.id));
    t.same(tally(refused), { 'invalid-request': 3 }, 'refused offers are not counted');
    for (let i = 0; i < 2; i += 1) {
      t.equal((await offer()).status, 201);
      await mailsTo(member.email);
      t.equal((await call('DELETE', url, { token: account.owner.token })).status, 204);
    }
    refusedFor(t, await offer(), 86_400);
    t.ok((await mailsTo(member.email)).length - before <= 2);
  });

  t.test('the invites of one account to one address are limited', async (t) => {
    const [account, other] = [await newAccount(), await newAccount()];
    const second = await newMember(account, { allPermissions: true });
    const email = newEmail();
    const { body } = await invite(account, account.owner, email);
    t.same(tally(await inTurn(2, () => resend(account, account.owner, body.id))), { 200: 2 });
    refusedFor(t, await resend(account, second, body.id), 43_200);
    refusedFor(t, await invite(account, second, email), 43_200);
    t.equal((await invite(other, other.owner, email)).status, 201);
    t.equal((await mailsTo(email)).length, 2, 'the mails of resent invites replace the first mail');
  });

  t.test('the invites of one person to one address are limited in all accounts together', async (t) => {
    const { owner, ...first } = await newAccount();
    const urls = [first.url];
    for (let i = 0; i < 3; i += 1) {
      const { body } = await call('POST', '/v1/accounts', { token: owner.token, body: { name: 'One More' } });
      urls.push(`/v1/accounts/${body.id}`);
    }
    const email = newEmail();
    const sent = await inTurn(4, (i) => invite({ url: urls[i] as string }, owner, email));
    t.same(tally(sent), { 201: 3, 'too-many-requests': 1 });
  });

  t.test('invites refused for a missing permission are not counted', async (t) => {
    const account = await newAccount();
    const [member, stranger] = [await newMember(account, invoices), await newUser()];
    const email = newEmail();
    const tries = await inTurn(8, (i) => invite(account, i % 2 ? member : stranger, email));
    t.same(tally(tries), { 'permission-missing': 4, 'not-found': 4 });
    t.equal((await invite(account, account.owner, email)).status, 201);
    const id = (await call('GET', `${account.url}/invites`, { token: account.owner.token })).body.items[0].id;
    const again = await inTurn(8, (i) => resend(account, i % 2 ? member : stranger, id));
    t.same(tally(again), { 'permission-missing': 4, 'not-found': 4 });
    t.equal((await resend(account, account.owner, id)).status, 200);
  });

  t.test(
    'previews, accepts and declines of one invite count together, and the invite records no failed attempt',
    async (t) => {
      const account = await newAccount();
      const [email, other] = [newEmail(), newEmail()];
      const { body } = await invite(account, account.owner, email);
      await invite(account, account.owner, other);
      const [token, otherToken] = [await tokenFor(email), await tokenFor(other)];
      const byLink = (what: string, link: string, more: object = {}) =>
        call('POST', `/v1/invites/${what}`, { body: { token: link, ...more } });
      const register = { name: 'Adam', password };
      await atOnce(async () => {
        for (let i = 0; i < 3; i += 1) t.equal((await byLink('preview', `${token}x`)).code, 'invite-token-invalid');
        t.same(tally(await inTurn(6, () => byLink('preview', token))), { 200: 6 });
        refusedFor(t, await byLink('preview', token), 60);
        refusedFor(t, await byLink('accept', token, { register }), 60);
        refusedFor(t, await byLink('decline', token), 60);
        t.equal((await byLink('decline', otherToken)).status, 200);
      });
      const kept = await call('GET', `${account.url}/invites/${body.id}`, { token: account.owner.token });
      t.match(kept.body, { status: 'pending', lastAttempt: null });
      await at(new Date(clock().getTime() + 61_000), async () => {
        t.equal((await byLink('accept', token, { register })).status, 201);
      });
    },
  );

  t.test('failed accepts of one invite are limited', async (t) => {
    const account = await newAccount();
    const email = newEmail();
    await invite(account, account.owner, email);
    const token = await tokenFor(email);
    const accept = () =>
      call('POST', '/v1/invites/accept', { body: { token, login: { email: newEmail(), password: wrongPassword } } });
    const tries = await atOnce(() => inTurn(8, accept));
    t.same(tally(tries), { 'wrong-credentials': 6, 'too-many-requests': 2 });
  });

  t.test('X-Forwarded-For is ignored from a proxy that is not configured', async (t) => {
    const claims = await atOnce(() => inTurn(3, () => loggingIn(started)(newEmail(), wrongPassword)));
    const left = claims.map((it) => Number(it.headers['ratelimit-remaining']));
    t.same(
      left,
      [0, 1, 2].map((i) => (left[0] ?? 0) - i),
    );
  });

  t.test('creating an invite takes the same number of statements with 900 pending invites as with one', async (t) => {
    const costs: string[][] = [];
    for (const pending of [1, 900]) {
      const account = await newAccount();
      const { body } = await invite(account, account.owner, newEmail());
      await addInvitesLike(db, body.id, pending - 1);
      statements.length = 0;
      t.equal((await invite(account, account.owner, newEmail(), invoices)).status, 201);
      costs.push([...statements]);
    }
    t.same(costs[1], costs[0]);
    t.equal(
      costs[0]?.length,
      isPostgres ? 4 : 3,
      'the caller’s access, the catalogue, the invite, and on Postgres two counts',
    );
  });
});

/** Adds copies of a pending invite. */
const addInvitesLike = (db: TestService['db'], id: string, count: number) =>
  db.execute(sql`
    insert into invites
    select (jsonb_populate_record(invite, jsonb_build_object('id', gen_random_uuid(), 'email', i || '-' || invite.email))).*
    from invites invite, generate_series(1, ${count}) i where invite.id = ${uuidOf('inv', id as never)}`);

t.test('the limit on pending invites', async (t) => {
  const { call, at, clock, invite, newAccount, tokenFor, logIn, mailsTo } = await startService(t, {
    env: { PENDING_INVITES_MAX: '3' },
  });
  const act = (account: TestAccount, id: string, what: 'resend' | 'revoke', by = account.owner) =>
    call('POST', `${account.url}/invites/${id}/${what}`, { token: by.token });

  /** An account with three pending invites. */
  async function fullAccount() {
    const account = await newAccount();
    const made = await inTurn(3, () => invite(account, account.owner, newEmail()));
    return { account, made, ids: made.map((it) => it.body.id as string) };
  }

  const eightDaysLater = <T>(account: TestAccount, run: (then: TestAccount) => Promise<T>) =>
    at(new Date(clock().getTime() + 8 * day), async () =>
      run({ ...account, owner: { ...account.owner, token: await logIn(account.owner) } }),
    );

  t.test('refuses another invite and sends no mail', async (t) => {
    const { account, made } = await fullAccount();
    t.same(tally(made), { 201: 3 });
    const email = newEmail();
    const refused = await invite(account, account.owner, email);
    t.equal(refused.status, 409);
    t.equal(refused.code, 'too-many-pending-invites');
    const { body } = await call('GET', `${account.url}/invites`, { token: account.owner.token });
    t.equal(body.items.length, 3);
    t.same(await mailsTo(email), []);
    const other = await newAccount();
    t.equal((await invite(other, other.owner, email)).status, 201, 'other accounts are not affected');
  });

  t.test('is checked after the other obstacles of an invite', async (t) => {
    const { account, made } = await fullAccount();
    const again = await invite(account, account.owner, made[0]?.body.email);
    t.match([again.code, again.body.inviteId], ['invite-already-pending', made[0]?.body.id]);
    t.equal((await invite(account, account.owner, account.owner.email)).code, 'already-member');
  });

  t.test('allows another invite after one is revoked, declined or accepted', async (t) => {
    const { account, made, ids } = await fullAccount();
    const decide: (() => Promise<TestAnswer>)[] = [
      () => act(account, ids[0] as string, 'revoke'),
      async () => call('POST', '/v1/invites/decline', { body: { token: await tokenFor(made[1]?.body.email) } }),
      async () =>
        call('POST', '/v1/invites/accept', {
          body: { token: await tokenFor(made[2]?.body.email), register: { name: 'Adam', password } },
        }),
    ];
    for (const one of decide) {
      t.equal((await invite(account, account.owner, newEmail())).code, 'too-many-pending-invites');
      t.ok((await one()).status < 300);
      t.equal((await invite(account, account.owner, newEmail())).status, 201);
    }
  });

  t.test('does not count expired invites, and counts them again when they are resent', async (t) => {
    const { account, ids, made } = await fullAccount();
    await eightDaysLater(account, async (then) => {
      const same = await invite(then, then.owner, made[0]?.body.email);
      t.equal(same.status, 201, 'an expired invite for the same address is replaced');
      t.equal((await invite(then, then.owner, newEmail())).status, 201);
      t.equal((await act(then, ids[1] as string, 'resend')).status, 200, 'the third');
      t.equal((await act(then, ids[2] as string, 'resend')).code, 'too-many-pending-invites');
      t.equal((await invite(then, then.owner, newEmail())).code, 'too-many-pending-invites');
      t.equal((await act(then, ids[1] as string, 'resend')).status, 200, 'a pending invite can be resent at the limit');
      await act(then, same.body.id, 'revoke');
      t.equal((await act(then, ids[2] as string, 'resend')).status, 200);
    });
  });

  t.test('is off if PENDING_INVITES_MAX is 0', async (t) => {
    const { invite, newAccount } = await startService(t, { env: { PENDING_INVITES_MAX: '0' } });
    const account = await newAccount();
    t.same(tally(await inTurn(8, () => invite(account, account.owner, newEmail()))), { 201: 8 });
  });
});

t.test(
  'replicas on one Postgres count rate limits together',
  { skip: needsPostgres('the embedded database has one process') },
  async (t) => {
    const database = await freshDatabase(t);
    await countTogether(t, await inTurn(2, () => startReplica(t, { database })));
  },
);

const redisUrl = 'redis://127.0.0.1:6379';
const noRedis = (await isRedisThere()) ? false : `no Redis answers at ${redisUrl}`;

t.test('replicas with one Redis and separate databases count rate limits together', { skip: noRedis }, async (t) => {
  const replicas = await inTurn(2, () => startReplica(t, { redis: redisUrl }));
  await until('both to count in Redis', async () => {
    const network = from(randomNetwork());
    const [one, other] = await inTurn(2, (i) => remainingAt(replicas[i] as TestService, randomEmail(), network));
    return one !== other;
  });
  await countTogether(t, replicas);
});

function startReplica(t: Test, { database, redis }: { database?: TestService['choice']; redis?: string }) {
  return start(t, {
    ...(database && { database }),
    env: {
      RATE_LIMITS: 'login.address=10/900, login.network=3/60',
      TRUST_PROXY: 'loopback',
      ...(redis && { REDIS_URL: redis }),
    },
  });
}

async function countTogether(t: Test, replicas: TestService[]) {
  const email = randomEmail();
  const replicaAt = (i: number) => replicas[i % replicas.length] as TestService;
  const guesses = await inTurn(14, (i) => loggingIn(replicaAt(i))(email, wrongPassword, from(randomNetwork())));
  t.same(tally(guesses.slice(0, 10)), { 'wrong-credentials': 10 }, 'counted by address');
  t.same(tally(guesses.slice(10)), { 'too-many-requests': 4 });
  const network = from(randomNetwork());
  const left = await inTurn(3, (i) => remainingAt(replicaAt(i), randomEmail(), network));
  t.same(left, [2, 1, 0], 'counted by network');
  t.equal((await loggingIn(replicaAt(3))(randomEmail(), wrongPassword, network)).code, 'too-many-requests');
}

async function remainingAt(replica: TestService, email: string, where: ReturnType<typeof from>): Promise<number> {
  const { headers } = await loggingIn(replica)(email, wrongPassword, where);
  return Number(headers['ratelimit-remaining']);
}

/** Unique over test runs, since Redis keeps its counts. */
const randomEmail = () => `someone-${randomUUID()}@example.com`;

/** An address in a random IPv6 network of 64 bits. */
function randomNetwork(): string {
  const [a, b, c] = randomUUID().split('-');
  return `2001:${b}:${c}:${a?.slice(0, 4)}::1`;
}

function isRedisThere(): Promise<boolean> {
  const client = new Redis(redisUrl, { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null });
  client.on('error', () => {});
  return client
    .connect()
    .then(
      () => true,
      () => false,
    )
    .finally(() => client.disconnect());
}

t.test('all requests are limited by network, in each replica separately', async (t) => {
  const { call, travel } = await startService(t, { env: { RATE_LIMITS: 'request.network=5/10' } });
  const from = (remoteAddress: string, url = '/problems/not-found') => call('GET', url, { remoteAddress });
  for (let i = 0; i < 5; i++)
    t.match(await from('192.0.2.1', i % 2 ? '/v1/me' : '/problems/not-found'), { status: i % 2 ? 401 : 200 });
  const refused = await from('192.0.2.1');
  t.match(refused, { status: 429, body: { code: 'too-many-requests' } });
  t.ok(Number(refused.headers['retry-after']) <= 10);
  t.match(await from('192.0.2.1', '/v1/me'), { status: 429 }, 'the limit is checked before the credential');
  t.match(await from('192.0.2.1', '/livez'), { status: 200 }, 'GET /livez is not limited');
  t.match(await from('192.0.2.2'), { status: 200 }, 'another network is not affected');
  travel(10_000);
  t.match(await from('192.0.2.1'), { status: 200 }, 'a new window starts');
});
