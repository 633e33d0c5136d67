import { eq } from 'drizzle-orm';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import t from 'tap';
import type { DatabaseChoice } from '../../src/database/database.ts';
import { abuseReports, invites, users } from '../../src/database/schema.ts';
import { type AccountId, type InviteId, type UserId, uuidOf } from '../../src/ids/ids.ts';
import { reportsAt } from '../../src/invites/refusals/reports.ts';
import { signReportToken } from '../../src/invites/token.ts';
import { generateSigningKeys, parseSigningKeys } from '../../src/tokens/keys.ts';
import { signLinkToken } from '../../src/tokens/link-token.ts';
import { buildOnce, runProgram } from '../support/process.ts';
import { createRaces, type Lock } from '../support/races.ts';
import {
  type Access,
  day,
  freshDatabase,
  needsPostgres,
  newEmail,
  password,
  startService,
  type TestAccount,
  type TestUser,
} from '../support/service.ts';
import { tablesAsText } from '../support/tables.ts';

const logged: string[] = [];
const started = await startService(t, {
  env: { LOG_LEVEL: 'info', REPORT_URL: 'https://app.example.com/report#token={token}' },
  logTo: { write: (line) => void logged.push(line) },
});
const { app, service, db, call, newAccount, newMember, newUser, invite, mailsTo, tokenFor, logIn, at, clock } = started;
const { meet } = createRaces(started);

const invoices: Access = { permissions: ['invoices:read'] };

const report = (token: unknown) => call('POST', '/v1/invites/report', { body: { token } });
const byLink = (what: 'preview' | 'decline' | 'accept' | 'opt-out', token: string, more: object = {}) =>
  call('POST', `/v1/invites/${what}`, { body: { token, ...more } });
const register = { name: 'Adam', password };
const act = (account: TestAccount, id: string, what: 'resend' | 'revoke', by = account.owner) =>
  call('POST', `${account.url}/invites/${id}/${what}`, { token: by.token });
const find = async (account: TestAccount, id: string) =>
  (await call('GET', `${account.url}/invites/${id}`, { token: account.owner.token })).body;

/** Sends an invite. Returns it with the tokens of the links in its mail. */
async function sentInvite(account: TestAccount, email = newEmail(), by = account.owner) {
  const { body } = await invite(account, by, email, invoices);
  const [accept, optOut, report] = [
    await tokenFor(email, 'invite'),
    await tokenFor(email, 'opt-out'),
    await tokenFor(email, 'report'),
  ];
  return { id: body.id as InviteId, email, accept, optOut, report };
}

const reportsOf = (account: TestAccount) =>
  db
    .select()
    .from(abuseReports)
    .where(eq(abuseReports.accountId, account.id as AccountId));

/** The lines about reports in the audit log, from a line on. */
const reportedSince = (lines: number) =>
  logged
    .slice(lines)
    .map((it) => JSON.parse(it))
    .filter((it) => it.event === 'invite_reported');

/** Runs with the clock set days ahead and the user logged in again. */
const daysLater = <T>(days: number, who: TestUser, run: (then: TestUser) => Promise<T>) =>
  at(new Date(clock().getTime() + days * day), async () => run({ ...who, token: await logIn(who) }));

t.test('The report link', async (t) => {
  t.test('is the last link in both parts of an invite’s mail, after the inviter’s name', async (t) => {
    const account = await newAccount();
    const sent = await sentInvite(account);
    const [mail] = await mailsTo(sent.email);
    for (const part of [mail?.text, mail?.html]) {
      const links = part?.match(/https?:\/\/[\w.:]+\/[\w/-]+#token=[\w.-]+/g) ?? [];
      t.equal(links.at(-1), `https://app.example.com/report#token=${sent.report}`);
    }
    t.match(mail?.text, /Don’t know Olivia Owner\?\nReport this invite:/);
  });

  t.test('has a token with the account and the invite and no other claims, valid for two years', async (t) => {
    const account = await newAccount();
    const sent = await sentInvite(account);
    const { iat = 0, exp = 0, ...claims } = decodeJwt(sent.report);
    t.same(claims, {
      acc: account.id,
      inv: sent.id,
      iss: 'http://localhost:3000',
      aud: 'http://localhost:3000/report',
    });
    t.match(decodeProtectedHeader(sent.report), { alg: 'EdDSA', typ: 'report+jwt' });
    t.ok(Math.abs(exp - iat - 2 * 365 * 86_400) <= 1);
  });

  t.test('changes nothing when it is opened', async (t) => {
    const account = await newAccount();
    const sent = await sentInvite(account);
    const before = await tablesAsText(db);
    t.equal((await app.inject({ url: '/dev/report' })).statusCode, 200);
    for (const method of ['GET', 'HEAD'] as const) {
      const followed = await app.inject({ method, url: `/v1/invites/report?token=${sent.report}` });
      t.equal(followed.statusCode, 405, 'the route cannot be opened with GET or HEAD');
    }
    t.same(await tablesAsText(db), before);
  });

  t.test('has a token that no other route accepts, and accepts no other token', async (t) => {
    const account = await newAccount();
    const sent = await sentInvite(account);
    for (const what of ['preview', 'decline', 'accept'] as const) {
      const refused = await byLink(what, sent.report, what === 'accept' ? { register } : {});
      t.equal(refused.code, 'invite-token-invalid', what);
    }
    t.equal((await byLink('opt-out', sent.report)).code, 'opt-out-token-invalid');
    const oneClick = await call('POST', `/v1/invites/opt-out/one-click?token=${sent.report}`, {
      body: 'List-Unsubscribe=One-Click',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    t.equal(oneClick.code, 'opt-out-token-invalid');
    const verified = await call('POST', '/v1/auth/verify-email', {
      body: { token: sent.report, name: 'Eve', password },
    });
    t.equal(verified.code, 'verification-token-invalid');
    t.equal((await call('GET', '/v1/me', { token: sent.report })).code, 'unauthenticated');
    for (const token of [sent.accept, sent.optOut, account.owner.token]) {
      t.equal((await report(token)).code, 'report-token-invalid');
    }
    t.equal((await find(account, sent.id)).status, 'pending');
    t.same(await reportsOf(account), []);
  });
});

t.test('POST /v1/invites/report', async (t) => {
  t.test('records the report, opts the address out and declines the invite, without a login', async (t) => {
    const account = await newAccount();
    const manager = await newMember(account, { permissions: ['invites:manage', 'invoices:read'] });
    const sent = await sentInvite(account, newEmail(), manager);
    const { status, body } = await report(sent.report);
    t.equal(status, 200);
    t.same(body, { account: { id: account.id, name: 'Example Hosting' }, email: sent.email });
    t.match(await reportsOf(account), [{ inviteId: sent.id, invitedBy: manager.id, createdAt: Date }]);
    t.equal((await find(account, sent.id)).status, 'declined');
    t.equal((await byLink('accept', sent.accept, { register })).code, 'invite-declined');
    t.equal((await invite(account, account.owner, sent.email, invoices)).code, 'opted-out');
    t.equal((await act(account, sent.id, 'resend')).code, 'invite-declined');
    const other = await newAccount();
    t.equal(
      (await invite(other, other.owner, sent.email, invoices)).status,
      201,
      'other accounts can invite the address',
    );
  });

  t.test('looks like an opt-out to the account', async (t) => {
    const account = await newAccount();
    const [reported, declined] = [await sentInvite(account), await sentInvite(account)];
    await report(reported.report);
    await byLink('opt-out', declined.optOut);
    const own = ['id', 'email', 'createdAt', 'expiresAt', 'lastSentAt', 'delivery'];
    const seen = async ({ id }: { id: string }) =>
      Object.fromEntries(Object.entries(await find(account, id)).filter(([key]) => !own.includes(key)));
    t.same(await seen(reported), await seen(declined));
    const refusals = [reported, declined].map(({ email }) => invite(account, account.owner, email, invoices));
    const [one, other] = (await Promise.all(refusals)).map((it) => ({ ...it.body, requestId: '' }));
    t.same(one, other);
    const list = await call('GET', `${account.url}/invites`, { token: account.owner.token });
    t.notMatch(JSON.stringify(list.body), /report/i);
  });

  t.test('writes one line to the audit log, with the inviter and without addresses', async (t) => {
    const account = await newAccount();
    const sent = await sentInvite(account);
    const before = logged.length;
    await report(sent.report);
    await report(sent.report);
    const lines = reportedSince(before);
    t.equal(lines.length, 1);
    t.match(lines[0], {
      msg: 'security',
      outcome: 'success',
      route: '/v1/invites/report',
      inviterId: account.owner.id,
      accountId: account.id,
      inviteId: sent.id,
    });
    t.notOk('userId' in lines[0] || 'address' in lines[0]);
    t.notMatch(logged.slice(before).join(''), /@|eyJ/);
  });

  t.test('is idempotent', async (t) => {
    const account = await newAccount();
    const sent = await sentInvite(account);
    const first = await report(sent.report);
    const before = await tablesAsText(db);
    await at(new Date(clock().getTime() + day), async () => t.same((await report(sent.report)).body, first.body));
    const together = await Promise.all(Array.from({ length: 10 }, () => report(sent.report)));
    for (const again of together) t.same([again.status, again.body], [200, first.body]);
    t.same(await tablesAsText(db), before);
  });

  t.test('records one report of a resent invite, about its inviter at the time of the report', async (t) => {
    const account = await newAccount();
    const adam = await newUser();
    const manager = await newMember(account, { allPermissions: true });
    const sent = await sentInvite(account, adam.email, manager);
    await act(account, sent.id, 'resend');
    const newer = await tokenFor(adam.email, 'report');
    t.equal((await report(sent.report)).status, 200, 'by the older link');
    t.equal((await report(newer)).status, 200);
    t.match(await reportsOf(account), [{ invitedBy: account.owner.id }], 'the inviter at the time of the report');
    t.equal((await reportsOf(account)).length, 1);
  });

  t.test('accepts the link of a decided invite, and does not change the invite', async (t) => {
    const account = await newAccount();
    const accepted = await sentInvite(account);
    const joined = await byLink('accept', accepted.accept, { register });
    const declined = await sentInvite(account);
    await byLink('decline', declined.accept);
    const revoked = await sentInvite(account);
    await act(account, revoked.id, 'revoke');
    const optedOut = await sentInvite(account);
    await byLink('opt-out', optedOut.optOut);
    for (const [status, sent] of Object.entries({ accepted, declined, revoked })) {
      const before = await find(account, sent.id);
      t.equal(before.status, status);
      t.equal((await report(sent.report)).status, 200, status);
      t.same(await find(account, sent.id), before);
    }
    t.equal((await report(optedOut.report)).status, 200);
    t.equal((await reportsOf(account)).length, 4);
    t.equal((await invite(account, account.owner, revoked.email, invoices)).code, 'opted-out');
    const mine = await call('GET', '/v1/me/accounts', { token: joined.body.session.accessToken });
    t.equal(mine.body.items.length, 1, 'a member stays a member');
  });

  t.test('accepts the link of an expired invite, for two years', async (t) => {
    const account = await newAccount();
    const [sent, other] = [await sentInvite(account), await sentInvite(account)];
    await daysLater(729, account.owner, async (owner) => {
      t.equal((await report(sent.report)).status, 200);
      t.equal((await find({ ...account, owner }, sent.id)).status, 'expired');
    });
    await daysLater(731, account.owner, async () => t.equal((await report(other.report)).code, 'report-token-invalid'));
    t.equal((await reportsOf(account)).length, 1);
  });

  t.test('is kept when the opt-out is removed', async (t) => {
    const account = await newAccount();
    const adam = await newUser();
    const sent = await sentInvite(account, adam.email);
    await report(sent.report);
    t.equal((await call('DELETE', `/v1/me/opt-outs/${account.id}`, { token: adam.token })).status, 204);
    t.equal((await invite(account, account.owner, adam.email, invoices)).status, 201);
    t.equal((await reportsOf(account)).length, 1);
  });

  t.test('refuses invalid tokens, and changes nothing', async (t) => {
    const [account, other] = [await newAccount(), await newAccount()];
    const sent = await sentInvite(account);
    const elsewhere = await sentInvite(other);
    const [header = '', payload = '', signature = ''] = sent.report.split('.');
    const times = { now: clock(), expiresAt: new Date(clock().getTime() + day) };
    const named = { acc: account.id, inv: sent.id };
    const ours = { keys: service.signingKeys, issuer: service.config.issuer };
    const stranger = { ...ours, keys: parseSigningKeys(await generateSigningKeys()) };
    const ids = { accountId: account.id as AccountId, inviteId: sent.id };
    const wrong: Record<string, string | Promise<string>> = {
      'cut short': sent.report.slice(0, -4),
      'without a signature': `${header}.${payload}.`,
      'with a byte changed': `${header}.${payload}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`,
      'of another kind with the same claims': signLinkToken(ours, 'opt-out', named, times),
      'signed by foreign keys': signLinkToken(stranger, 'report', named, times),
      'of another issuer': signReportToken(
        { signingKeys: ours.keys, config: { issuer: 'https://x.example.com' } },
        ids,
        clock(),
      ),
      'with another account': signLinkToken(ours, 'report', { ...named, acc: other.id }, times),
      'with an invite of another account': signLinkToken(ours, 'report', { ...named, inv: elsewhere.id }, times),
      'without an invite': signLinkToken(ours, 'report', { acc: account.id }, times),
      'with an invite id that is not one': signLinkToken(ours, 'report', { ...named, inv: account.id }, times),
      'of nothing at all': 'a.b.c',
    };
    for (const [what, token] of Object.entries(wrong)) {
      const refused = await report(await token);
      t.equal(refused.status, 400, what);
      t.equal(refused.code, 'report-token-invalid', what);
      t.notMatch(JSON.stringify(refused.body), sent.email);
    }
    for (const token of [null, '', 1, [sent.report], `${sent.report}\0`, 'x'.repeat(5000)]) {
      t.match((await report(token)).code, /^(invalid-request|report-token-invalid)$/);
    }
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const asForm = await call('POST', '/v1/invites/report', { body: `token=${sent.report}`, headers: form });
    t.equal(asForm.code, 'unsupported-media-type');
    const more = { token: sent.report, email: newEmail() };
    t.equal((await call('POST', '/v1/invites/report', { body: more })).code, 'invalid-request');
    for (const it of [account, other]) t.same(await reportsOf(it), []);
    t.equal((await find(account, sent.id)).status, 'pending');
    t.equal((await find(other, elsewhere.id)).status, 'pending');
  });
});

t.test('A report at the same time as another decision', async (t) => {
  const holdAccount = ({ id }: TestAccount): Lock => ({
    statement: 'select from accounts where id = $1 for no key update',
    values: [uuidOf('acc', id as AccountId)],
  });
  const holdInvite = (id: InviteId): Lock => ({
    statement: 'select from invites where id = $1 for no key update',
    values: [uuidOf('inv', id)],
  });
  const accept = (token: string) => () => byLink('accept', token, { register });

  t.test('after an accept, is recorded and does not end the membership', { skip: needsPostgres() }, async (t) => {
    const account = await newAccount();
    const sent = await sentInvite(account);
    const [accepted, reported] = await meet(holdAccount(account), accept(sent.accept), () => report(sent.report));
    t.same([accepted?.status, reported?.status], [201, 200]);
    t.equal((await find(account, sent.id)).status, 'accepted');
    t.equal((await reportsOf(account)).length, 1);
    t.equal((await invite(account, account.owner, sent.email, invoices)).code, 'already-member');
  });

  t.test('before an accept, prevents the membership', async (t) => {
    const account = await newAccount();
    const sent = await sentInvite(account);
    const [reported, accepted] = await meet(holdAccount(account), () => report(sent.report), accept(sent.accept));
    t.same([reported?.status, accepted?.code], [200, 'invite-declined']);
    t.equal((await find(account, sent.id)).status, 'declined');
    const members = await call('GET', `${account.url}/members`, { token: account.owner.token });
    t.equal(members.body.items.length, 1);
  });

  t.test('before a resend, prevents the resend', { skip: needsPostgres() }, async (t) => {
    const account = await newAccount();
    const sent = await sentInvite(account);
    const resend = () => act(account, sent.id, 'resend');
    const [reported, resent] = await meet(holdInvite(sent.id), () => report(sent.report), resend);
    t.equal(reported?.status, 200);
    t.match(resent?.code, /^(invite-declined|opted-out)$/);
    t.equal((await find(account, sent.id)).status, 'declined');
    t.equal((await invite(account, account.owner, sent.email, invoices)).code, 'opted-out');
  });

  t.test('with more reports and an opt-out, is recorded and logged once', async (t) => {
    const account = await newAccount();
    const sent = await sentInvite(account);
    const before = logged.length;
    const reports = Array.from({ length: 6 }, () => () => report(sent.report));
    const answers = await meet(holdAccount(account), ...reports, () => byLink('opt-out', sent.optOut));
    for (const { status } of answers) t.equal(status, 200);
    t.equal((await reportsOf(account)).length, 1);
    t.equal(reportedSince(before).length, 1);
  });
});

t.test('npm run reports', { skip: needsPostgres('the same on either database, once is enough') }, async (t) => {
  await buildOnce();

  const run = (choice: DatabaseChoice, ...words: string[]) => runProgram('reports', choice, words);
  const choice = await freshDatabase(t);
  const emails: string[] = [];
  let newest: InviteId[] = [];

  // A separate service, which closes the embedded database at the end, for the next process.
  await t.test('lists reports', async (t) => {
    const { db, call, invite, newAccount, tokenFor } = await startService(t, { database: choice });
    const [one, two] = [await newAccount('One'), await newAccount('Two')];

    /** Creates an invite that was reported some days ago. */
    async function reported(account: TestAccount, daysAgo: number): Promise<InviteId> {
      const email = newEmail('reporter');
      emails.push(email);
      const { body } = await invite(account, account.owner, email, invoices);
      await call('POST', '/v1/invites/report', { body: { token: await tokenFor(email, 'report') } });
      const createdAt = new Date(clock().getTime() - daysAgo * day);
      await db.update(abuseReports).set({ createdAt }).where(eq(abuseReports.inviteId, body.id));
      return body.id;
    }
    const [old, older, first, second, third] = [
      await reported(one, 31),
      await reported(one, 40),
      await reported(two, 3),
      await reported(one, 2),
      await reported(two, 1),
    ];
    newest = [third, second, first, old, older];
    const personOf = ({ id, email }: TestUser) => ({ id, name: 'Olivia Owner', email, disabledAt: null });

    await t.test('newest first, with account, inviter and invite, and the most reported inviters', async (t) => {
      const { reports, inviters } = await reportsAt(db, clock(), 50);
      t.same(
        reports.map((it) => it.invite.id),
        newest,
      );
      t.match(reports[0], {
        reportedAt: Date,
        account: { id: two.id, name: 'Two' },
        inviter: personOf(two.owner),
        invite: { id: third, status: 'declined' },
      });
      t.same(inviters, [
        { ...personOf(two.owner), reports: 2 },
        { ...personOf(one.owner), reports: 1 },
      ]);
    });

    await t.test('with the status of the invite, and with disabled inviters', async (t) => {
      const isFirst = eq(invites.id, first);
      await db.update(invites).set({ status: 'pending', expiresAt: clock() }).where(isFirst);
      const disabledAt = clock();
      await db
        .update(users)
        .set({ disabledAt })
        .where(eq(users.id, one.owner.id as UserId));
      const { reports, inviters } = await reportsAt(db, new Date(clock().getTime() + 1), 50);
      t.equal(reports[2]?.invite.status, 'expired');
      t.match(reports[1]?.inviter, { id: one.owner.id, disabledAt });
      t.match(inviters[1], { id: one.owner.id, disabledAt });
    });
  });

  await t.test('prints JSON, up to the limit, without the addresses of invitees', async (t) => {
    const all = await run(choice);
    t.equal(all.code, 0, all.stderr);
    const printed = JSON.parse(all.stdout);
    t.same(Object.keys(printed), ['reports', 'inviters']);
    t.same(
      printed.reports.map((it: { invite: { id: string } }) => it.invite.id),
      newest,
    );
    for (const email of emails) t.notOk(all.stdout.includes(email));
    const few = JSON.parse((await run(choice, '--limit=1')).stdout);
    t.same([few.reports.length, few.inviters.length], [1, 1]);
    t.equal(few.reports[0].invite.id, newest[0]);
  });

  await t.test('exits 2 and prints the usage on usage errors', async (t) => {
    for (const words of [
      ['--limit=0'],
      ['--limit=1001'],
      ['--limit=x'],
      ['--limit'],
      ['all'],
      ['--all'],
      ['--limit=-1'],
    ]) {
      t.match(await run(choice, ...words), { code: 2, stdout: '', stderr: /^Usage:/ }, words.join(' '));
    }
  });
});
