import { hash } from '@node-rs/argon2';
import { eq } from 'drizzle-orm';
import t, { type Test } from 'tap';
import { refreshTokens, users } from '../../src/database/schema.ts';
import { type SessionId, type UserId, uuidOf } from '../../src/ids/ids.ts';
import { disableUser, requireUserByName } from '../../src/platform/operate-users.ts';
import { sha256 } from '../../src/text/hashes.ts';
import { generateSigningKeys, parseSigningKeys } from '../../src/tokens/keys.ts';
import { deviceName } from '../../src/users/sessions/device.ts';
import { createRaces, type Lock, tally } from '../support/races.ts';
import {
  needsPostgres,
  newEmail,
  password,
  startService,
  type TestAnswer,
  type TestUser,
  testConfig,
} from '../support/service.ts';

const second = 1000;
const minute = 60 * second;
/** The session timeouts in this file, in milliseconds. */
const timeouts = { idle: 30 * minute, absolute: 90 * minute };
const env = {
  TRUST_PROXY: '1',
  SESSION_IDLE_TIMEOUT: String(timeouts.idle / second),
  SESSION_ABSOLUTE_TIMEOUT: String(timeouts.absolute / second),
};

const statements: string[] = [];
const service = await startService(t, {
  env,
  passwordCost: 'recommended',
  statements: { logQuery: (it) => void statements.push(it) },
});
const { app, call, db, clock, choice, newUser, newAccount, invite, tokenFor, listAll, at } = service;
const { meet, whileLocked } = createRaces(service);

const firefox = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0';
const safari =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1';

/** The headers of a client: its `User-Agent`, and the address that the proxy forwards. */
const client = (network: string, userAgent = firefox) => ({ 'user-agent': userAgent, 'x-forwarded-for': network });
const home = client('198.51.100.7');

interface Tokens {
  accessToken: string;
  refreshToken: string;
}

interface MySession {
  id: SessionId;
  isCurrent: boolean;
  device: string;
  network: string;
  createdAt: string;
  lastUsedAt: string;
  expiresAt: string;
}

const logIn = async ({ email }: { email: string }, headers: Record<string, string> = home): Promise<Tokens> => {
  const { body } = await call('POST', '/v1/auth/login', { body: { email, password }, headers });
  return body;
};
const refresh = (refreshToken: string, headers: Record<string, string> = home) =>
  call('POST', '/v1/auth/refresh', { body: { refreshToken }, headers });
const logOut = (refreshToken: string) => call('POST', '/v1/auth/logout', { body: { refreshToken } });
const me = (token: string) => call('GET', '/v1/me', { token });
const list = (token: string) => listAll<MySession>('/v1/me/sessions?limit=100', token);
const end = (id: string, token: string) => call('DELETE', `/v1/me/sessions/${id}`, { token });

/** A user with one session, of the client `home`. */
async function newUserWithSession() {
  const user = await newUser();
  await logOut(user.refreshToken);
  return { user, ...(await logIn(user)) };
}

const findCurrentSession = async (token: string) => (await list(token)).find((it) => it.isCurrent) as MySession;

/** Whether a session is active, by its access token and by its refresh token. */
async function isActive({ accessToken, refreshToken }: Tokens): Promise<boolean> {
  const answers = [await me(accessToken), await refresh(refreshToken)];
  const hasEnded = answers.map((it) => it.code === 'unauthenticated');
  if (hasEnded[0] !== hasEnded[1]) throw new Error(`access ${answers[0]?.status}, refresh ${answers[1]?.status}`);
  return !hasEnded[0];
}

t.test('GET /v1/me/sessions', async (t) => {
  t.test('lists the active sessions of the user, newest first', async (t) => {
    const start = clock();
    const user = await newUser();
    const later = (milliseconds: number) => new Date(start.getTime() + milliseconds);
    await logOut(user.refreshToken);
    const first = await at(start, () => logIn(user, client('198.51.100.7')));
    const other = await at(later(minute), () => logIn(user, client('2001:db8:1:2:3:4:5:6', safari)));

    const { items } = await at(later(2 * minute), async () => {
      const { body } = await call('GET', '/v1/me/sessions', { token: first.accessToken });
      return body as { items: MySession[] };
    });
    t.match(items, [{ id: /^ses_/ }, { id: /^ses_/ }]);
    t.same(
      items.map(({ id: _, ...it }) => it),
      [
        {
          isCurrent: false,
          device: 'Safari on iOS',
          network: '2001:db8:1:2::/64',
          createdAt: later(minute).toISOString(),
          lastUsedAt: later(minute).toISOString(),
          expiresAt: later(minute + timeouts.idle).toISOString(),
        },
        {
          isCurrent: true,
          device: 'Firefox on Windows',
          network: '198.51.100.7',
          createdAt: start.toISOString(),
          lastUsedAt: start.toISOString(),
          expiresAt: later(timeouts.idle).toISOString(),
        },
      ],
    );
    const seenByOther = await at(later(2 * minute), () => list(other.accessToken));
    t.same(
      seenByOther.map((it) => it.isCurrent),
      [true, false],
    );
  });

  t.test('shows the time, network and device of the last refresh', async (t) => {
    const { accessToken, refreshToken } = await newUserWithSession();
    const before = await findCurrentSession(accessToken);
    const later = new Date(clock().getTime() + minute);
    const { body } = await at(later, () => refresh(refreshToken, client('203.0.113.9', safari)));
    t.same(await findCurrentSession(body.accessToken), {
      ...before,
      device: 'Safari on iOS',
      network: '203.0.113.9',
      lastUsedAt: later.toISOString(),
      expiresAt: new Date(later.getTime() + timeouts.idle).toISOString(),
    });
  });

  t.test('is paged', async (t) => {
    const { user, accessToken } = await newUserWithSession();
    for (let i = 0; i < 4; i += 1) await logIn(user);
    const all = await list(accessToken);
    t.equal(all.length, 5);
    const { body } = await call('GET', '/v1/me/sessions?limit=2', { token: accessToken });
    t.same(body, { items: all.slice(0, 2), nextCursor: all[1]?.id });
    t.same(await listAll('/v1/me/sessions?limit=2', accessToken), all);
    t.same(
      all
        .map((it) => it.id)
        .sort()
        .reverse(),
      all.map((it) => it.id),
      'newest first',
    );
  });

  t.test('shows no sessions of other users, and no ended or expired ones', async (t) => {
    const { user, accessToken } = await newUserWithSession();
    await newUserWithSession();
    const mine = await list(accessToken);
    t.equal(mine.length, 1);
    const ended = await logIn(user);
    await logOut(ended.refreshToken);
    t.same(await list(accessToken), mine);

    const old = new Date(clock().getTime() - timeouts.idle);
    await at(old, () => logIn(user));
    t.same(await list(accessToken), mine, 'a session that was unused for too long has expired');
  });

  t.test('shows a device name for every User-Agent', async (t) => {
    const { user, accessToken } = await newUserWithSession();
    for (const [userAgent, words] of [
      ['curl/8.5.0', 'curl'],
      ['', 'Unknown device'],
      ['<script>alert(1)</script>', 'Unknown device'],
      ['x'.repeat(5_000), 'x'.repeat(40)],
    ] as const) {
      await logIn(user, client('192.0.2.1', userAgent));
      t.equal((await list(accessToken))[0]?.device, words, userAgent.slice(0, 40));
    }
    t.ok(deviceName(`${'x'.repeat(250)}/1 `).length <= 200, 'within the maximum length of the schema');
  });

  t.test('ignores forwarded addresses from proxies that are not configured', async (t) => {
    const alone = testConfig();
    t.equal(alone.trustProxy, undefined);
    const { user, accessToken } = await newUserWithSession();
    // One proxy is trusted, so only the last address counts: clients can forge the others.
    await logIn(user, client('203.0.113.66, 192.0.2.44'));
    t.equal((await list(accessToken))[0]?.network, '192.0.2.44');
  });
});

t.test('DELETE /v1/me/sessions/:sessionId', async (t) => {
  t.test('ends one session from its next request on', async (t) => {
    const { user, ...here } = await newUserWithSession();
    const there = await logIn(user);
    const { id } = await findCurrentSession(there.accessToken);
    const { status, body } = await end(id, here.accessToken);
    t.same([status, body], [204, undefined]);
    t.equal((await me(there.accessToken)).code, 'unauthenticated');
    t.equal((await refresh(there.refreshToken)).code, 'unauthenticated');
    t.same(
      (await list(here.accessToken)).map((it) => it.isCurrent),
      [true],
    );
    t.ok(await isActive(here));
  });

  t.test('can end the current session', async (t) => {
    const { user, ...here } = await newUserWithSession();
    const there = await logIn(user);
    const { id } = await findCurrentSession(here.accessToken);
    t.equal((await end(id, here.accessToken)).status, 204);
    t.notOk(await isActive(here));
    t.ok(await isActive(there));
  });

  t.test('responds the same to another user’s session as to an unknown one, and does not end it', async (t) => {
    const { accessToken } = await newUserWithSession();
    const { user: _, ...foreign } = await newUserWithSession();
    const { id } = await findCurrentSession(foreign.accessToken);
    const never = 'ses_01k7z2n4q8e6tbv5xw3c9d0hjm';
    const answers = [];
    for (const it of [id, never, id.toUpperCase(), 'ses_', '1', id.replace('ses_', 'usr_')]) {
      const { status, body } = await end(it, accessToken);
      answers.push({ status, body: { ...body, requestId: '' } });
    }
    t.match(answers[0], { status: 404, body: { code: 'not-found' } });
    for (const answer of answers) t.same(answer, answers[0]);
    t.ok(await isActive(foreign));
  });

  t.test('responds not-found for a session that has ended', async (t) => {
    const { user, accessToken } = await newUserWithSession();
    const there = await logIn(user);
    const { id } = await findCurrentSession(there.accessToken);
    t.equal((await end(id, accessToken)).status, 204);
    t.equal((await end(id, accessToken)).code, 'not-found');
  });

  t.test('ends a session that is being refreshed', async (t) => {
    for (const isFirst of [true, false]) {
      const { user, accessToken } = await newUserWithSession();
      const there = await logIn(user);
      const { id } = await findCurrentSession(there.accessToken);
      const requests = [() => end(id, accessToken), () => refresh(there.refreshToken)];
      const answers = await meet(sessionLock(id), ...(isFirst ? requests : requests.reverse()));
      t.ok(answers.some((it) => it.status === 204));
      const refreshed = answers.find((it) => it.status === 200)?.body ?? there;
      t.notOk(await isActive(refreshed), isFirst ? 'ended first' : 'refreshed first');
    }
  });
});

t.test('DELETE /v1/me/sessions ends all sessions of the user except the current one', async (t) => {
  const { user, ...here } = await newUserWithSession();
  const others = [await logIn(user), await logIn(user, client('192.0.2.9', safari))];
  const { user: _, ...foreign } = await newUserWithSession();
  t.equal((await call('DELETE', '/v1/me/sessions', { token: here.accessToken })).status, 204);
  for (const other of others) t.notOk(await isActive(other));
  t.same(
    (await list(here.accessToken)).map((it) => it.isCurrent),
    [true],
  );
  t.ok(await isActive(here));
  t.ok(await isActive(foreign));
});

t.test('A session ends', async (t) => {
  t.test('by default seven days after its last use, and thirty days after the login', async (t) => {
    const days = 24 * 3600;
    t.same(testConfig().sessionTimeouts, { idle: 7 * days, absolute: 30 * days });
    t.same(testConfig(env).sessionTimeouts, { idle: 30 * 60, absolute: 90 * 60 });
  });

  /**
   * Logs in, and refreshes with the newest token at these minutes after the login.
   * @returns whether each refresh succeeded.
   */
  async function refreshAt(...minutes: number[]): Promise<boolean[]> {
    const { user } = await newUserWithSession();
    const start = clock();
    let { refreshToken } = await at(start, () => logIn(user));
    const successes: boolean[] = [];
    for (const after of minutes) {
      const answer = await at(new Date(start.getTime() + after * minute), () => refresh(refreshToken));
      successes.push(answer.status === 200);
      refreshToken = answer.body.refreshToken ?? refreshToken;
    }
    return successes;
  }

  t.test('when it was not used for the idle timeout', async (t) => {
    t.same(await refreshAt(29.99), [true]);
    t.same(await refreshAt(30), [false]);
  });

  t.test('later after each use', async (t) => {
    t.same(await refreshAt(29, 58, 87), [true, true, true]);
    t.same(await refreshAt(29, 59), [true, false]);
  });

  t.test('at its absolute timeout, however often it is used', async (t) => {
    t.same(await refreshAt(25, 50, 75, 89.99), [true, true, true, true]);
    t.same(await refreshAt(25, 50, 75, 90), [true, true, true, false]);
  });

  t.test('for its access token too, although that has not expired', async (t) => {
    const { user } = await newUserWithSession();
    const start = clock();
    const after = (minutes: number) => new Date(start.getTime() + minutes * minute);
    let tokens = await at(start, () => logIn(user));
    for (const minutes of [25, 50, 75, 85])
      tokens = (await at(after(minutes), () => refresh(tokens.refreshToken))).body;
    t.equal((await at(after(89.9), () => me(tokens.accessToken))).status, 200);
    t.equal((await at(after(90), () => me(tokens.accessToken))).code, 'unauthenticated');
  });

  t.test('at the time that the list shows', async (t) => {
    const { user } = await newUserWithSession();
    const start = clock();
    const after = (milliseconds: number) => new Date(start.getTime() + milliseconds);
    let tokens = await at(start, () => logIn(user));
    const expiries: string[] = [];
    for (const minutes of [20, 40, 65]) {
      tokens = (await at(after(minutes * minute), () => refresh(tokens.refreshToken))).body;
      expiries.push((await at(after(minutes * minute), () => findCurrentSession(tokens.accessToken))).expiresAt);
    }
    t.same(
      expiries,
      [50, 70, 90].map((it) => after(it * minute).toISOString()),
    );
  });
});

t.test('Fifty refreshes with one token at once', async (t) => {
  /** Requires that fifty refreshes succeeded with the same next token. */
  async function requireOneSuccessor(t: Test, answers: TestAnswer[]) {
    t.same(tally(answers), { 200: 50 });
    const next = new Set(answers.map((it) => it.body.refreshToken as string));
    t.equal(next.size, 1, 'all responses contain the same next token');
    const [refreshToken = ''] = next;
    const { id } = await findCurrentSession(answers[0]?.body.accessToken);
    const tokens = await db.select().from(refreshTokens).where(eq(refreshTokens.sessionId, id));
    t.same(
      tokens.filter((it) => it.usedAt === null).map((it) => it.hash),
      [sha256(refreshToken)],
      'it is the only unused token',
    );
    for (const it of answers) t.equal((await me(it.body.accessToken)).status, 200);
    t.equal((await refresh(refreshToken)).status, 200, 'it works');
  }

  t.test('all succeed if they come from one client, and the session stays active', async (t) => {
    const { refreshToken } = await newUserWithSession();
    const requests = Array.from({ length: 50 }, () => () => refresh(refreshToken));
    await requireOneSuccessor(t, await meet(tokenLock(refreshToken), ...requests));
  });

  t.test('all succeed if they reach two replicas', { skip: needsPostgres() }, async (t) => {
    const replica = await startService(t, { env, database: choice, keys: service.service.signingKeys });
    const { refreshToken } = await newUserWithSession();
    const options = { body: { refreshToken }, headers: home };
    const requests = Array.from({ length: 50 }, (_, i) => {
      const { call } = i % 2 === 0 ? service : replica;
      return () => call('POST', '/v1/auth/refresh', options);
    });
    const { meet } = createRaces(service, replica);
    await requireOneSuccessor(t, await meet(tokenLock(refreshToken), ...requests));
  });

  t.test('all succeed during a signing key rotation across replicas', { skip: needsPostgres() }, async (t) => {
    const { current } = service.service.signingKeys;
    const { current: next } = parseSigningKeys(await generateSigningKeys());
    const byKid = new Map([current, next].map((it) => [it.kid, it]));
    const older = await startService(t, { env, database: choice, keys: { current, byKid } });
    const newer = await startService(t, { env, database: choice, keys: { current: next, byKid } });
    for (const order of [
      [older, newer],
      [newer, older],
    ]) {
      const { refreshToken } = await newUserWithSession();
      const answers: TestAnswer[] = [];
      for (const { call } of order) {
        answers.push(await call('POST', '/v1/auth/refresh', { body: { refreshToken }, headers: home }));
      }
      t.same(tally(answers), { 200: 2 });
      const [first, again] = answers.map((it) => it.body.refreshToken);
      t.equal(again, first);
      const last = await newer.call('POST', '/v1/auth/refresh', { body: { refreshToken: again }, headers: home });
      t.equal(last.status, 200);
    }
  });

  t.test('all succeed if they arrive after the next token was used', async (t) => {
    const { refreshToken } = await newUserWithSession();
    const { body: first } = await refresh(refreshToken);
    const { body: newest } = await refresh(first.refreshToken);
    const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(refreshToken)));
    t.same([...new Set(answers.map((it) => it.body.refreshToken))], [newest.refreshToken]);
    await requireOneSuccessor(t, answers);
  });
});

t.test('A refresh token that is sent again', async (t) => {
  /** Sends a token as one client, and `later` milliseconds after as another. */
  async function sendTwice(first: Record<string, string>, second: Record<string, string>, later: number) {
    const { refreshToken } = await newUserWithSession();
    const start = clock();
    const a = await at(start, () => refresh(refreshToken, first));
    const b = await at(new Date(start.getTime() + later), () => refresh(refreshToken, second));
    return { a, b };
  }

  t.test('by the same client within ten seconds gets the same response', async (t) => {
    for (const later of [0, second, 10 * second]) {
      const { a, b } = await sendTwice(home, home, later);
      t.same([a.status, b.status], [200, 200], `${later} ms`);
      t.equal(b.body.refreshToken, a.body.refreshToken);
      t.ok(await isActive({ ...a.body, refreshToken: b.body.refreshToken }));
    }
  });

  t.test('ends the session', async (t) => {
    for (const [what, other, later] of [
      ['from another program', client('198.51.100.7', safari), second],
      ['without a User-Agent', client('198.51.100.7', ''), second],
      ['from another program in another network', client('203.0.113.9', safari), second],
      ['from the same client after five minutes', home, 5 * minute + 1],
      ['from the same client in another network after five minutes', client('203.0.113.9'), 5 * minute + 1],
      ['from the same client a long time after', home, 20 * minute],
    ] as const) {
      const { a, b } = await sendTwice(home, other, later);
      t.same([a.status, b.code], [200, 'unauthenticated'], what);
      t.notOk(await isActive(a.body), `${what}: for both clients that have a token`);
    }
  });

  t.test('ends the session if a thief used it first and the owner sends it next', async (t) => {
    const { user, ...owner } = await newUserWithSession();
    const elsewhere = await logIn(user);
    const { body: thief } = await refresh(owner.refreshToken, client('203.0.113.66', 'curl/8.5.0'));
    t.equal((await me(thief.accessToken)).status, 200);
    t.equal((await refresh(owner.refreshToken)).code, 'unauthenticated');
    t.notOk(await isActive(thief));
    t.ok(await isActive(elsewhere), 'other sessions of the user stay active');
  });

  t.test('ends the session if the thief and the owner send it at once', async (t) => {
    for (const isFirst of [true, false]) {
      const owner = await newUserWithSession();
      const requests = [
        () => refresh(owner.refreshToken),
        () => refresh(owner.refreshToken, client('203.0.113.66', 'curl/8.5.0')),
      ];
      const answers = await meet(tokenLock(owner.refreshToken), ...(isFirst ? requests : requests.reverse()));
      t.same(tally(answers), { 200: 1, '401 unauthenticated': 1 });
      const winner = answers.find((it) => it.status === 200)?.body as Tokens;
      t.notOk(await isActive(winner));
      t.equal((await me(owner.accessToken)).code, 'unauthenticated');
    }
  });

  t.test('after its successor was used gets the newest token, within ten seconds', async (t) => {
    const { refreshToken } = await newUserWithSession();
    const start = clock();
    const chain: string[] = [refreshToken];
    await at(start, async () => {
      for (let i = 0; i < 4; i += 1) chain.push((await refresh(chain[i] as string)).body.refreshToken);
      t.equal(new Set(chain).size, 5);
      for (const old of chain.slice(0, -1)) {
        t.equal((await refresh(old)).body.refreshToken, chain.at(-1));
      }
    });
    const late = new Date(start.getTime() + 11 * second);
    t.equal((await at(late, () => refresh(refreshToken))).code, 'unauthenticated', 'later it ends the session');
    t.equal((await at(late, () => refresh(chain.at(-1) as string))).code, 'unauthenticated');
  });

  t.test('more than eight tokens behind the newest ends the session, at a bounded cost', async (t) => {
    const start = clock();
    for (const [behind, status] of [
      [8, 200],
      [9, 401],
      [60, 401],
    ] as const) {
      const { refreshToken } = await newUserWithSession();
      await at(start, async () => {
        let newest = refreshToken;
        for (let i = 0; i < behind; i += 1) newest = (await refresh(newest)).body.refreshToken;
        statements.length = 0;
        t.equal((await refresh(refreshToken)).status, status, `${behind} behind`);
        t.ok(statements.length < 15, `${statements.length} statements`);
        t.equal((await refresh(newest)).status, status);
      });
    }
  });

  t.test('does not extend the session', async (t) => {
    const { refreshToken } = await newUserWithSession();
    const start = clock();
    const { body } = await at(start, () => refresh(refreshToken));
    const before = await at(start, () => findCurrentSession(body.accessToken));
    await at(new Date(start.getTime() + 9 * second), () => refresh(refreshToken));
    t.same(await at(start, () => findCurrentSession(body.accessToken)), before);
  });
});

t.test('A refresh whose response was lost', async (t) => {
  const train = client('203.0.113.9');
  /** A session with a refresh whose response was lost. */
  async function newLostRefresh() {
    const { refreshToken: parent } = await newUserWithSession();
    const start = clock();
    const { body: lost } = await at(start, () => refresh(parent));
    const later = (milliseconds: number, token: string, headers = home) =>
      at(new Date(start.getTime() + milliseconds), () => refresh(token, headers));
    return { parent, lost: lost as Tokens, later };
  }

  t.test('gets the same next token for five minutes, from any network', async (t) => {
    for (const [what, headers, after] of [
      ['from the same network', home, 11 * second],
      ['from another network at once', train, second],
      ['from another network', train, 11 * second],
      ['at the end of the five minutes', train, 5 * minute],
    ] as const) {
      const { parent, lost, later } = await newLostRefresh();
      const again = await later(after, parent, headers);
      t.same([again.status, again.body.refreshToken], [200, lost.refreshToken], what);
      t.equal(
        (await later(after + second, lost.refreshToken, headers)).status,
        200,
        `${what}: the session stays active`,
      );
    }
  });

  t.test('ends the session if its successor was used', async (t) => {
    const { parent, lost, later } = await newLostRefresh();
    const { body: next } = await later(second, lost.refreshToken);
    t.equal((await later(11 * second, parent)).code, 'unauthenticated');
    t.notOk(await isActive(next));
  });

  t.test('gets its response ten times in a session, and then ends it', async (t) => {
    const { parent, later } = await newLostRefresh();
    let token = parent;
    let elapsed = 0;
    for (let i = 0; i < 10; i += 1) {
      elapsed += 11 * second;
      const { status, body } = await later(elapsed, token, train);
      t.equal(status, 200, `${i + 1}`);
      // Every other response arrives, and the next one is lost.
      if (i % 2 === 0) {
        await later(elapsed, body.refreshToken, train);
        token = body.refreshToken;
      }
    }
    t.equal((await later(elapsed + 11 * second, token, train)).code, 'unauthenticated', 'the eleventh');
    t.equal((await later(elapsed + 11 * second, parent)).code, 'unauthenticated', 'the session has ended');
  });

  t.test('gets the same next token for twenty concurrent requests', async (t) => {
    const { refreshToken } = await newUserWithSession();
    const from = (i: number) => (i % 3 === 1 ? train : home);
    const requests = Array.from({ length: 20 }, (_, i) => () => refresh(refreshToken, from(i)));
    const answers = await meet(tokenLock(refreshToken), ...requests);
    t.same(tally(answers), { 200: 20 });
    t.equal(new Set(answers.map((it) => it.body.refreshToken)).size, 1);
    t.ok(await isActive(answers[0]?.body));
  });

  t.test('gets its response at most ten times, also with concurrent requests', async (t) => {
    const { parent } = await newLostRefresh();
    const networks = Array.from({ length: 14 }, (_, i) => client(`203.0.113.${i + 1}`));
    const answers = await meet(tokenLock(parent), ...networks.map((it) => () => refresh(parent, it)));
    t.same(tally(answers), { 200: 10, '401 unauthenticated': 4 });
  });

  t.test('of an older release gets the response that release would give', async (t) => {
    const { parent, later } = await newLostRefresh();
    await db
      .update(refreshTokens)
      .set({ usedByAgent: null })
      .where(eq(refreshTokens.hash, sha256(parent)));
    t.equal((await later(second, parent)).status, 200, 'within ten seconds');
    t.equal((await later(11 * second, parent)).code, 'unauthenticated');
  });
});

t.test('POST /v1/auth/logout accepts a used token, and changes nothing if the session has ended', async (t) => {
  const { refreshToken } = await newUserWithSession();
  const { body } = await refresh(refreshToken);
  t.equal((await logOut(refreshToken)).status, 204);
  t.notOk(await isActive(body));
  t.equal((await logOut(refreshToken)).status, 204);
  t.equal((await logOut(body.refreshToken)).status, 204);
});

t.test('A disabled user', async (t) => {
  const disable = ({ id }: TestUser, disabledAt: Date | null = new Date()) =>
    db
      .update(users)
      .set({ disabledAt })
      .where(eq(users.id, id as UserId));
  const tryLogIn = (email: string, secret = password) =>
    call('POST', '/v1/auth/login', { body: { email, password: secret } });

  t.test('is refused in every session from the next request on', async (t) => {
    const account = await newAccount();
    const { owner } = account;
    const other = await logIn(owner);
    await disable(owner);
    for (const token of [owner.token, other.accessToken]) {
      t.equal((await me(token)).code, 'unauthenticated');
      t.equal((await call('GET', `${account.url}/members`, { token })).code, 'unauthenticated');
      t.equal((await call('GET', '/v1/me/sessions', { token })).code, 'unauthenticated');
      const body = { name: 'Another' };
      t.equal((await call('POST', '/v1/accounts', { token, body })).code, 'unauthenticated');
    }
    for (const { refreshToken } of [owner, other]) t.equal((await refresh(refreshToken)).code, 'unauthenticated');
  });

  t.test('gets user-disabled only with the right password', async (t) => {
    const user = await newUser();
    await disable(user);
    t.match(await tryLogIn(user.email), { status: 403, code: 'user-disabled' });
    const wrong = await tryLogIn(user.email, 'the wrong password');
    const unknown = await tryLogIn(newEmail(), 'the wrong password');
    t.same({ ...wrong.body, requestId: '' }, { ...unknown.body, requestId: '' });
    t.equal(wrong.code, 'wrong-credentials');
    await disable(user, null);
    t.equal((await tryLogIn(user.email)).status, 200, 'the login works again after the user is enabled');
  });

  t.test('gets no session from a login that is concurrent with disabling', { skip: needsPostgres() }, async (t) => {
    const { user, accessToken } = await newUserWithSession();
    const { id } = await findCurrentSession(accessToken);
    // Blocks the operator's change while it ends the sessions, after it has disabled the user.
    const [disabling, loggingIn] = await whileLocked(sessionLock(id), async (untilWaiting) => {
      const row = await requireUserByName(db, user.email);
      const disabling = disableUser({ db, now: clock(), logSecurityEvent: () => {} }, row);
      await untilWaiting(1);
      const loggingIn = tryLogIn(user.email);
      await Promise.race([loggingIn, untilWaiting(2)]);
      return [disabling, loggingIn] as const;
    });
    await disabling;
    t.not((await loggingIn).status, 200);
    await disable(user, null);
    t.same(
      await list((await logIn(user)).accessToken).then((all) => all.length),
      1,
      'no session becomes active when they are enabled again',
    );
  });

  t.test('cannot accept an invite by logging in', async (t) => {
    const account = await newAccount();
    const user = await newUser();
    await invite(account, account.owner, user.email);
    const token = await tokenFor(user.email, 'invite');
    await disable(user);
    const accept = () =>
      call('POST', '/v1/invites/accept', { body: { token, login: { email: user.email, password } } });
    t.equal((await accept()).code, 'user-disabled');
    await disable(user, null);
    t.equal((await accept()).status, 201, 'the failed attempt left the invite pending');
  });
});

t.test('Concurrent logins all succeed, also if each of them rehashes the password', async (t) => {
  const user = await newUser();
  const passwordHash = await hash(password, { memoryCost: 8_192, timeCost: 1, parallelism: 1 });
  await db
    .update(users)
    .set({ passwordHash })
    .where(eq(users.id, user.id as UserId));
  const login = () => call('POST', '/v1/auth/login', { body: { email: user.email, password }, headers: home });
  t.same(tally(await meet(userLock(user), login, login, login)), { 200: 3 });
  const [row] = await db
    .select()
    .from(users)
    .where(eq(users.id, user.id as UserId));
  t.match(row?.passwordHash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
});

t.test('A malformed Authorization header gets 401, never 500', async (t) => {
  const { accessToken } = await newUserWithSession();
  const [header, payload, signature] = accessToken.split('.');
  const malformed = [
    '',
    ' ',
    'Bearer',
    'Bearer ',
    'Bearer  ',
    'Bearer,',
    'Basic x',
    `Basic ${accessToken}`,
    accessToken,
    `Bearer${accessToken}`,
    `Bearer\t${accessToken}`,
    `Bearer ${accessToken} ${accessToken}`,
    `Bearer ${accessToken}, Bearer ${accessToken}`,
    `Bearer "${accessToken}"`,
    `Bearer ${accessToken}\0`,
    `Bearer \u0001${accessToken}`,
    `Bearer ${accessToken}\u007f`,
    `Bearer ${accessToken}ü`,
    `Bearer ${'x'.repeat(20_000)}`,
    `Bearer ${'.'.repeat(20_000)}`,
    `Bearer${' '.repeat(20_000)}`,
    `Bearer ${header}.${payload}.`,
    `Bearer ${header}.${payload}`,
    `Bearer .${payload}.${signature}`,
    `Bearer ${header}..${signature}`,
    `Bearer e30.${payload}.${signature}`,
    `Bearer bnVsbA.${payload}.${signature}`,
    `Bearer W10.W10.${signature}`,
    `Bearer ${payload}.${header}.${signature}`,
    'Bearer undefined',
    'Bearer null',
    'Bearer [object.Object]',
  ];
  for (const authorization of malformed) {
    const { statusCode, headers, body } = await app.inject({ url: '/v1/me', headers: { authorization } });
    const what = JSON.stringify(authorization).slice(0, 60);
    t.match({ statusCode, ...JSON.parse(body) }, { statusCode: 401, code: 'unauthenticated' }, what);
    t.equal(headers['www-authenticate'], 'Bearer');
    const optional = { method: 'POST', url: '/v1/invites/accept', headers: { authorization } } as const;
    t.equal(
      (await app.inject({ ...optional, payload: { token: 'x' } })).statusCode,
      401,
      `${what}, on a route where it is optional`,
    );
  }
  const spellings = ['Bearer', 'bearer', 'BEARER', 'Bearer  '].map((it) => `${it} ${accessToken} `);
  for (const authorization of spellings) {
    t.equal(
      (await app.inject({ url: '/v1/me', headers: { authorization } })).statusCode,
      200,
      authorization.slice(0, 9),
    );
  }
});

t.test('The number of statements of a request with a session', async (t) => {
  const account = await newAccount();
  const { token, refreshToken } = account.owner;
  const member = await invite(account, account.owner, newEmail());
  t.equal(member.status, 201);
  const cost = async (request: () => Promise<{ status: number }>) => {
    const before = statements.length;
    const { status } = await request();
    if (status >= 300) throw new Error(`answered ${status}`);
    return statements.length - before;
  };
  t.equal(await cost(() => me(token)), 1, 'one statement verifies the caller and reads the user');
  t.ok((await cost(() => call('GET', account.url, { token }))) <= 2);
  t.ok((await cost(() => call('GET', `${account.url}/members`, { token }))) <= 2);
  t.ok((await cost(() => call('GET', '/v1/me/sessions', { token }))) <= 2);
  // The session is read before anything is locked, so an invalid token locks nothing.
  t.ok(
    (await cost(() => refresh(refreshToken))) <= 7,
    'a read, begin, lock the token, mark it used, insert the next, update the session, commit',
  );
});

function tokenLock(refreshToken: string): Lock {
  return { statement: 'select from refresh_tokens where hash = $1 for update', values: [sha256(refreshToken)] };
}

function sessionLock(id: SessionId): Lock {
  return { statement: 'select from sessions where id = $1 for no key update', values: [uuidOf('ses', id)] };
}

function userLock({ id }: TestUser): Lock {
  return { statement: 'select from users where id = $1 for update', values: [uuidOf('usr', id as UserId)] };
}
