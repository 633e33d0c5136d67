import { and, eq, isNull } from 'drizzle-orm';
import t from 'tap';
import { emailChanges, identities, users } from '../../src/database/schema.ts';
import { newId, type UserId, uuidOf } from '../../src/ids/ids.ts';
import { createRaces, type Lock, tally } from '../support/races.ts';
import {
  day,
  needsPostgres,
  newEmail,
  password,
  startService,
  type TestAnswer,
  type TestUser,
} from '../support/service.ts';

const second = 1000;
const minute = 60 * second;
const changed = 'another long password';
const other = 'yet another long secret';
const wrong = 'the wrong password';
const resetUrl = 'https://app.example.com/reset#token={token}';
const emailChangeUrl = 'https://app.example.com/confirm#token={token}';

const service = await startService(t, { env: { RESET_URL: resetUrl, EMAIL_CHANGE_URL: emailChangeUrl } });
const { call, db, invite, mailsTo, newAccount, newUser, tokenFor, travel } = service;
const { meet, whileLocked } = createRaces(service);

type Tokens = Pick<TestUser, 'token' | 'refreshToken'>;

const me = (token: string) => call('GET', '/v1/me', { token });
const refresh = (refreshToken: string) => call('POST', '/v1/auth/refresh', { body: { refreshToken } });
const logIn = (email: string, secret = password) =>
  call('POST', '/v1/auth/login', { body: { email, password: secret } });
const requestReset = (email: string) => call('POST', '/v1/auth/password-reset', { body: { email } });
const reset = (token: string, secret = changed) =>
  call('POST', '/v1/auth/password-reset/confirm', { body: { token, password: secret } });
const changePassword = ({ token }: Tokens, newPassword = changed, currentPassword = password) =>
  call('PUT', '/v1/me/password', { token, body: { currentPassword, newPassword } });
const requestEmailChange = ({ token }: Tokens, email: string, currentPassword = password) =>
  call('POST', '/v1/me/email-change', { token, body: { email, currentPassword } });
const confirmEmail = (token: string) => call('POST', '/v1/auth/email-change/confirm', { body: { token } });
const register = (email: string) => call('POST', '/v1/auth/register', { body: { email } });
const verify = (token: string, chosen: { name: string; password: string }) =>
  call('POST', '/v1/auth/verify-email', { body: { token, ...chosen } });

/** Another session of a user. */
async function anotherSession({ email }: { email: string }, secret = password): Promise<Tokens> {
  const { body } = await logIn(email, secret);
  return { token: body.accessToken, refreshToken: body.refreshToken };
}

/** A user with the token of a reset link. */
async function newUserWithResetLink() {
  const user = await newUser();
  return { user, link: await requestResetLink(user.email) };
}

/** Requests a password reset. @returns the token of the link. */
async function requestResetLink(email: string): Promise<string> {
  travel(second);
  await requestReset(email);
  return tokenFor(email, 'password-reset');
}

/** Requests an address change. @returns the new address and the token of its link. */
async function requestEmailChangeLink(user: Tokens, email = newEmail('changed')) {
  travel(second);
  await requestEmailChange(user, email);
  return { email, link: await tokenFor(email, 'email-change') };
}

/** @returns those of the passwords that log in. */
async function findWorkingPasswords(email: string, ...secrets: string[]): Promise<string[]> {
  const answers = await Promise.all(secrets.map(async (secret) => ({ secret, ...(await logIn(email, secret)) })));
  return answers.filter((it) => it.status === 200).map((it) => it.secret);
}

/** Whether a session is active, by its access token and by its refresh token. */
async function isActive({ token, refreshToken }: Tokens): Promise<boolean> {
  const hasEnded = [await me(token), await refresh(refreshToken)].map((it) => it.code === 'unauthenticated');
  if (hasEnded[0] !== hasEnded[1]) throw new Error('only one of the two tokens works');
  return !hasEnded[0];
}

const change = ({ id }: { id: string }, changes: Partial<typeof users.$inferInsert>) =>
  db
    .update(users)
    .set(changes)
    .where(eq(users.id, id as UserId));
const removePassword = (user: TestUser) => change(user, { passwordHash: null });
const addIdentity = ({ id }: TestUser) =>
  db.insert(identities).values({
    id: newId('idn'),
    userId: id as UserId,
    issuer: 'https://login.example.com',
    subject: id,
    createdAt: new Date(),
  });

/** A response without the parts that differ in each request. */
function comparable({ status, body, headers }: TestAnswer) {
  const { 'x-request-id': _, date: __, ...rest } = headers;
  return { status, body, headers: rest };
}

const userLock = ({ id }: TestUser): Lock => ({
  statement: 'select from users where id = $1 for update',
  values: [uuidOf('usr', id as UserId)],
});
const resetsLock = (email: string): Lock => ({
  statement: 'select from password_resets where email = $1 for update',
  values: [email],
});

const emailChangeLock = ({ id }: TestUser): Lock => ({
  statement: 'select from email_changes where user_id = $1 for update',
  values: [uuidOf('usr', id as UserId)],
});

const subjects = async (email: string) => (await mailsTo(email)).map((it) => it.subject);
const resetMail = 'Choose a new password';
const changedMail = 'Your password was changed';

t.test('POST /v1/auth/password-reset', async (t) => {
  t.test('responds the same to every address', async (t) => {
    const [known, disabled, passwordless] = [await newUser(), await newUser(), await newUser()];
    await change(disabled, { disabledAt: new Date() });
    await removePassword(passwordless);
    const unverified = newEmail();
    await register(unverified);
    const answers: TestAnswer[] = [];
    for (const email of [known.email, newEmail(), disabled.email, passwordless.email, unverified]) {
      answers.push(await requestReset(email));
    }
    t.equal(answers[0]?.status, 202);
    for (const answer of answers) t.same(comparable(answer), comparable(answers[0] as TestAnswer));
  });

  t.test('sends a link only to addresses with an active user', async (t) => {
    const [known, disabled] = [await newUser(), await newUser()];
    await change(disabled, { disabledAt: new Date() });
    const [unknown, unverified] = [newEmail(), newEmail()];
    await register(unverified);
    const all = [known.email, disabled.email, unknown, unverified];
    await Promise.all(all.map(mailsTo));
    travel(second);
    const headers = {
      host: 'evil.example.com',
      'x-forwarded-host': 'evil.example.com',
      origin: 'https://evil.example.com',
    };
    for (const email of all) await call('POST', '/v1/auth/password-reset', { body: { email }, headers });

    const [mail] = await mailsTo(known.email);
    t.equal(mail?.subject, resetMail);
    const [before = ''] = resetUrl.split('{token}');
    for (const text of [mail?.text, mail?.html]) {
      t.ok(text?.includes(before), 'the token is in the fragment');
      t.notMatch(text, /evil|[?&][^#\s]*token/, 'the link does not depend on the request');
    }
    for (const email of [disabled.email, unknown, unverified]) t.notOk((await subjects(email)).includes(resetMail));
  });

  t.test('finds the user by another spelling of the address', async (t) => {
    const { email } = await newUser();
    t.equal((await requestReset(email.toUpperCase())).status, 202);
    t.equal((await reset(await tokenFor(email, 'password-reset'))).status, 200);
  });

  t.test('changes neither the password nor the sessions', async (t) => {
    const { user } = await newUserWithResetLink();
    t.ok(await isActive(user));
    t.same(await findWorkingPasswords(user.email, password), [password]);
  });

  t.test('sends a notice without a link to a user who logs in only at an identity provider', async (t) => {
    const user = await newUser();
    await removePassword(user);
    await addIdentity(user);
    travel(second);
    await requestReset(user.email);
    const [mail] = await mailsTo(user.email);
    t.equal(mail?.subject, 'You log in without a password');
    for (const text of [mail?.text, mail?.html]) t.notMatch(text, /token=|https?:/);
  });

  t.test('sends a link to a user with a password and an identity, and to one with neither', async (t) => {
    const [both, neither] = [await newUser(), await newUser()];
    await addIdentity(both);
    await removePassword(neither);
    for (const { email } of [both, neither]) {
      const { status, body } = await reset(await requestResetLink(email));
      t.match({ status, body }, { status: 200, body: { user: { hasPassword: true } } });
      t.same(await findWorkingPasswords(email, changed), [changed]);
    }
  });
});

t.test('POST /v1/auth/password-reset/confirm', async (t) => {
  t.test('sets the password and opens a session', async (t) => {
    const { user, link } = await newUserWithResetLink();
    const { status, body } = await reset(link);
    t.match({ status, body }, { status: 200, body: { tokenType: 'Bearer', user: { id: user.id, email: user.email } } });
    t.ok(await isActive({ token: body.accessToken, refreshToken: body.refreshToken }));
    t.same(await findWorkingPasswords(user.email, password, changed), [changed]);
  });

  t.test('ends every other session, with its refresh token', async (t) => {
    const { user, link } = await newUserWithResetLink();
    const sessions = [user, await anotherSession(user)];
    const stranger = await newUser();
    const { body } = await reset(link);
    for (const session of sessions) t.notOk(await isActive(session));
    t.ok(await isActive(stranger));
    const { body: list } = await call('GET', '/v1/me/sessions', { token: body.accessToken });
    t.match(list.items, [{ isCurrent: true }]);
    t.equal(list.items.length, 1);
  });

  t.test('notifies the user by mail', async (t) => {
    const { user, link } = await newUserWithResetLink();
    travel(second);
    await reset(link);
    const [mail] = await mailsTo(user.email);
    t.equal(mail?.subject, changedMail);
    t.notMatch(mail?.text, /token=/);
    t.equal((await mailsTo(user.email)).filter((it) => it.subject === changedMail).length, 1);
  });

  t.test('works once for a token', async (t) => {
    const { user, link } = await newUserWithResetLink();
    t.equal((await reset(link)).status, 200);
    t.match(await reset(link, other), { status: 400, code: 'password-reset-token-invalid' });
    t.same(await findWorkingPasswords(user.email, changed, other), [changed]);
  });

  t.test('succeeds once for fifty concurrent requests with one token', async (t) => {
    const { user, link } = await newUserWithResetLink();
    const secrets = Array.from({ length: 50 }, (_, i) => `a long secret, the ${i}.`);
    const answers = await meet(resetsLock(user.email), ...secrets.map((secret) => () => reset(link, secret)));
    t.same(tally(answers), { 200: 1, '400 password-reset-token-invalid': 49 });
    const winner = answers.findIndex((it) => it.status === 200);
    t.same(await findWorkingPasswords(user.email, ...secrets.slice(winner, winner + 1), password), [secrets[winner]]);
    const { body } = await call('GET', '/v1/me/sessions', { token: answers[winner]?.body.accessToken });
    t.equal(body.items.length, 2, 'the session of the reset, and that of the login in this test');
    t.equal((await mailsTo(user.email)).filter((it) => it.subject === changedMail).length, 1);
  });

  t.test('accepts the token for thirty minutes', async (t) => {
    const [early, late] = [await newUserWithResetLink(), await newUserWithResetLink()];
    travel(30 * minute - 5 * second);
    t.equal((await reset(early.link)).status, 200);
    travel(10 * second);
    t.equal((await reset(late.link)).code, 'password-reset-token-invalid');
    t.same(await findWorkingPasswords(late.user.email, password, changed), [password]);
  });

  t.test('works with either of two links and invalidates the other', async (t) => {
    for (const isOlder of [true, false]) {
      const { user, link: older } = await newUserWithResetLink();
      const newer = await requestResetLink(user.email);
      t.not(older, newer);
      const [used, left] = isOlder ? [older, newer] : [newer, older];
      t.equal((await reset(used)).status, 200);
      t.equal((await reset(left, other)).code, 'password-reset-token-invalid');
      t.same(await findWorkingPasswords(user.email, changed, other), [changed]);
    }
  });

  t.test('is refused after the password was changed in another way', async (t) => {
    const { user, link } = await newUserWithResetLink();
    t.equal((await changePassword(user)).status, 204);
    t.equal((await reset(link, other)).code, 'password-reset-token-invalid');
    t.same(await findWorkingPasswords(user.email, changed, other), [changed]);
  });

  t.test('is refused after the address was changed', async (t) => {
    const { user, link } = await newUserWithResetLink();
    const { email, link: confirmation } = await requestEmailChangeLink(user);
    t.equal((await confirmEmail(confirmation)).status, 200);
    t.equal((await reset(link)).code, 'password-reset-token-invalid');
    t.same(await findWorkingPasswords(email, password, changed), [password]);
    const next = await newUser(user.email);
    t.equal(
      (await reset(link)).code,
      'password-reset-token-invalid',
      'also if the address belongs to another user by now',
    );
    t.ok(await isActive(next));
  });

  t.test('refuses a password that is easy to guess and leaves the link valid', async (t) => {
    const { user, link } = await newUserWithResetLink();
    const [local = ''] = user.email.split('@');
    for (const weak of ['short', 'password1', user.email, `${local}!`, 'x'.repeat(300)]) {
      const { status, code, body } = await reset(link, weak);
      t.match({ status, code }, { status: 400, code: 'invalid-request' }, weak.slice(0, 40));
      t.match(body.errors, [{ pointer: '/password' }]);
    }
    t.ok(await isActive(user));
    t.equal((await reset(link)).status, 200);
  });

  t.test('refuses every other kind of token', async (t) => {
    const { user, link } = await newUserWithResetLink();
    const { link: emailLink } = await requestEmailChangeLink(user);
    const unverified = newEmail();
    await register(unverified);
    const [header, payload, signature = ''] = link.split('.');
    const altered = `${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`;
    const foreign = [user.token, user.refreshToken, emailLink, await tokenFor(unverified, 'verify-email')];
    for (const token of ['x', '..', `${header}.${payload}.`, `${header}.${payload}.${altered}`, ...foreign]) {
      t.match(await reset(token), { status: 400, code: 'password-reset-token-invalid' }, token.slice(-12));
    }
    t.equal((await reset(link)).status, 200, 'a failed attempt leaves the link valid');
  });

  t.test('is refused while the user is disabled and leaves the link valid', async (t) => {
    const { user, link } = await newUserWithResetLink();
    await change(user, { disabledAt: new Date() });
    t.match(await reset(link), { status: 403, code: 'user-disabled' });
    await change(user, { disabledAt: null });
    t.same(await findWorkingPasswords(user.email, password, changed), [password]);
    t.equal((await reset(link)).status, 200);
  });

  t.test(
    'leaves no active session to a concurrent login with the old password',
    { skip: needsPostgres() },
    async (t) => {
      const { user, link } = await newUserWithResetLink();
      // Blocks the reset after it has ended the sessions.
      const [resetting, loggingIn] = await whileLocked(outboxLock, async (untilWaiting) => {
        const resetting = reset(link);
        await untilWaiting(1);
        const loggingIn = logIn(user.email);
        await Promise.race([loggingIn, untilWaiting(2)]);
        return [resetting, loggingIn] as const;
      });
      t.equal((await resetting).status, 200);
      t.ok(await hasNoActiveSession(await loggingIn));
    },
  );

  t.test('refuses every concurrent use of the old password', { skip: needsPostgres() }, async (t) => {
    const account = await newAccount();
    const { user, link } = await newUserWithResetLink();
    const thief = await anotherSession(user);
    await invite(account, account.owner, user.email);
    const token = await tokenFor(user.email, 'invite');
    const login = { email: user.email, password };
    const email = newEmail('thief');
    const [resetting, ...others] = await whileLocked(outboxLock, async (untilWaiting) => {
      const resetting = reset(link);
      await untilWaiting(1);
      const accepting = call('POST', '/v1/invites/accept', { body: { token, login } });
      await Promise.race([accepting, untilWaiting(2)]);
      const asking = requestEmailChange(thief, email);
      await untilWaiting(3);
      return [resetting, accepting, asking] as const;
    });
    t.equal((await resetting).status, 200);
    const [accepting, asking] = await Promise.all(others);
    t.equal(accepting?.code, 'wrong-credentials');
    t.equal(asking?.code, 'password-wrong');
    t.same(await mailsTo(email), []);
    t.equal(
      (await call('POST', '/v1/invites/preview', { body: { token } })).status,
      200,
      'the invite is still pending',
    );
  });

  t.test('and a concurrent password change: one of them succeeds, without a deadlock', async (t) => {
    for (const isFirst of [true, false]) {
      const { user, link } = await newUserWithResetLink();
      const requests = [() => reset(link, changed), () => changePassword(user, other)];
      const answers = await meet(resetsLock(user.email), ...(isFirst ? requests : requests.reverse()));
      const [resetting, changing] = isFirst ? answers : answers.reverse();
      const isReset = resetting?.status === 200;
      t.equal(changing?.code, isReset ? 'password-wrong' : undefined);
      t.equal(resetting?.code, isReset ? undefined : 'password-reset-token-invalid');
      t.same(await findWorkingPasswords(user.email, changed, other, password), [isReset ? changed : other]);
    }
  });
});

t.test('PUT /v1/me/password', async (t) => {
  t.test('requires the current password', async (t) => {
    const user = await newUser();
    t.match(await changePassword(user, changed, wrong), { status: 403, code: 'password-wrong' });
    t.equal((await call('PUT', '/v1/me/password', { body: {} })).code, 'unauthenticated');
    t.ok(await isActive(user));
    t.same(await findWorkingPasswords(user.email, password, changed), [password]);
  });

  t.test('ends the other sessions and keeps the current one', async (t) => {
    const user = await newUser();
    const others = [await anotherSession(user), await anotherSession(user)];
    const { status, body } = await changePassword(user);
    t.same([status, body], [204, undefined]);
    for (const session of others) t.notOk(await isActive(session));
    t.ok(await isActive(user));
    t.same(await findWorkingPasswords(user.email, password, changed), [changed]);
  });

  t.test('notifies the user by mail', async (t) => {
    const user = await newUser();
    travel(second);
    await changePassword(user);
    const [mail] = await mailsTo(user.email);
    t.equal(mail?.subject, changedMail);
    t.notMatch(mail?.text, /token=/);
  });

  t.test('refuses a password that is easy to guess', async (t) => {
    const user = await newUser();
    for (const weak of ['short', 'password1', user.email, 'x'.repeat(300)]) {
      const { code, body } = await changePassword(user, weak);
      t.equal(code, 'invalid-request', weak.slice(0, 40));
      t.match(body.errors, [{ pointer: '/newPassword' }]);
    }
    t.same(await findWorkingPasswords(user.email, password), [password]);
    t.notOk((await subjects(user.email)).includes(changedMail));
  });

  t.test('responds no-password to a user without a password', async (t) => {
    const user = await newUser();
    await removePassword(user);
    t.match(await changePassword(user), { status: 409, code: 'no-password' });
    t.match(await requestEmailChange(user, newEmail()), { status: 409, code: 'no-password' });
  });

  t.test('succeeds once for concurrent changes', async (t) => {
    const user = await newUser();
    const secrets = Array.from({ length: 6 }, (_, i) => `a long secret, the ${i}.`);
    const answers = await meet(userLock(user), ...secrets.map((secret) => () => changePassword(user, secret)));
    t.same(tally(answers), { 204: 1, '403 password-wrong': 5 });
    const winner = secrets[answers.findIndex((it) => it.status === 204)];
    t.same(await findWorkingPasswords(user.email, password, ...secrets), [winner]);
    t.equal((await mailsTo(user.email)).filter((it) => it.subject === changedMail).length, 1);
  });

  t.test(
    'leaves no active session to a concurrent login with the old password',
    { skip: needsPostgres() },
    async (t) => {
      const user = await newUser();
      const other = await anotherSession(user);
      // Blocks the change while it ends a session, after it has replaced the password.
      const [changing, loggingIn] = await whileLocked(sessionLock(other), async (untilWaiting) => {
        const changing = changePassword(user);
        await untilWaiting(1);
        const loggingIn = logIn(user.email);
        await Promise.race([loggingIn, untilWaiting(2)]);
        return [changing, loggingIn] as const;
      });
      t.equal((await changing).status, 204);
      t.ok(await hasNoActiveSession(await loggingIn));
    },
  );
});

t.test('Guesses of the current password are limited', async (t) => {
  const limited = await startService(t, { env: { RATE_LIMITS: '' } });
  const limit = { max: 10, window: 15 * minute };
  const guess = (user: TestUser, currentPassword = wrong) =>
    limited.call('PUT', '/v1/me/password', { token: user.token, body: { currentPassword, newPassword: changed } });
  const user = await limited.newUser();
  const stranger = await limited.newUser();
  const start = limited.clock();
  const after = (milliseconds: number) => new Date(start.getTime() + milliseconds);

  await limited.at(start, async () => {
    const requestEmailChange = { token: user.token, body: { email: newEmail(), currentPassword: wrong } };
    for (let i = 0; i < limit.max; i += 1) {
      const answer = await (i % 2 ? limited.call('POST', '/v1/me/email-change', requestEmailChange) : guess(user));
      t.equal(answer.code, 'password-wrong', 'on every route that requires it');
    }
    const refused = await guess(user, password);
    t.match(refused, { status: 429, code: 'too-many-requests', body: { retryAfter: limit.window / second } });
    t.equal(refused.headers['retry-after'], String(limit.window / second));
    t.equal((await guess(stranger)).code, 'password-wrong', 'other users are not limited');
    t.equal((await limited.call('GET', '/v1/me', { token: user.token })).status, 200, 'the session stays active');
  });
  const token = await limited.at(after(limit.window), () => limited.logIn(user));
  t.equal((await limited.at(after(limit.window - 1), () => guess({ ...user, token }, password))).status, 429);
  t.equal((await limited.at(after(limit.window), () => guess({ ...user, token }, password))).status, 204);
});

t.test('POST /v1/me/email-change', async (t) => {
  t.test('requires the current password', async (t) => {
    const user = await newUser();
    const email = newEmail();
    t.match(await requestEmailChange(user, email, wrong), { status: 403, code: 'password-wrong' });
    t.same(await mailsTo(email), []);
  });

  t.test('responds the same to every address and sends each the right mail', async (t) => {
    const [user, existing] = [await newUser(), await newUser()];
    const free = newEmail();
    travel(second);
    const answers = [
      await requestEmailChange(user, existing.email),
      await requestEmailChange(user, user.email),
      await requestEmailChange(user, free),
    ];
    t.equal(answers[0]?.status, 202);
    for (const answer of answers) t.same(comparable(answer), comparable(answers[0] as TestAnswer));

    const [mail] = await mailsTo(free);
    t.equal(mail?.subject, 'Confirm your new e-mail address');
    t.ok(mail?.text.includes(emailChangeUrl.split('{token}')[0] as string), 'the token is in the fragment');
    for (const it of [mail?.text, mail?.html]) t.ok(it?.includes(user.email), 'the mail contains the old address');
  });

  t.test('sends a notice without a link to an address that already has a login', async (t) => {
    const [user, existing] = [await newUser(), await newUser()];
    travel(second);
    await requestEmailChange(user, existing.email.toUpperCase());
    const [mail] = await mailsTo(existing.email);
    t.equal(mail?.subject, 'You already have a login');
    t.notMatch(mail?.text, /token=/);
    t.ok(await isActive(existing));
  });

  t.test('does not change the login: the old address works, the new one does not', async (t) => {
    const user = await newUser();
    const { email } = await requestEmailChangeLink(user);
    t.equal((await logIn(email)).code, 'wrong-credentials');
    t.equal((await logIn(user.email)).status, 200);
    t.equal((await me(user.token)).body.email, user.email);
  });

  t.test('replaces an earlier request, whose link stops working', async (t) => {
    const user = await newUser();
    const older = await requestEmailChangeLink(user);
    const newer = await requestEmailChangeLink(user);
    t.match(await confirmEmail(older.link), { status: 400, code: 'email-change-token-invalid' });
    t.equal((await logIn(user.email)).status, 200);
    t.equal((await confirmEmail(newer.link)).status, 200);
    t.equal((await logIn(newer.email)).status, 200);
  });

  t.test('leaves one request if several are made at once', async (t) => {
    const user = await newUser();
    const emails = [newEmail(), newEmail(), newEmail()];
    const answers = await meet(userLock(user), ...emails.map((email) => () => requestEmailChange(user, email)));
    t.same(tally(answers), { 202: 3 });
    const waiting = await db
      .select()
      .from(emailChanges)
      .where(and(eq(emailChanges.userId, user.id as UserId), isNull(emailChanges.confirmedAt)));
    t.equal(waiting.length, 1);
  });

  t.test('and a concurrent confirmation of an earlier request do not deadlock', async (t) => {
    for (const isFirst of [true, false]) {
      const user = await newUser();
      const older = await requestEmailChangeLink(user);
      const email = newEmail();
      const requests = [() => confirmEmail(older.link), () => requestEmailChange(user, email)];
      const answers = await meet(emailChangeLock(user), ...(isFirst ? requests : requests.reverse()));
      const [confirming, asking] = isFirst ? answers : answers.reverse();
      t.equal(asking?.status, 202);
      t.equal((await me(user.token)).body.email, confirming?.status === 200 ? older.email : user.email);
      t.ok(confirming?.status === 200 || confirming?.code === 'email-change-token-invalid', `${confirming?.status}`);
    }
  });

  t.test('refuses an invalid address and points to the field', async (t) => {
    const user = await newUser();
    for (const email of ['x', '', 'a@b', `${'x'.repeat(300)}@example.com`, 'a@example.com\r\nBcc: b@example.com']) {
      const { code, body } = await requestEmailChange(user, email);
      t.equal(code, 'invalid-request', email.slice(0, 40));
      t.match(body.errors, [{ pointer: '/email' }]);
    }
  });
});

t.test('POST /v1/auth/email-change/confirm', async (t) => {
  t.test('replaces the old address with the new one', async (t) => {
    const user = await newUser();
    const { email, link } = await requestEmailChangeLink(user);
    const { status, body } = await confirmEmail(link);
    t.same({ status, body }, { status: 200, body: { email } });
    t.match((await logIn(email)).body, { user: { id: user.id, email } });
    t.equal((await logIn(user.email)).code, 'wrong-credentials');
    t.equal((await me(user.token)).body.email, email);
    const again = await newUser(user.email);
    t.not(again.id, user.id, 'the old address can be registered by another user');
  });

  t.test('notifies the old address and masks the new one', async (t) => {
    const user = await newUser();
    const { email, link } = await requestEmailChangeLink(user, newEmail('olivia.secret'));
    travel(second);
    await confirmEmail(link);
    const [mail] = await mailsTo(user.email);
    t.equal(mail?.subject, 'Your e-mail address was changed');
    for (const text of [mail?.text, mail?.html]) {
      t.ok(text?.includes('o…@example.com'));
      t.notMatch(text, email);
      t.notMatch(text, /secret|token=/);
    }
  });

  t.test('ends every session except the one that requested the change', async (t) => {
    const user = await newUser();
    const other = await anotherSession(user);
    const { link } = await requestEmailChangeLink(user);
    await confirmEmail(link);
    t.notOk(await isActive(other));
    t.ok(await isActive(user));
  });

  t.test('works once for a token, also with fifty concurrent requests', async (t) => {
    const user = await newUser();
    const { email, link } = await requestEmailChangeLink(user);
    const requests = Array.from({ length: 50 }, () => () => confirmEmail(link));
    t.same(tally(await meet(userLock(user), ...requests)), { 200: 1, '400 email-change-token-invalid': 49 });
    t.equal((await confirmEmail(link)).code, 'email-change-token-invalid');
    t.equal((await me(user.token)).body.email, email);
    t.equal((await subjects(user.email)).filter((it) => it === 'Your e-mail address was changed').length, 1);
  });

  t.test('accepts the token for a day', async (t) => {
    const [early, late] = [await newUser(), await newUser()];
    const [inTime, tooLate] = [await requestEmailChangeLink(early), await requestEmailChangeLink(late)];
    travel(day - 5 * second);
    t.equal((await confirmEmail(inTime.link)).status, 200);
    travel(10 * second);
    t.equal((await confirmEmail(tooLate.link)).code, 'email-change-token-invalid');
    t.equal((await logIn(late.email)).status, 200);
  });

  t.test('is refused if another user has the address by now, and changes nothing', async (t) => {
    const user = await newUser();
    const { email, link } = await requestEmailChangeLink(user);
    const other = await anotherSession(user);
    const winner = await newUser(email);
    t.match(await confirmEmail(link), { status: 400, code: 'email-change-token-invalid' });
    t.equal((await me(user.token)).body.email, user.email);
    t.equal((await me(winner.token)).body.email, email);
    t.ok(await isActive(other));
    t.notOk((await subjects(user.email)).includes('Your e-mail address was changed'));
  });

  t.test('succeeds for one of two users who confirm the same address at once', async (t) => {
    const pair = [await newUser(), await newUser()];
    const email = newEmail();
    const links: string[] = [];
    for (const user of pair) links.push((await requestEmailChangeLink(user, email)).link);
    const both = {
      statement: 'select from users where email = any($1) for update',
      values: [pair.map((it) => it.email)],
    };
    const answers = await meet(both, ...links.map((link) => () => confirmEmail(link)));
    t.same(tally(answers), { 200: 1, '400 email-change-token-invalid': 1 });
    const addresses = await Promise.all(pair.map(async ({ token }) => (await me(token)).body.email));
    const expected = pair.map((user, i) => (answers[i]?.status === 200 ? email : user.email));
    t.same(addresses, expected);
  });

  t.test('is refused if the user was disabled since', async (t) => {
    const user = await newUser();
    const { link } = await requestEmailChangeLink(user);
    await change(user, { disabledAt: new Date() });
    t.equal((await confirmEmail(link)).code, 'email-change-token-invalid');
    await change(user, { disabledAt: null });
    t.equal((await me(user.token)).body.email, user.email);
  });

  t.test('is refused after the password was changed or reset', async (t) => {
    const [changer, resetter] = [await newUser(), await newUser()];
    const requested = [
      await requestEmailChangeLink(await anotherSession(changer)),
      await requestEmailChangeLink(await anotherSession(resetter)),
    ];
    t.equal((await changePassword(changer)).status, 204);
    t.equal((await reset(await requestResetLink(resetter.email))).status, 200);
    for (const { email, link } of requested) {
      t.equal((await confirmEmail(link)).code, 'email-change-token-invalid');
      t.equal((await logIn(email, changed)).code, 'wrong-credentials');
    }
    for (const { email } of [changer, resetter]) t.same(await findWorkingPasswords(email, changed), [changed]);
  });

  t.test('and a concurrent password reset: one of them succeeds completely, without a deadlock', async (t) => {
    for (const isFirst of [true, false]) {
      const { user, link } = await newUserWithResetLink();
      const requested = await requestEmailChangeLink(user);
      const requests = [() => reset(link), () => confirmEmail(requested.link)];
      const answers = await meet(resetsLock(user.email), ...(isFirst ? requests : requests.reverse()));
      const [resetting, confirming] = isFirst ? answers : answers.reverse();
      t.ok(
        answers.every((it) => it.status < 500),
        JSON.stringify(tally(answers)),
      );
      t.same([resetting?.status, confirming?.status].sort(), [200, 400], 'one of them succeeds');
      const [email, secret] = resetting?.status === 200 ? [user.email, changed] : [requested.email, password];
      t.same(await findWorkingPasswords(email, secret), [secret]);
    }
  });

  t.test('refuses every other kind of token', async (t) => {
    const { user, link } = await newUserWithResetLink();
    for (const token of ['x', '..', link, user.token, user.refreshToken]) {
      t.match(await confirmEmail(token), { status: 400, code: 'email-change-token-invalid' }, token.slice(-12));
    }
  });

  t.test('lets the user accept invites for the new address, and no longer those for the old one', async (t) => {
    const [first, second] = [await newAccount(), await newAccount()];
    const user = await newUser();
    const { email, link } = await requestEmailChangeLink(user);
    await invite(first, first.owner, user.email);
    await invite(second, second.owner, email);
    const [forOld, forNew] = [await tokenFor(user.email, 'invite'), await tokenFor(email, 'invite')];
    const accept = (token: string) => call('POST', '/v1/invites/accept', { body: { token }, token: user.token });
    t.equal((await accept(forNew)).code, 'invite-for-another-address', 'not before the change is confirmed');
    await confirmEmail(link);

    const { body } = await call('GET', '/v1/me/invites', { token: user.token });
    t.match(body.items, [{ account: { id: second.id } }]);
    t.equal(body.items.length, 1);
    t.equal((await accept(forOld)).code, 'invite-for-another-address');
    t.equal((await accept(forNew)).status, 201);
  });
});

t.test('If several people register one address,', async (t) => {
  const owners = { name: 'Olivia Owner', password: 'a password of the owner of the mailbox' };
  const others = { name: 'Somebody Else', password: 'chosen behind the other link' };

  /**
   * Mallory and the owner of the mailbox both register the address.
   * @returns the tokens of both mails, which the owner gets.
   */
  async function bothRegister() {
    const email = newEmail();
    await register(email);
    const first = await tokenFor(email, 'verify-email');
    travel(second);
    await register(email);
    return { email, first, second: await tokenFor(email, 'verify-email') };
  }

  t.test('the owner of the mailbox gets the login, whichever link they open', async (t) => {
    for (const [used, unused] of [
      ['first', 'second'],
      ['second', 'first'],
    ] as const) {
      const registered = await bothRegister();
      const { email } = registered;
      const { status, body } = await verify(registered[used], owners);
      t.match({ status, body }, { status: 201, body: { user: { email, name: owners.name, hasPassword: true } } });
      t.equal(
        (await verify(registered[unused], others)).code,
        'verification-token-invalid',
        `the ${unused} link stops working`,
      );
      t.same(await findWorkingPasswords(email, owners.password, others.password), [owners.password]);
    }
  });

  t.test('only one user is created if both links are used at once', async (t) => {
    const { email, first, second: newer } = await bothRegister();
    const newest: Lock = {
      statement: 'select from registrations where email = $1 order by id desc limit 1 for update',
      values: [email],
    };
    const answers = await meet(
      newest,
      () => verify(newer, owners),
      () => verify(first, others),
    );
    t.same(tally(answers), { 201: 1, '400 verification-token-invalid': 1 });
    const winner = answers[0]?.status === 201 ? owners : others;
    t.same(await findWorkingPasswords(email, owners.password, others.password), [winner.password]);
  });
});

t.test('A token, password or address that is not a valid string is refused with its pointer', async (t) => {
  const { user, link } = await newUserWithResetLink();
  const { link: emailLink } = await requestEmailChangeLink(user);
  const unverified = newEmail();
  await register(unverified);
  const verification = await tokenFor(unverified, 'verify-email');
  const { token } = user;
  const calls: [Method: 'POST' | 'PUT', url: string, body: Record<string, string>, credential?: string][] = [
    ['POST', '/v1/auth/login', { email: user.email, password }],
    ['POST', '/v1/auth/register', { email: newEmail() }],
    ['POST', '/v1/auth/refresh', { refreshToken: user.refreshToken }],
    ['POST', '/v1/auth/logout', { refreshToken: user.refreshToken }],
    ['POST', '/v1/auth/verify-email', { token: verification, name: 'Some Body', password }],
    ['POST', '/v1/auth/password-reset', { email: user.email }],
    ['POST', '/v1/auth/password-reset/confirm', { token: link, password: changed }],
    ['POST', '/v1/auth/email-change/confirm', { token: emailLink }],
    ['PUT', '/v1/me/password', { currentPassword: password, newPassword: changed }, token],
    ['POST', '/v1/me/email-change', { email: newEmail(), currentPassword: password }, token],
    ['POST', '/v1/me/identities', { accessToken: 'x', currentPassword: password }, token],
  ];
  for (const [method, url, body, credential] of calls) {
    for (const field of Object.keys(body).filter((it) => it !== 'name')) {
      const values: [what: string, value: unknown][] = [
        ['null', null],
        ['empty', ''],
        ['an array', [body[field]]],
        ['an empty array', []],
        ['an object', { $ne: '' }],
        ['an object with toString and length', { toString: 'x', length: 20 }],
        ['a number', 12345678],
        ['true', true],
        ['NUL', `${body[field]}\0`],
        ['an unpaired surrogate', '\ud800 is half a character'],
        ['too long', 'x'.repeat(20_000)],
        ['missing', undefined],
      ];
      for (const [what, value] of values) {
        const answer = await call(method, url, { token: credential, body: { ...body, [field]: value } });
        t.match(answer, { status: 400, code: 'invalid-request' }, `${url} ${field}: ${what}`);
        t.match(answer.body.errors, [{ pointer: `/${field}` }]);
      }
      const huge = await call(method, url, { token: credential, body: { ...body, [field]: 'x'.repeat(1_000_000) } });
      t.match(huge, { status: 413, code: 'too-large' }, `${url} ${field}: a megabyte`);
    }
  }
  t.ok(await isActive(user), 'nothing was changed');
  t.same(await findWorkingPasswords(user.email, password), [password]);
  t.equal((await confirmEmail(emailLink)).status, 200, 'the link is still valid');
  t.equal((await verify(verification, { name: 'Some Body', password })).status, 201);
});

/** Blocks transactions when they enqueue a mail. */
const outboxLock: Lock = { statement: 'lock table outbox in share mode', values: [] };

function sessionLock({ token }: Tokens): Lock {
  const { sid } = JSON.parse(Buffer.from(token.split('.')[1] as string, 'base64url').toString());
  return { statement: 'select from sessions where id = $1 for update', values: [uuidOf('ses', sid)] };
}

/** Whether a login was refused or its session has ended. */
async function hasNoActiveSession({ status, code, body }: TestAnswer): Promise<boolean> {
  if (status !== 200) return code === 'wrong-credentials';
  return !(await isActive({ token: body.accessToken, refreshToken: body.refreshToken }));
}
