import { eq } from 'drizzle-orm';
import t from 'tap';
import { emailChanges, passwordResets, registrations } from '../../src/database/schema.ts';
import { createRetention, deleteExpired } from '../../src/lifecycle/retention.ts';
import { day, newEmail, password, startService } from '../support/service.ts';
import { tablesAsText } from '../support/tables.ts';
import { until } from '../support/until.ts';

const minute = 60_000;
const { call, clock, db, mailsTo, newUser, service, tokenFor, travel } = await startService(t);

const register = (email: string) => call('POST', '/v1/auth/register', { body: { email } });
const requestReset = (email: string) => call('POST', '/v1/auth/password-reset', { body: { email } });

/**
 * A user who requested a change of address, with the new address and the token that confirms it.
 */
async function requestEmailChange() {
  const user = await newUser();
  const email = newEmail('changed');
  const body = { email, currentPassword: password };
  await call('POST', '/v1/me/email-change', { token: user.token, body });
  return { user, email, token: await tokenFor(email, 'email-change') };
}

/**
 * The tables that contain an address, except the mailbox, which replaces a mail service in tests.
 */
async function tablesWith(email: string): Promise<string[]> {
  const found = [...(await tablesAsText(db))].filter(([, text]) => text.includes(email));
  return found.map(([table]) => table).filter((it) => it !== 'mailbox');
}

async function deleteAll(): Promise<void> {
  while ((await deleteExpired(db, clock())).isMore);
}

t.test('A row with an unverified address', async (t) => {
  t.test('is deleted a day after a registration, even if the address is never registered again', async (t) => {
    const [expired, current] = [newEmail(), newEmail()];
    await register(expired);
    travel(minute);
    await register(current);
    const token = await tokenFor(current, 'verify-email');
    t.same(await tablesWith(expired), ['registrations']);
    travel(day - minute);
    await deleteAll();
    t.same(await tablesWith(expired), []);
    t.same(await tablesWith(current), ['registrations'], 'a registration is kept as long as its link is valid');
    travel(-2_000);
    const chosen = { name: 'Some Body', password };
    t.equal((await call('POST', '/v1/auth/verify-email', { body: { token, ...chosen } })).status, 201);
  });

  t.test('is deleted half an hour after a password reset of an address without a login', async (t) => {
    const email = newEmail();
    await requestReset(email);
    travel(29 * minute);
    await deleteAll();
    t.same(await tablesWith(email), ['password_resets']);
    travel(minute);
    await deleteAll();
    t.same(await tablesWith(email), []);
  });

  t.test('is deleted a day after a change of address, unless the change was confirmed', async (t) => {
    const { email } = await requestEmailChange();
    travel(day);
    await deleteAll();
    t.same(await tablesWith(email), []);
  });

  t.test('is kept once a change is confirmed: the mail to the old address is written from it', async (t) => {
    const { user, email, token } = await requestEmailChange();
    t.equal((await call('POST', '/v1/auth/email-change/confirm', { body: { token } })).status, 200);
    travel(2 * day);
    await deleteAll();
    t.match((await mailsTo(user.email))[0]?.subject, 'was changed');
    t.equal((await db.select().from(emailChanges).where(eq(emailChanges.email, email))).length, 1);
  });
});

t.test('Deleting expired rows', async (t) => {
  t.test('deletes a limited number of rows per table, and reports whether there may be more', async (t) => {
    await deleteAll();
    for (const email of [newEmail(), newEmail(), newEmail()]) {
      await register(email);
      await requestReset(email);
    }
    travel(day);
    t.same(await deleteExpired(db, clock(), 2), { deleted: 4, isMore: true });
    t.same(await deleteExpired(db, clock(), 2), { deleted: 2, isMore: false });
    t.same(await db.select().from(registrations), []);
    t.same(await db.select().from(passwordResets), []);
  });

  t.test('deletes each row once, even on several replicas at the same time', async (t) => {
    for (let i = 0; i < 20; i += 1) await register(newEmail());
    travel(day);
    const runs = await Promise.all(Array.from({ length: 5 }, () => deleteExpired(db, clock())));
    t.equal(
      runs.reduce((sum, it) => sum + it.deleted, 0),
      20,
    );
  });

  t.test('logs errors and throws none', async (t) => {
    const lines: unknown[] = [];
    const log = { info: (it: unknown) => void lines.push(it), warn: (it: unknown) => void lines.push(it) };
    const broken = createRetention({ db, clock: () => new Date(Number.NaN) }, log);
    t.equal(await broken.run(), false);
    t.match(lines, [{ err: Error }]);

    await register(newEmail());
    travel(day);
    const working = createRetention(service, log);
    t.equal(await working.run(), false);
    t.match(lines[1], { deleted: 1 });
  });

  t.test('runs from start to stop', async () => {
    const email = newEmail();
    await register(email);
    travel(day);
    const retention = createRetention(service, { info: () => {}, warn: () => {} });
    retention.start();
    await until('the registration to be deleted', async () => (await tablesWith(email)).length === 0);
    await retention.stop();
  });
});
