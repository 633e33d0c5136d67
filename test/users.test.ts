import { eq } from 'drizzle-orm';
import t, { type Test } from 'tap';
import { memberships, registrations, users } from '../src/database/schema.ts';
import type { UserId } from '../src/ids.ts';
import { type CallOptions, day, newEmail, password, startService, type TestUser } from './support/service.ts';
import { tablesAsText } from './support/tables.ts';
import { fastestOf } from './support/timing.ts';

const second = 1000;
const minute = 60 * second;
const name = 'Adam Accountant';

t.test('users', async (t) => {
  const service = await startService(t, { passwordCost: 'recommended' });
  const { at, call, clock, db, invite, mailsTo, newAccount, newUser, tokenFor, travel } = service;

  const register = (email: string, more: object = {}) =>
    call('POST', '/v1/auth/register', { body: { email, password, name, ...more } });
  const verify = (token: string, more: object = {}) =>
    call('POST', '/v1/auth/verify-email', { body: { token, ...more } });
  const logIn = (email: string, secret = password) =>
    call('POST', '/v1/auth/login', { body: { email, password: secret } });
  const refresh = (refreshToken: string, from: Pick<CallOptions, 'headers' | 'remoteAddress'> = {}) =>
    call('POST', '/v1/auth/refresh', { body: { refreshToken }, ...from });
  const logOut = (refreshToken: string) => call('POST', '/v1/auth/logout', { body: { refreshToken } });
  const me = (token: string) => call('GET', '/v1/me', { token });

  t.test('POST /v1/auth/register', async (t) => {
    t.test('answers the same whether the address is known or not, and sends each the right mail', async (t) => {
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
      t.notMatch(toKnown?.text, /token=/, 'no link that could do anything');
      const [toUnknown] = await mailsTo(unknown);
      t.match(toUnknown?.subject, /verify|confirm/i);
      t.match(toUnknown?.text, /\/dev\/verify-email#token=/);
    });

    t.test('takes about as long whether the address is known or not', async (t) => {
      const known = await newUser();
      const times = await fastestOf({ known: () => register(known.email), unknown: () => register(newEmail()) });
      t.ok(times.known > 0.4 * times.unknown, `${times.known} ms against ${times.unknown} ms`);
    });

    t.test('makes no login before the address is verified', async (t) => {
      const email = newEmail();
      await register(email);
      await mailsTo(email);
      t.equal((await logIn(email)).code, 'wrong-credentials');
      t.same(await db.select().from(users).where(eq(users.email, email)), []);
    });

    t.test('never touches a user who exists', async (t) => {
      const user = await newUser(newEmail(), 'Olivia Owner');
      await register(user.email, { password: 'another long password', name: 'Mallory' });
      await mailsTo(user.email);
      t.equal((await logIn(user.email, 'another long password')).code, 'wrong-credentials');
      const { status, body } = await logIn(user.email);
      t.equal(status, 200);
      t.equal(body.user.name, 'Olivia Owner');
      t.equal((await me(user.token)).status, 200, 'and their session goes on');
    });

    t.test('asks for a name of 1 to 100 characters on one line', async (t) => {
      for (const wrong of [
        '',
        ' ',
        '\u00a0',
        'x'.repeat(101),
        'Adam\r\nBcc: eve@example.com',
        'Adam\u2028',
        'A\u0007',
      ]) {
        const { code, body } = await register(newEmail(), { name: wrong });
        t.equal(code, 'invalid-request', encodeURIComponent(wrong));
        t.match(body.errors, [{ pointer: '/name' }]);
      }
      for (const right of ['A', 'x'.repeat(100), '😀'.repeat(100), 'Zoë Ångström-O’Hara', '<b>Adam</b>']) {
        t.equal((await register(newEmail(), { name: right })).status, 202, right);
      }
    });
  });

  t.test('a password', async (t) => {
    const accepts = async (secret: string) => (await register(newEmail(), { password: secret })).status === 202;

    t.test('has 8 characters at least and may have more than 64, counted as a person counts them', async (t) => {
      t.notOk(await accepts('7 chars'));
      t.ok(await accepts('8 chars.'));
      t.ok(await accepts('sixty-four '.repeat(6).slice(0, 64)));
      t.ok(await accepts('very long '.repeat(25)), '250 characters');
      t.notOk(await accepts('x'.repeat(10_000)), 'there is an end to it');
      t.notOk(await accepts('🐎'.repeat(7)), 'seven outside the basic plane, which UTF-16 counts as fourteen');
      t.ok(await accepts('🐎'.repeat(8)));
      t.ok(await accepts('🐎'.repeat(64)));
    });

    t.test('follows no composition rule', async (t) => {
      for (const secret of ['90215837', 'zq zq zq', 'nur kleine buchstaben', '長い長い秘密の言葉', '!?!?!?!?.']) {
        t.ok(await accepts(secret), secret);
      }
    });

    t.test('that is among the most common is refused, in any case', async (t) => {
      for (const secret of ['password1', 'PassWord1', '12345678', 'qwertyuiop', 'iloveyou1', 'trustno1']) {
        const { code, body } = await register(newEmail(), { password: secret });
        t.equal(code, 'invalid-request', secret);
        t.match(body.errors, [{ pointer: '/password', detail: /common/ }]);
      }
    });

    t.test('is the same whichever keyboard the same keys are typed on', async (t) => {
      for (const [typed, again] of [
        ['Zoë rides a horse', 'Zoe\u0308 rides a horse'],
        ['ｆｕｌｌ width horse', 'full width horse'],
        ['한국어 비밀번호 열쇠', '한국어 비밀번호 열쇠'.normalize('NFD')],
      ] as const) {
        const email = newEmail();
        await register(email, { password: typed });
        await verify(await tokenFor(email));
        t.equal((await logIn(email, typed)).status, 200, typed);
        t.equal((await logIn(email, again)).status, 200, again);
      }
    });

    t.test('has its length counted in that one form', async (t) => {
      const tooShort = await register(newEmail(), { password: 'e\u0301'.repeat(7) });
      t.equal(tooShort.code, 'invalid-request', 'seven letters with accents');
      const right = ['e\u0301'.repeat(7).concat('!'), 'ﬃ'.repeat(3), 'e\u0301'.repeat(200)];
      for (const it of right) t.equal((await register(newEmail(), { password: it })).status, 202, it);
      t.equal((await register(newEmail(), { password: '\ufdfa'.repeat(60) })).code, 'invalid-request');
    });

    t.test('is otherwise taken exactly as sent', async (t) => {
      const exact = '  Leading, trailing and ｆｕｌｌ-width  ';
      const email = newEmail();
      await register(email, { password: exact });
      await verify(await tokenFor(email));
      t.equal((await logIn(email, exact)).status, 200);
      for (const near of [exact.trim(), exact.toLowerCase(), `${exact} `, exact.slice(0, -1)]) {
        t.equal((await logIn(email, near)).code, 'wrong-credentials', JSON.stringify(near));
      }
    });

    t.test('differs from another in its last character alone, however long', async (t) => {
      const email = newEmail();
      await register(email, { password: `${'long '.repeat(50)}a` });
      await verify(await tokenFor(email));
      t.equal((await logIn(email, `${'long '.repeat(50)}b`)).code, 'wrong-credentials');
      t.equal((await logIn(email, `${'long '.repeat(50)}a`)).status, 200);
    });
  });

  t.test('POST /v1/auth/verify-email', async (t) => {
    t.test('opens a session, for the user who registered', async (t) => {
      const email = newEmail();
      await register(email);
      const { status, body } = await verify(await tokenFor(email));
      t.equal(status, 200);
      t.match(body, { tokenType: 'Bearer', expiresIn: 600, user: { email, name } });
      t.same((await me(body.accessToken)).body, body.user);
      t.equal((await logIn(email)).status, 200);
    });

    t.test('works once', async (t) => {
      const email = newEmail();
      await register(email);
      const token = await tokenFor(email);
      t.equal((await verify(token)).status, 200);
      t.equal((await verify(token)).code, 'verification-token-invalid');
    });

    t.test('works within a day, and not after', async (t) => {
      const [early, late] = [newEmail(), newEmail()];
      await register(early);
      await register(late);
      const [inTime, tooLate] = [await tokenFor(early), await tokenFor(late)];
      travel(day - minute);
      t.equal((await verify(inTime)).status, 200);
      travel(2 * minute);
      t.equal((await verify(tooLate)).code, 'verification-token-invalid');
      t.equal((await logIn(late)).code, 'wrong-credentials');
    });

    t.test('takes no altered token', async (t) => {
      const email = newEmail();
      await register(email);
      const token = await tokenFor(email);
      const [header, payload, signature = ''] = token.split('.');
      const altered = `${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`;
      for (const wrong of ['x', '..', `${header}.${payload}.`, `${header}.${payload}.${altered}`, token.slice(0, -9)]) {
        t.equal((await verify(wrong)).code, 'verification-token-invalid', wrong.slice(-12));
      }
      t.equal((await verify(token)).status, 200, 'and a failed try uses nothing up');
    });

    const [early, later] = [
      { name: 'First', password: 'what the first one chose' },
      { name: 'Second', password: 'what the second one chose' },
    ];
    /** Two people register one address. @returns the address, and the token that each is sent. */
    async function registerTwice() {
      const email = newEmail();
      await register(email, early);
      const first = await tokenFor(email);
      travel(second);
      await register(email, later);
      return { email, first, second: await tokenFor(email) };
    }

    t.test(
      'lets the first of two registrations for one address win that is verified; the other link is dead',
      async (t) => {
        const { email, first, second } = await registerTwice();
        t.not(first, second);
        t.equal((await verify(second)).body.user.name, 'Second', 'whichever is verified first');
        t.equal((await verify(first)).code, 'verification-token-invalid');
        t.equal((await verify(first, { password: early.password })).code, 'verification-token-invalid');
        t.equal((await logIn(email, early.password)).code, 'wrong-credentials');
      },
    );

    t.test('leaves no password where several registered the address: whose it is, nobody can tell', async (t) => {
      const { email, second } = await registerTwice();
      const { status, body } = await verify(second);
      t.match({ status, user: body.user }, { status: 200, user: { email, name: 'Second', hasPassword: false } });
      t.equal((await me(body.accessToken)).body.hasPassword, false);
      for (const secret of [early.password, later.password]) {
        t.equal((await logIn(email, secret)).code, 'wrong-credentials', secret);
      }
      await call('POST', '/v1/auth/password-reset', { body: { email } });
      const token = await tokenFor(email, 'password-reset');
      const chosen = 'chosen by who reads the mailbox';
      const reset = await call('POST', '/v1/auth/password-reset/confirm', { body: { token, password: chosen } });
      t.match(reset.body.user, { id: body.user.id, hasPassword: true }, 'who reads the mailbox chooses one by a reset');
      t.equal((await logIn(email, chosen)).status, 200);
    });

    t.test('does not mind a registration whose time was over', async (t) => {
      const email = newEmail();
      await register(email, early);
      travel(day + minute);
      await register(email, later);
      const { body } = await verify(await tokenFor(email));
      t.match(body.user, { name: 'Second', hasPassword: true });
      t.equal((await logIn(email, later.password)).status, 200);
    });

    t.test('never touches a user who came in through an invite meanwhile', async (t) => {
      const account = await newAccount();
      const email = newEmail();
      await register(email, { name: 'Mallory', password: 'only Mallory knows this one' });
      const stale = await tokenFor(email);
      travel(second);
      await invite(account, account.owner, email);
      const body = { token: await tokenFor(email), register: { name, password } };
      t.equal((await call('POST', '/v1/invites/accept', { body })).status, 201);

      t.equal((await verify(stale)).code, 'verification-token-invalid');
      t.equal((await logIn(email, 'only Mallory knows this one')).code, 'wrong-credentials');
      t.equal((await logIn(email)).body.user.name, name);
    });
  });

  t.test('POST /v1/auth/login', async (t) => {
    t.test('answers the same for a wrong password and for an unknown address', async (t) => {
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

    t.test('finds a user by every spelling of the address, and by no other', async (t) => {
      const { email, id } = await newUser();
      const spellings = [
        email.toUpperCase(),
        email.replace('example', 'Example'),
        fullWidth(email),
        email.replaceAll('.', '\uff0e'),
      ];
      for (const spelling of spellings) t.equal((await logIn(spelling)).body.user?.id, id, spelling);
      t.equal((await logIn(email.replace('@', '+1@'))).code, 'wrong-credentials', 'a tag makes another address');
      for (const near of [` ${email}`, `${email}\u00a0`, `\ufeff\t${email}\u200b `]) {
        t.equal((await logIn(near)).body.user?.id, id, JSON.stringify(near));
      }
      for (const wrong of [`${email}.`, `${email}/`, email.replace('@', '@@'), 'someone', '']) {
        t.equal((await logIn(wrong)).code, 'invalid-request', JSON.stringify(wrong));
      }
    });

    t.test('knows a domain in another script by its one canonical form', async (t) => {
      const email = newEmail().replace('@', '@bücher.');
      await register(email.toUpperCase());
      const canonical = email.replace('bücher', 'xn--bcher-kva');
      const { status, body } = await verify(await tokenFor(canonical));
      t.equal(status, 200);
      t.equal(body.user.email, canonical);
      t.equal((await logIn(email)).status, 200);
      await register(canonical);
      t.match((await mailsTo(canonical))[0]?.subject, /have a login/i, 'and it can be registered once only');
    });
  });

  t.test('POST /v1/auth/refresh', async (t) => {
    t.test('gives new tokens of the same session, and works once for each refresh token', async (t) => {
      const user = await newUser();
      const first = await refresh(user.refreshToken);
      t.equal(first.status, 200);
      t.not(first.body.refreshToken, user.refreshToken);
      t.equal((await me(first.body.accessToken)).status, 200);
      t.equal((await me(user.token)).status, 200, 'the older access token is of the same session');
      const next = await refresh(first.body.refreshToken);
      t.equal(next.status, 200);
      t.equal(next.body.user.id, user.id);
    });

    /** A used token comes back, and was stolen: the session ends for both hands, and no other does. */
    async function endsAll(t: Test, user: TestUser, other: { accessToken: string }, comesBack: typeof refresh) {
      const { body: rotated } = await refresh(user.refreshToken);
      t.equal((await me(rotated.accessToken)).status, 200);
      t.equal((await comesBack(user.refreshToken)).code, 'unauthenticated');
      t.equal((await me(rotated.accessToken)).code, 'unauthenticated', 'on the very next request');
      t.equal((await me(user.token)).code, 'unauthenticated');
      t.equal((await refresh(rotated.refreshToken)).code, 'unauthenticated', 'for both hands that hold a token');
      t.equal((await me(other.accessToken)).status, 200, 'another session of theirs goes on');
    }

    t.test('ends the session at once when an old refresh token comes back from another client', async (t) => {
      const program = { headers: { 'user-agent': 'curl/8.0' } };
      for (const from of [program, { ...program, remoteAddress: '198.51.100.7' }]) {
        const user = await newUser();
        const other = (await logIn(user.email)).body;
        await endsAll(t, user, other, (token) => refresh(token, from));
      }
    });

    t.test('ends it when one comes back after five minutes, from the same client too', async (t) => {
      const user = await newUser();
      const other = (await logIn(user.email)).body;
      await at(clock(), async () => {
        const late = new Date(clock().getTime() + 300 * second + 1);
        await endsAll(t, user, other, (token) => at(late, () => refresh(token)));
      });
    });

    t.test('refuses what never was a refresh token', async (t) => {
      const user = await newUser();
      for (const wrong of ['x', user.token, user.refreshToken.slice(0, -1), `${user.refreshToken} `]) {
        t.equal((await refresh(wrong)).code, 'unauthenticated');
      }
      t.equal((await refresh(user.refreshToken)).status, 200);
    });
  });

  t.test('POST /v1/auth/logout', async (t) => {
    t.test('ends the session with the next request, and no other session', async (t) => {
      const user = await newUser();
      const other = (await logIn(user.email)).body;
      t.equal((await logOut(user.refreshToken)).status, 204);
      t.equal((await me(user.token)).code, 'unauthenticated');
      t.equal((await refresh(user.refreshToken)).code, 'unauthenticated');
      t.equal((await me(other.accessToken)).status, 200);
    });

    t.test('answers 204 for a token that never was, and for one that was used', async (t) => {
      t.equal((await logOut('never-was')).status, 204);
      const user = await newUser();
      const { body } = await refresh(user.refreshToken);
      t.equal((await logOut(user.refreshToken)).status, 204);
      t.equal((await me(body.accessToken)).code, 'unauthenticated', 'an older token names the session just as well');
    });
  });

  t.test('a session', async (t) => {
    t.test('needs a new access token after ten minutes', async (t) => {
      const user = await newUser();
      travel(590 * second);
      t.equal((await me(user.token)).status, 200);
      travel(11 * second);
      t.equal((await me(user.token)).code, 'unauthenticated');
      t.equal((await refresh(user.refreshToken)).status, 200);
    });

    t.test('ends when it was not refreshed for seven days', async (t) => {
      const [used, unused] = [await newUser(), await newUser()];
      travel(7 * day - minute);
      const { status, body } = await refresh(used.refreshToken);
      t.equal(status, 200);
      travel(2 * minute);
      t.equal((await refresh(unused.refreshToken)).code, 'unauthenticated');
      t.equal((await refresh(body.refreshToken)).status, 200, 'each use puts it off');
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
      t.equal((await me(last.accessToken)).code, 'unauthenticated', 'though the access token has minutes left');
      t.equal((await refresh(last.refreshToken)).code, 'unauthenticated');
    });
  });

  t.test('GET /v1/me answers the user, and nothing secret', async (t) => {
    const user = await newUser(newEmail(), 'Olivia Owner');
    const { status, body } = await me(user.token);
    t.equal(status, 200);
    t.same(Object.keys(body).sort(), ['createdAt', 'email', 'hasPassword', 'id', 'name']);
    t.match(body, { id: user.id, email: user.email, name: 'Olivia Owner', hasPassword: true });
  });

  t.test('secrets are stored only as hashes', async (t) => {
    const secret = 'a secret that is found nowhere';
    const email = newEmail();
    const unverified = newEmail();
    await register(email, { password: secret });
    await register(unverified, { password: secret });
    await mailsTo(unverified);
    const { body: first } = await verify(await tokenFor(email));
    const { body: second } = await refresh(first.refreshToken);
    const { body: third } = await logIn(email, secret);

    const tables = await tablesAsText(db);
    for (const table of ['users', 'registrations', 'sessions', 'refresh_tokens', 'outbox']) {
      t.ok((tables.get(table)?.length ?? 0) > 2, `${table} was looked through`);
    }
    const secrets = [secret, ...[first, second, third].flatMap((it) => [it.refreshToken, it.accessToken])];
    for (const [table, text] of tables) {
      t.notOk(
        secrets.some((it) => text.includes(it)),
        `${table} holds none in clear`,
      );
    }

    const [user] = await db.select().from(users).where(eq(users.email, email));
    const [registration] = await db.select().from(registrations).where(eq(registrations.email, unverified));
    for (const hash of [user?.passwordHash, registration?.passwordHash]) {
      t.match(hash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    }
    t.not(user?.passwordHash, registration?.passwordHash, 'each has its own salt');
  });

  t.test('nobody joins silently: neither registering nor logging in makes a membership', async (t) => {
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
    t.equal(mine.items.length, 1, 'the invite waits for their answer');
  });
});

/** The same text in full-width letters, as a Japanese keyboard writes it. */
function fullWidth(text: string): string {
  return text.replaceAll(/[!-~]/g, (it) => String.fromCodePoint((it.codePointAt(0) as number) + 0xfee0));
}
