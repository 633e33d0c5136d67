import { eq, sql } from 'drizzle-orm';
import t, { type Test } from 'tap';
import { memberships, users } from '../../src/database/schema.ts';
import type { UserId } from '../../src/ids/ids.ts';
import { tally } from '../support/races.ts';
import { type CallOptions, day, newEmail, password, startService, type TestUser } from '../support/service.ts';
import { tablesAsText } from '../support/tables.ts';
import { fastestOf } from '../support/timing.ts';

const second = 1000;
const minute = 60 * second;
const name = 'Adam Accountant';

t.test('Users', async (t) => {
  const statements: string[] = [];
  const service = await startService(t, {
    passwordCost: 'recommended',
    statements: { logQuery: (it) => void statements.push(it) },
  });
  const { at, call, clock, db, invite, mailsTo, newAccount, newUser, tokenFor, travel } = service;

  const register = (email: string, more: object = {}) =>
    call('POST', '/v1/auth/register', { body: { email, ...more } });
  const verify = (token: string, more: object = {}) =>
    call('POST', '/v1/auth/verify-email', { body: { token, name, password, ...more } });
  /** Registers an address. @returns the token of the link in the mail. */
  async function registerAndGetToken(email = newEmail()): Promise<string> {
    travel(second);
    await register(email);
    return tokenFor(email, 'verify-email');
  }
  const logIn = (email: string, secret = password) =>
    call('POST', '/v1/auth/login', { body: { email, password: secret } });
  const refresh = (refreshToken: string, from: Pick<CallOptions, 'headers' | 'remoteAddress'> = {}) =>
    call('POST', '/v1/auth/refresh', { body: { refreshToken }, ...from });
  const logOut = (refreshToken: string) => call('POST', '/v1/auth/logout', { body: { refreshToken } });
  const me = (token: string) => call('GET', '/v1/me', { token });

  t.test('POST /v1/auth/register', async (t) => {
    t.test('responds the same to known and unknown addresses, and sends each the right mail', async (t) => {
      const known = await newUser();
      const unknown = newEmail();
      const answers = [await register(known.email), await register(unknown)];
      const [first, other] = answers.map(({ status, body, headers }) => {
        const { 'x-request-id': _, date: __, ...rest } = headers;
        return { status, body, headers: rest };
      });
      t.equal(first?.status, 202);
      t.same(first, other);

      const [toKnown] = await mailsTo(known.email);
      t.match(toKnown?.subject, /have a login/i);
      t.notMatch(toKnown?.text, /token=/, 'the mail contains no token');
      const [toUnknown] = await mailsTo(unknown);
      t.match(toUnknown?.subject, /verify|confirm/i);
      t.match(toUnknown?.text, /\/dev\/verify-email#token=/);
    });

    t.test('takes about as long for known and unknown addresses, with the same single statement', async (t) => {
      const known = await newUser();
      const statementsFor = async (email: string) => {
        const before = statements.length;
        await register(email);
        return statements.slice(before);
      };
      const unknown = await statementsFor(newEmail());
      t.equal(unknown.length, 1);
      t.same(await statementsFor(known.email), unknown);
      const times = await fastestOf({ known: () => register(known.email), unknown: () => register(newEmail()) });
      t.ok(times.known > 0.4 * times.unknown, `${times.known} ms against ${times.unknown} ms`);
    });

    t.test('creates no user before the address is verified', async (t) => {
      const email = newEmail();
      await register(email);
      await mailsTo(email);
      t.equal((await logIn(email)).code, 'wrong-credentials');
      t.same(await db.select().from(users).where(eq(users.email, email)), []);
    });

    t.test('does not change an existing user', async (t) => {
      const user = await newUser(newEmail(), 'Olivia Owner');
      const before = await db.select().from(users).where(eq(users.email, user.email));
      await register(user.email, { locale: 'fr' });
      await mailsTo(user.email);
      t.same(await db.select().from(users).where(eq(users.email, user.email)), before);
      t.equal((await me(user.token)).status, 200, 'their session stays active');
    });

    t.test('accepts no name and no password, because the mailbox is not verified yet', async (t) => {
      const email = newEmail();
      for (const [more, pointer] of [
        [{ name }, '/name'],
        [{ password }, '/password'],
      ] as const) {
        t.match(await register(email, more), { status: 400, body: { code: 'invalid-request', errors: [{ pointer }] } });
      }
      t.same(await mailsTo(email), []);
    });

    t.test('sends a mail that contains no text chosen by the sender', async (t) => {
      // The sender also chooses the local part: many servers ignore the tag after the plus sign.
      const chosen = 'win-a-prize-at-evil';
      const email = newEmail().replace('@', `+${chosen}@`);
      for (const locale of ['en', 'de', 'es', 'fr', 'hi', 'ja']) {
        travel(second);
        await register(email, { locale });
        const [mail] = await mailsTo(email);
        t.match(mail?.text, 'token=', locale);
        for (const part of [mail?.subject, mail?.text, mail?.html]) t.notMatch(part, chosen, locale);
      }
    });

    t.test('stores only the address and the locale of an unverified person, for one day', async (t) => {
      const email = newEmail();
      await register(email, { locale: 'de' });
      await mailsTo(email);
      const { rows } = (await db.execute(sql`select * from registrations where email = ${email}`)) as unknown as {
        rows: Record<string, unknown>[];
      };
      t.equal(rows.length, 1);
      const { id: _, email: address, locale, created_at, expires_at, ...others } = rows[0] ?? {};
      t.same({ address, locale, others }, { address: email, locale: 'de', others: {} });
      t.equal(new Date(String(expires_at)).getTime() - new Date(String(created_at)).getTime(), day);
      const tablesWithAddress = [...(await tablesAsText(db))]
        .filter(([, text]) => text.includes(email))
        .map(([table]) => table);
      t.same(tablesWithAddress.sort(), ['mailbox', 'registrations'], 'the development mailbox contains the mail');
    });
  });

  t.test('A name has 1 to 100 characters on one line', async (t) => {
    const token = await registerAndGetToken();
    for (const wrong of ['', ' ', '\u00a0', 'x'.repeat(101), 'Adam\r\nBcc: eve@example.com', 'Adam\u2028', 'A\u0007']) {
      const { code, body } = await verify(token, { name: wrong });
      t.equal(code, 'invalid-request', encodeURIComponent(wrong));
      t.match(body.errors, [{ pointer: '/name' }]);
    }
    for (const right of ['A', 'x'.repeat(100), '😀'.repeat(100), 'Zoë Ångström-O’Hara', '<b>Adam</b>']) {
      t.match(await verify(await registerAndGetToken(), { name: right }), {
        status: 201,
        body: { user: { name: right } },
      });
    }
    t.equal((await verify(token)).status, 201, 'a refused name leaves the link valid');
  });

  t.test('A password', async (t) => {
    const accepts = async (secret: string) =>
      (await verify(await registerAndGetToken(), { password: secret })).status === 201;

    t.test('has at least 8 characters and may have more than 64, counted in code points', async (t) => {
      t.notOk(await accepts('7 chars'));
      t.ok(await accepts('8 chars.'));
      t.ok(await accepts('sixty-four '.repeat(6).slice(0, 64)));
      t.ok(await accepts('very long '.repeat(25)), '250 characters');
      t.notOk(await accepts('x'.repeat(10_000)), 'there is a maximum');
      t.notOk(await accepts('🐎'.repeat(7)), 'seven code points, which are fourteen UTF-16 units');
      t.ok(await accepts('🐎'.repeat(8)));
      t.ok(await accepts('🐎'.repeat(64)));
    });

    t.test('has no composition rules', async (t) => {
      for (const secret of ['90215837', 'zq zq zq', 'nur kleine buchstaben', '長い長い秘密の言葉', '!?!?!?!?.']) {
        t.ok(await accepts(secret), secret);
      }
    });

    t.test('is refused if it is one of the most common, in upper or lower case', async (t) => {
      const token = await registerAndGetToken();
      for (const secret of ['password1', 'PassWord1', '12345678', 'qwertyuiop', 'iloveyou1', 'trustno1']) {
        const { code, body } = await verify(token, { password: secret });
        t.equal(code, 'invalid-request', secret);
        t.match(body.errors, [{ pointer: '/password', detail: /common/ }]);
      }
    });

    t.test('matches in every Unicode form in which keyboards send it', async (t) => {
      for (const [typed, again] of [
        ['Zoë rides a horse', 'Zoe\u0308 rides a horse'],
        ['ｆｕｌｌ width horse', 'full width horse'],
        ['한국어 비밀번호 열쇠', '한국어 비밀번호 열쇠'.normalize('NFD')],
      ] as const) {
        const email = newEmail();
        await verify(await registerAndGetToken(email), { password: typed });
        t.equal((await logIn(email, typed)).status, 200, typed);
        t.equal((await logIn(email, again)).status, 200, again);
      }
    });

    t.test('has its length counted in normal form', async (t) => {
      const choose = async (password: string) => verify(await registerAndGetToken(newEmail()), { password });
      t.equal((await choose('e\u0301'.repeat(7))).code, 'invalid-request', 'seven letters with accents');
      const right = ['e\u0301'.repeat(7).concat('!'), 'ﬃ'.repeat(3), 'e\u0301'.repeat(200)];
      for (const it of right) t.equal((await choose(it)).status, 201, it);
      t.equal((await choose('\ufdfa'.repeat(60))).code, 'invalid-request');
    });

    t.test('is otherwise used exactly as sent', async (t) => {
      const exact = '  Leading, trailing and ｆｕｌｌ-width  ';
      const email = newEmail();
      await verify(await registerAndGetToken(email), { password: exact });
      t.equal((await logIn(email, exact)).status, 200);
      for (const near of [exact.trim(), exact.toLowerCase(), `${exact} `, exact.slice(0, -1)]) {
        t.equal((await logIn(email, near)).code, 'wrong-credentials', JSON.stringify(near));
      }
    });

    t.test('does not match one that differs only in its last character, however long it is', async (t) => {
      const email = newEmail();
      await verify(await registerAndGetToken(email), { password: `${'long '.repeat(50)}a` });
      t.equal((await logIn(email, `${'long '.repeat(50)}b`)).code, 'wrong-credentials');
      t.equal((await logIn(email, `${'long '.repeat(50)}a`)).status, 200);
    });
  });

  t.test('POST /v1/auth/verify-email', async (t) => {
    t.test('creates the user with the name and password of the request and opens a session', async (t) => {
      const email = newEmail();
      const { status, body } = await verify(await registerAndGetToken(email));
      t.equal(status, 201);
      t.match(body, { tokenType: 'Bearer', expiresIn: 600, user: { email, name, hasPassword: true } });
      t.same((await me(body.accessToken)).body, body.user);
      t.equal((await logIn(email)).status, 200);
    });

    t.test('succeeds once for a token, also with twenty concurrent requests', async (t) => {
      const email = newEmail();
      const token = await registerAndGetToken(email);
      const chosen = (i: number) => ({ name: `Adam ${i}`, password: `the password of try ${i}` });
      const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => verify(token, chosen(i))));
      t.same(tally(answers), { 201: 1, '400 verification-token-invalid': 19 });
      const winner = answers.findIndex((it) => it.status === 201);
      t.match((await logIn(email, chosen(winner).password)).body.user, { name: `Adam ${winner}` });
      t.equal((await verify(token)).code, 'verification-token-invalid', 'the token does not work later either');
    });

    t.test('leaves the link valid if the password, the name or another field is refused', async (t) => {
      const email = newEmail('adam');
      const token = await registerAndGetToken(email);
      const before = await tablesAsText(db);
      for (const [wrong, pointer] of [
        [{ password: 'short' }, '/password'],
        [{ password: 'password1' }, '/password'],
        [{ password: email }, '/password'],
        [{ password: `${name}!` }, '/password'],
        [{ password: undefined }, '/password'],
        [{ name: '' }, '/name'],
        [{ name: undefined }, '/name'],
        [{ locale: 'de' }, '/locale'],
      ] as const) {
        const answer = await verify(token, wrong);
        t.match(answer, { status: 400, code: 'invalid-request' }, JSON.stringify(wrong));
        t.match(answer.body.errors, [{ pointer }], JSON.stringify(wrong));
      }
      t.same(await tablesAsText(db), before, 'nothing was changed');
      t.equal((await verify(token)).status, 201);
      t.equal((await logIn(email)).status, 200);
    });

    t.test('responds to an invalid token the same for every name and password', async (t) => {
      const answers = [
        await verify('x'),
        await verify('x', { password: 'password1' }),
        await verify('x', { name: 'Eve' }),
      ];
      for (const { status, body } of answers) {
        t.match({ status, body }, { status: 400, body: { code: 'verification-token-invalid', errors: undefined } });
      }
    });

    t.test('accepts the token for a day', async (t) => {
      const [early, late] = [newEmail(), newEmail()];
      await register(early);
      await register(late);
      const [inTime, tooLate] = [await tokenFor(early), await tokenFor(late)];
      travel(day - minute);
      t.equal((await verify(inTime)).status, 201);
      travel(2 * minute);
      t.equal((await verify(tooLate)).code, 'verification-token-invalid');
      t.equal((await logIn(late)).code, 'wrong-credentials');
    });

    t.test('refuses an altered token', async (t) => {
      const email = newEmail();
      await register(email);
      const token = await tokenFor(email);
      const [header, payload, signature = ''] = token.split('.');
      const altered = `${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`;
      for (const wrong of ['x', '..', `${header}.${payload}.`, `${header}.${payload}.${altered}`, token.slice(0, -9)]) {
        t.equal((await verify(wrong)).code, 'verification-token-invalid', wrong.slice(-12));
      }
      t.equal((await verify(token)).status, 201, 'a failed attempt leaves the link valid');
    });

    t.test(
      'invalidates all other links of the address, so that a registration by an attacker does no harm',
      async (t) => {
        const email = newEmail();
        const links = [
          await registerAndGetToken(email),
          await registerAndGetToken(email),
          await registerAndGetToken(email),
        ];
        t.equal(new Set(links).size, 3);
        t.equal((await verify(links[1] as string)).status, 201);
        for (const link of links) {
          const other = { name: 'Mallory', password: 'only Mallory knows this one' };
          t.equal((await verify(link, other)).code, 'verification-token-invalid');
        }
        t.equal((await logIn(email, 'only Mallory knows this one')).code, 'wrong-credentials');
        t.match((await logIn(email)).body.user, { name });
      },
    );

    t.test('does not change a user who registered through an invite in the meantime', async (t) => {
      const account = await newAccount();
      const email = newEmail();
      const stale = await registerAndGetToken(email);
      travel(second);
      await invite(account, account.owner, email);
      const body = { token: await tokenFor(email), register: { name, password } };
      t.equal((await call('POST', '/v1/invites/accept', { body })).status, 201);

      const other = { name: 'Mallory', password: 'only Mallory knows this one' };
      t.equal((await verify(stale, other)).code, 'verification-token-invalid');
      t.equal((await logIn(email, 'only Mallory knows this one')).code, 'wrong-credentials');
      t.equal((await logIn(email)).body.user.name, name);
    });
  });

  t.test('POST /v1/auth/login', async (t) => {
    t.test('responds the same to a wrong password and to an unknown address', async (t) => {
      const { email } = await newUser();
      const unverified = newEmail();
      await register(unverified);
      const answers = [
        await logIn(email, 'the wrong password'),
        await logIn(newEmail(), 'the wrong password'),
        await logIn(unverified),
        await logIn(email, 'x'),
      ].map(({ status, body: { requestId: _, ...body } }) => ({ status, body }));
      t.match(answers[0], { status: 401, body: { code: 'wrong-credentials' } });
      for (const answer of answers) t.same(answer, answers[0]);
    });

    t.test('takes about as long for an unknown address as for a wrong password', async (t) => {
      const { email } = await newUser();
      const wrong = 'the wrong password';
      const times = await fastestOf({ known: () => logIn(email, wrong), unknown: () => logIn(newEmail(), wrong) });
      t.ok(times.unknown > 0.4 * times.known, `${times.unknown} ms against ${times.known} ms`);
    });

    t.test('finds a user by equivalent spellings of the address only', async (t) => {
      const { email, id } = await newUser();
      const spellings = [
        email.toUpperCase(),
        email.replace('example', 'Example'),
        toFullWidth(email),
        email.replaceAll('.', '\uff0e'),
      ];
      for (const spelling of spellings) t.equal((await logIn(spelling)).body.user?.id, id, spelling);
      t.equal(
        (await logIn(email.replace('@', '+1@'))).code,
        'wrong-credentials',
        'an address with a tag is another address',
      );
      for (const near of [` ${email}`, `${email}\u00a0`, `\ufeff\t${email}\u200b `]) {
        t.equal((await logIn(near)).body.user?.id, id, JSON.stringify(near));
      }
      for (const wrong of [`${email}.`, `${email}/`, email.replace('@', '@@'), 'someone', '']) {
        t.equal((await logIn(wrong)).code, 'invalid-request', JSON.stringify(wrong));
      }
    });

    t.test('finds a domain in another script by its canonical form', async (t) => {
      const email = newEmail().replace('@', '@bücher.');
      await register(email.toUpperCase());
      const canonical = email.replace('bücher', 'xn--bcher-kva');
      const { status, body } = await verify(await tokenFor(canonical));
      t.equal(status, 201);
      t.equal(body.user.email, canonical);
      t.equal((await logIn(email)).status, 200);
      await register(canonical);
      t.match((await mailsTo(canonical))[0]?.subject, /have a login/i, 'it can be registered only once');
    });
  });

  t.test('POST /v1/auth/refresh', async (t) => {
    t.test('issues new tokens of the same session', async (t) => {
      const user = await newUser();
      const first = await refresh(user.refreshToken);
      t.equal(first.status, 200);
      t.not(first.body.refreshToken, user.refreshToken);
      t.equal((await me(first.body.accessToken)).status, 200);
      t.equal((await me(user.token)).status, 200, 'the older access token belongs to the same session');
      const next = await refresh(first.body.refreshToken);
      t.equal(next.status, 200);
      t.equal(next.body.user.id, user.id);
    });

    /** Requires that a used token that is sent again ends its session, and no other session. */
    async function requireSessionEnded(
      t: Test,
      user: TestUser,
      other: { accessToken: string },
      sendAgain: typeof refresh,
    ) {
      const { body: rotated } = await refresh(user.refreshToken);
      t.equal((await me(rotated.accessToken)).status, 200);
      t.equal((await sendAgain(user.refreshToken)).code, 'unauthenticated');
      t.equal((await me(rotated.accessToken)).code, 'unauthenticated', 'from the next request on');
      t.equal((await me(user.token)).code, 'unauthenticated');
      t.equal((await refresh(rotated.refreshToken)).code, 'unauthenticated', 'for both clients that have a token');
      t.equal((await me(other.accessToken)).status, 200, 'another session of the user stays active');
    }

    t.test('ends the session at once if another client sends a used refresh token', async (t) => {
      const program = { headers: { 'user-agent': 'curl/8.0' } };
      for (const from of [program, { ...program, remoteAddress: '198.51.100.7' }]) {
        const user = await newUser();
        const other = (await logIn(user.email)).body;
        await requireSessionEnded(t, user, other, (token) => refresh(token, from));
      }
    });

    t.test('ends the session if the same client sends a used refresh token after five minutes', async (t) => {
      const user = await newUser();
      const other = (await logIn(user.email)).body;
      await at(clock(), async () => {
        const late = new Date(clock().getTime() + 300 * second + 1);
        await requireSessionEnded(t, user, other, (token) => at(late, () => refresh(token)));
      });
    });

    t.test('refuses an unknown refresh token', async (t) => {
      const user = await newUser();
      for (const wrong of ['x', user.token, user.refreshToken.slice(0, -1), `${user.refreshToken} `]) {
        t.equal((await refresh(wrong)).code, 'unauthenticated');
      }
      t.equal((await refresh(user.refreshToken)).status, 200);
    });
  });

  t.test('POST /v1/auth/logout', async (t) => {
    t.test('ends the session from the next request on, and no other session', async (t) => {
      const user = await newUser();
      const other = (await logIn(user.email)).body;
      t.equal((await logOut(user.refreshToken)).status, 204);
      t.equal((await me(user.token)).code, 'unauthenticated');
      t.equal((await refresh(user.refreshToken)).code, 'unauthenticated');
      t.equal((await me(other.accessToken)).status, 200);
    });

    t.test('responds 204 to an unknown token and to a used one', async (t) => {
      t.equal((await logOut('never-was')).status, 204);
      const user = await newUser();
      const { body } = await refresh(user.refreshToken);
      t.equal((await logOut(user.refreshToken)).status, 204);
      t.equal((await me(body.accessToken)).code, 'unauthenticated', 'a used token ends its session too');
    });
  });

  t.test('A session', async (t) => {
    t.test('needs a new access token after ten minutes', async (t) => {
      const user = await newUser();
      travel(590 * second);
      t.equal((await me(user.token)).status, 200);
      travel(11 * second);
      t.equal((await me(user.token)).code, 'unauthenticated');
      t.equal((await refresh(user.refreshToken)).status, 200);
    });

    t.test('ends if it is not refreshed for seven days', async (t) => {
      const [used, unused] = [await newUser(), await newUser()];
      travel(7 * day - minute);
      const { status, body } = await refresh(used.refreshToken);
      t.equal(status, 200);
      travel(2 * minute);
      t.equal((await refresh(unused.refreshToken)).code, 'unauthenticated');
      t.equal((await refresh(body.refreshToken)).status, 200, 'each use extends it');
    });

    t.test('ends thirty days after the login, however often it is refreshed', async (t) => {
      const user = await newUser();
      let { refreshToken } = user;
      for (const days of [6, 6, 6, 6]) {
        travel(days * day);
        refreshToken = (await refresh(refreshToken)).body.refreshToken;
      }
      travel(6 * day - 5 * minute);
      const { status, body: last } = await refresh(refreshToken);
      t.equal(status, 200);
      t.equal((await me(last.accessToken)).status, 200);
      travel(6 * minute);
      t.equal((await me(last.accessToken)).code, 'unauthenticated', 'although the access token has not expired');
      t.equal((await refresh(last.refreshToken)).code, 'unauthenticated');
    });
  });

  t.test('GET /v1/me returns the user without secrets', async (t) => {
    const user = await newUser(newEmail(), 'Olivia Owner');
    const { status, body } = await me(user.token);
    t.equal(status, 200);
    t.same(Object.keys(body).sort(), ['createdAt', 'email', 'hasPassword', 'id', 'name']);
    t.match(body, { id: user.id, email: user.email, name: 'Olivia Owner', hasPassword: true });
  });

  t.test('Secrets are stored only as hashes', async (t) => {
    const secret = 'a secret that is found nowhere';
    const email = newEmail();
    const unverified = newEmail();
    await register(unverified);
    await mailsTo(unverified);
    const [{ body: first }, { body: another }] = [
      await verify(await registerAndGetToken(email), { password: secret }),
      await verify(await registerAndGetToken(), { password: secret }),
    ];
    const { body: second } = await refresh(first.refreshToken);
    const { body: third } = await logIn(email, secret);

    const tables = await tablesAsText(db);
    for (const table of ['users', 'registrations', 'sessions', 'refresh_tokens', 'outbox']) {
      t.ok((tables.get(table)?.length ?? 0) > 2, `${table} is not empty`);
    }
    const secrets = [secret, ...[first, second, third].flatMap((it) => [it.refreshToken, it.accessToken])];
    for (const [table, text] of tables) {
      t.notOk(
        secrets.some((it) => text.includes(it)),
        `${table} contains no secret in plain text`,
      );
    }

    const [user] = await db.select().from(users).where(eq(users.email, email));
    const [other] = await db.select().from(users).where(eq(users.id, another.user.id));
    for (const hash of [user?.passwordHash, other?.passwordHash]) {
      t.match(hash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    }
    t.not(user?.passwordHash, other?.passwordHash, 'each has its own salt');
  });

  t.test('Neither registration nor login creates a membership', async (t) => {
    const account = await newAccount();
    const email = newEmail();
    await invite(account, account.owner, email);
    await register(email);
    const { body } = await verify(await tokenFor(email, 'verify-email'));
    const { body: session } = await logIn(email);

    t.same((await call('GET', '/v1/me/accounts', { token: session.accessToken })).body.items, []);
    t.equal((await call('GET', account.url, { token: session.accessToken })).code, 'not-found');
    const { id } = body.user as { id: UserId };
    t.same(await db.select().from(memberships).where(eq(memberships.userId, id)), []);
    const { body: mine } = await call('GET', '/v1/me/invites', { token: session.accessToken });
    t.equal(mine.items.length, 1, 'the invite is still pending');
  });
});

/** Converts a text to full-width letters, as a Japanese keyboard writes them. */
function toFullWidth(text: string): string {
  return text.replaceAll(/[!-~]/g, (it) => String.fromCodePoint((it.codePointAt(0) as number) + 0xfee0));
}
