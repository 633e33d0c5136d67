import t from 'tap';
import { uuidOf } from '../../src/ids/ids.ts';
import { createRaces, type Lock, untilWaiting } from '../support/races.ts';
import { needsPostgres, newEmail, password, startService, type TestUser } from '../support/service.ts';

const service = await startService(t);
const { call, newUser, newAccount, invite, tokenFor } = service;
const { ownTransaction, whileLocked } = createRaces(service);

const other = 'seven quiet lighthouses';
const me = (token: string) => call('GET', '/v1/me', { token });
const logIn = ({ email }: TestUser, secret = password) =>
  call('POST', '/v1/auth/login', { body: { email, password: secret } });
const change = ({ token }: TestUser, newPassword = other) =>
  call('PUT', '/v1/me/password', { token, body: { currentPassword: password, newPassword } });

const userLock = ({ id }: TestUser): Lock => ({
  statement: 'select from users where id = $1 for no key update',
  values: [uuidOf('usr', id as `usr_${string}`)],
});

/** Makes two requests wait for the lock of a user's row, so that the first gets it first. */
async function inOrder<A, B>(user: TestUser, first: () => Promise<A>, second: () => Promise<B>) {
  const answers = await whileLocked(userLock(user), async (untilWaiting) => {
    const one = first();
    await untilWaiting(1);
    const two = second();
    await untilWaiting(2);
    return { one, two };
  });
  return [await answers.one, await answers.two] as const;
}

t.test('A login with the old password during a password change', { skip: needsPostgres() }, async (t) => {
  await t.test('opens no session if the change comes first', async (t) => {
    const user = await newUser();
    const [changed, login] = await inOrder(
      user,
      () => change(user),
      () => logIn(user),
    );
    t.equal(changed.status, 204);
    t.equal(login.code, 'wrong-credentials');
    t.equal((await logIn(user, other)).status, 200);
  });

  await t.test('opens a session that the change ends if the login comes first', async (t) => {
    const user = await newUser();
    const [login, changed] = await inOrder(
      user,
      () => logIn(user),
      () => change(user),
    );
    t.equal(changed.status, 204);
    t.equal(login.status, 200);
    t.equal((await me(login.body.accessToken)).code, 'unauthenticated');
    t.equal((await me(user.token)).status, 200, 'the session that made the change stays active');
  });

  await t.test('that accepts an invite opens no session that outlives the change', async (t) => {
    const user = await newUser();
    const account = await newAccount();
    await invite(account, account.owner, user.email);
    const token = await tokenFor(user.email, 'invite');
    const body = { token, login: { email: user.email, password } };
    const accept = () => call('POST', '/v1/invites/accept', { body });
    const [changed, accepted] = await inOrder(user, () => change(user), accept);
    t.equal(changed.status, 204);
    if (accepted.status === 201) t.equal((await me(accepted.body.session.accessToken)).code, 'unauthenticated');
    else t.equal(accepted.code, 'wrong-credentials');
    const { status } = await call('GET', account.url, { token: user.token });
    t.equal(status, accepted.status === 201 ? 200 : 404, 'the accept is complete or did not happen');
  });
});

t.test('A login opens no session if its user is disabled at the same time', { skip: needsPostgres() }, async (t) => {
  const user = await newUser();
  const login = await ownTransaction(async (client) => {
    await client.query('update users set disabled_at = now() where id = $1', userLock(user).values);
    const login = logIn(user);
    await untilWaiting(client, 1);
    await client.query('commit');
    return login;
  });
  t.equal(login.code, 'wrong-credentials');
});

t.test('Only one of two concurrent password changes succeeds', { skip: needsPostgres() }, async (t) => {
  const user = await newUser();
  const [first, second] = await inOrder(
    user,
    () => change(user, 'the first of two lanterns'),
    () => change(user, 'the second of two lanterns'),
  );
  t.equal(first.status, 204);
  t.equal(second.code, 'password-wrong', 'the password it verified is no longer current');
  t.equal((await logIn(user, 'the first of two lanterns')).status, 200);
});

t.test(
  'An address change cannot be requested with a password that is being replaced',
  { skip: needsPostgres() },
  async (t) => {
    const user = await newUser();
    const email = newEmail();
    const requestChange = () =>
      call('POST', '/v1/me/email-change', { token: user.token, body: { email, currentPassword: password } });
    const [changed, requested] = await inOrder(user, () => change(user), requestChange);
    t.equal(changed.status, 204);
    t.equal(requested.code, 'password-wrong');
  },
);
