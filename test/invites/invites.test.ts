import t from 'tap';
import { newId } from '../../src/ids/ids.ts';
import {
  type Access,
  day,
  newEmail,
  password,
  startService,
  type TestAccount,
  type TestUser,
} from '../support/service.ts';

const { call, newAccount, newMember, newUser, invite, sendInvite, listAll, mailsTo, tokenFor, logIn, at, clock } =
  await startService(t);

const only = (...permissions: string[]): Access => ({ permissions });
const all: Access = { allPermissions: true };
const invoices = only('invoices:read');

const inviteUrl = (account: TestAccount, id: string) => `${account.url}/invites/${id}`;

/** Resends or revokes an invite. */
const act = (account: TestAccount, by: TestUser, id: string, what: 'resend' | 'revoke') =>
  call('POST', `${inviteUrl(account, id)}/${what}`, { token: by.token });

const patch = (account: TestAccount, by: TestUser, id: string, body: unknown) =>
  call('PATCH', inviteUrl(account, id), { body, token: by.token });

const get = async (account: TestAccount, id: string) =>
  (await call('GET', inviteUrl(account, id), { token: account.owner.token })).body;

const byLink = (what: 'preview' | 'decline' | 'accept', token: string, more: object = {}) =>
  call('POST', `/v1/invites/${what}`, { body: { token, ...more } });

const accept = (token: string, name = 'Adam Accountant') => byLink('accept', token, { register: { name, password } });

/** The ids of all invites in a list, from the first page or from a cursor. */
async function idsInPages(url: string, token: string, cursor?: string): Promise<string[]> {
  return (await listAll(url, token, cursor)).map((it) => it.id);
}

/** Sends an invite of the owner. Returns it with the token of its link. */

/** How to decide an invite, by the problem that it answers then. */
const decided = {
  'invite-accepted': {
    status: 409,
    async decide(account: TestAccount) {
      const sent = await sendInvite(account);
      await accept(sent.token);
      return sent;
    },
  },
  'invite-declined': {
    status: 410,
    async decide(account: TestAccount) {
      const sent = await sendInvite(account);
      await byLink('decline', sent.token);
      return sent;
    },
  },
  'invite-revoked': {
    status: 410,
    async decide(account: TestAccount) {
      const sent = await sendInvite(account);
      await act(account, account.owner, sent.id, 'revoke');
      return sent;
    },
  },
};

/** Runs eight days later, when all invites of today have expired, with the user logged in again. */
const eightDaysLater = <T>(who: TestUser, run: (then: TestUser) => Promise<T>) =>
  at(new Date(clock().getTime() + 8 * day), async () => run({ ...who, token: await logIn(who) }));

t.test('POST /v1/accounts/:accountId/invites', async (t) => {
  t.test('creates a pending invite, and sends a mail with an Accept Invite link', async (t) => {
    const account = await newAccount('Example Hosting');
    const email = newEmail('adam');
    const before = clock().getTime();
    const made = await invite(account, account.owner, email, only('invoices:read', 'invoices:pay'), { message: 'Hi' });
    t.equal(made.status, 201);
    t.match(made.body, {
      id: /^inv_/,
      email,
      access: { allPermissions: false, permissions: ['invoices:pay', 'invoices:read'] },
      status: 'pending',
      message: 'Hi',
      invitedBy: { id: account.owner.id, name: 'Olivia Owner' },
      sendings: 1,
      lastSentAt: null,
      lastAttempt: null,
    });
    const lifetime = Date.parse(made.body.expiresAt) - Date.parse(made.body.createdAt);
    t.equal(lifetime, 7 * day, 'seven days by default');
    t.ok(Date.parse(made.body.createdAt) >= before - 1);
    const listed = await call('GET', `${account.url}/invites?status=pending`, { token: account.owner.token });
    t.same(listed.body, { items: [made.body], nextCursor: null });
    t.same(await get(account, made.body.id), made.body);
    const mails = await mailsTo(email);
    t.equal(mails.length, 1);
    t.match(mails[0], {
      subject: /Olivia Owner/,
      text: /Example Hosting[\s\S]*#token=/,
      html: /Example Hosting[\s\S]*#token=/,
    });
    t.not((await get(account, made.body.id)).lastSentAt, null, 'the invite shows when it was sent');
  });

  t.test('takes the lifetime from the request, or else from the account', async (t) => {
    const account = await newAccount();
    const body = { settings: { inviteLifetimeDays: 2 } };
    await call('PATCH', account.url, { body, token: account.owner.token });
    const lifetimeOf = async (more: object) => {
      const made = await invite(account, account.owner, newEmail(), invoices, more);
      return (Date.parse(made.body.expiresAt) - Date.parse(made.body.createdAt)) / day;
    };
    t.equal(await lifetimeOf({}), 2);
    t.equal(await lifetimeOf({ expiresInDays: 1 }), 1);
    t.equal(await lifetimeOf({ expiresInDays: 90 }), 90);
  });

  t.test('answers bad input with a problem, and changes nothing', async (t) => {
    const account = await newAccount();
    const good = { email: newEmail(), access: invoices };
    const wrong: unknown[] = [
      {},
      { email: good.email },
      { access: invoices },
      { ...good, email: 'nobody' },
      { ...good, email: 'a@b@example.com' },
      { ...good, email: 'trailing-dot@example.com.' },
      { ...good, email: 'two@example.com\r\nBcc: all@example.com' },
      { ...good, email: `${'x'.repeat(250)}@example.com` },
      { ...good, email: 7 },
      { ...good, email: ['a@example.com'] },
      { ...good, message: '' },
      { ...good, message: 'x'.repeat(501) },
      { ...good, message: 'NUL \0' },
      { ...good, message: 'half a \ud83d' },
      { ...good, message: 7 },
      { ...good, expiresInDays: 0 },
      { ...good, expiresInDays: 91 },
      { ...good, expiresInDays: '7' },
      { ...good, expiresInDays: 1.5 },
      { ...good, unknown: true },
      { ...good, invitedBy: account.owner.id },
      { ...good, access: only('invoices:shred') },
      { ...good, access: { allPermissions: false } },
      { ...good, access: { allPermissions: true, permissions: ['invoices:read'] } },
      { ...good, access: {} },
      { ...good, access: null },
      [good],
      'text',
    ];
    for (const body of wrong) {
      const headers = { 'content-type': 'application/json' };
      const payload = typeof body === 'string' ? JSON.stringify(body) : body;
      const answer = await call('POST', `${account.url}/invites`, {
        body: payload,
        headers,
        token: account.owner.token,
      });
      t.match(answer, { status: 400, code: 'invalid-request' }, JSON.stringify(body).slice(0, 100));
    }
    const { body } = await call('GET', `${account.url}/invites`, { token: account.owner.token });
    t.same(body.items, []);
    t.same(await mailsTo(good.email), []);
  });

  t.test('accepts messages of up to 500 characters, with line breaks', async (t) => {
    const account = await newAccount();
    for (const message of ['x'.repeat(500), 'two\nlines', '<b>&"\'']) {
      const made = await invite(account, account.owner, newEmail(), invoices, { message });
      t.match(made, { status: 201, body: { message } });
    }
  });

  t.test('escapes names and messages in the HTML mail', async (t) => {
    const account = await newAccount('<script>alert("account")</script>');
    const inviter = await newMember(account, all, '<img src=x onerror=alert(1)> & "Co"');
    const email = newEmail();
    const made = await invite(account, inviter, email, invoices, { message: '<b>bold</b>' });
    t.equal(made.body.message, '<b>bold</b>', 'the API returns it unescaped');
    const [mail] = await mailsTo(email);
    t.notMatch(mail?.html, /<script|<img src=x|<b>bold/);
    t.match(mail?.html, '&lt;script&gt;');
    t.match(mail?.html, '&lt;b&gt;bold');
    t.notMatch(mail?.subject, /[\r\n]/);
  });
});

t.test('One pending invite per account and address', async (t) => {
  t.test('a second invite is refused with the id of the pending one, in any spelling of the address', async (t) => {
    const account = await newAccount();
    const email = newEmail('adam');
    const first = await invite(account, account.owner, email, invoices);
    const fullWidth = email.replace('adam', 'ａｄａｍ');
    const spellings = [
      email,
      email.toUpperCase(),
      fullWidth,
      email.replace('@', '＠'),
      email.replace('.com', '。ＣＯＭ'),
    ];
    for (const spelling of spellings) {
      const again = await invite(account, account.owner, spelling, all);
      t.match(again, { status: 409, code: 'invite-already-pending', body: { inviteId: first.body.id } }, spelling);
    }
    const { body } = await call('GET', `${account.url}/invites`, { token: account.owner.token });
    t.same(body.items, [first.body], 'nothing changed');
    t.equal((await mailsTo(email)).length, 1);
  });

  t.test('the API and the mail use the canonical form of the address', async (t) => {
    const account = await newAccount();
    const email = newEmail('canonical');
    const made = await invite(account, account.owner, email.toUpperCase(), invoices);
    t.match(made, { status: 201, body: { email } });
    t.equal((await mailsTo(email)).length, 1);
  });

  t.test('another account may invite the same address', async (t) => {
    const email = newEmail();
    for (const account of [await newAccount(), await newAccount()]) {
      t.equal((await invite(account, account.owner, email, invoices)).status, 201);
    }
  });

  t.test('a member cannot be invited, in any spelling of the address, suspended or not', async (t) => {
    const account = await newAccount();
    const member = await newMember(account, invoices);
    for (const email of [member.email, member.email.toUpperCase(), account.owner.email]) {
      t.match(await invite(account, account.owner, email, invoices), { status: 409, code: 'already-member' });
    }
    await call('POST', `${account.url}/members/${member.id}/suspend`, { token: account.owner.token });
    t.match(await invite(account, account.owner, member.email, all), { status: 409, code: 'already-member' });
  });

  t.test('an expired invite does not block its address', async (t) => {
    const account = await newAccount();
    const { id, email } = await sendInvite(account);
    await eightDaysLater(account.owner, async (owner) => {
      const again = await invite(account, owner, email, invoices);
      t.equal(again.status, 201);
      const items = (await call('GET', `${account.url}/invites`, { token: owner.token })).body.items;
      t.match(items, [
        { id: again.body.id, status: 'pending' },
        { id, status: 'expired' },
      ]);
      const third = await invite(account, owner, email, invoices);
      t.match(third, { status: 409, body: { inviteId: again.body.id } }, 'the new one does');
    });
  });

  t.test('a declined or revoked invite does not block its address', async (t) => {
    const account = await newAccount();
    for (const code of ['invite-declined', 'invite-revoked'] as const) {
      const { email } = await decided[code].decide(account);
      t.equal((await invite(account, account.owner, email, invoices)).status, 201, code);
    }
  });

  t.test('an expired invite cannot be resent while a newer one is pending', async (t) => {
    const account = await newAccount();
    const { id, email } = await sendInvite(account);
    await eightDaysLater(account.owner, async (owner) => {
      const newer = await invite(account, owner, email, invoices);
      const resent = await act(account, owner, id, 'resend');
      t.match(resent, { status: 409, code: 'invite-already-pending', body: { inviteId: newer.body.id } });
      await act(account, owner, newer.body.id, 'revoke');
      const after = await act(account, owner, id, 'resend');
      t.match(after, { status: 200, body: { status: 'pending', sendings: 2 } }, 'after the newer one is revoked');
    });
  });
});

t.test('Members cannot grant permissions that they do not have', async (t) => {
  const account = await newAccount();
  const manager = await newMember(account, only('invites:manage', 'invites:read', 'invoices:read'));
  const deputy = await newMember(account, all);
  const refused = (missing: string[]) => ({ status: 403, code: 'cannot-grant', body: { missing } });

  t.test('by an invite', async (t) => {
    const email = newEmail();
    t.match(await invite(account, manager, email, only('invoices:pay', 'invoices:read')), refused(['invoices:pay']));
    t.match(await invite(account, manager, email, all), refused(['*']));
    t.same(await mailsTo(email), []);
    const free = await invite(account, manager, email, invoices);
    t.equal(free.status, 201, 'they can grant what they have');
  });

  t.test('by changing a pending invite', async (t) => {
    const { body } = await invite(account, manager, newEmail(), invoices);
    t.match(await patch(account, manager, body.id, { access: only('invoices:pay') }), refused(['invoices:pay']));
    const both = await patch(account, manager, body.id, { access: all, message: 'More' });
    t.match(both, refused(['*']));
    t.same(await get(account, body.id), { ...body, lastSentAt: (await get(account, body.id)).lastSentAt });
  });

  t.test('by resending an invite that grants more', async (t) => {
    for (const access of [only('invoices:pay'), all]) {
      const { id, token } = await sendInvite(account, newEmail(), access);
      const missing = 'permissions' in access ? access.permissions : ['*'];
      t.match(await act(account, manager, id, 'resend'), refused(missing));
      t.match(await byLink('preview', token), { status: 200 }, 'the link stays valid');
      t.match(await get(account, id), { sendings: 1, invitedBy: { id: account.owner.id } });
    }
  });

  t.test('only the owner and members with all permissions can grant all permissions', async (t) => {
    for (const giver of [deputy, account.owner]) {
      const made = await invite(account, giver, newEmail(), all);
      t.match(made, { status: 201, body: { access: { allPermissions: true, permissions: [] } } });
    }
    const keys = (await call('GET', '/v1/permissions', { token: manager.token })).body.items;
    const everyPermission = await newMember(account, only(...keys.map((it: { key: string }) => it.key)));
    t.match(
      await invite(account, everyPermission, newEmail(), all),
      refused(['*']),
      'having every permission is not enough',
    );
  });
});

t.test('GET /v1/accounts/:accountId/invites', async (t) => {
  t.test('lists every invite once, newest first, in pages', async (t) => {
    const account = await newAccount();
    const ids: string[] = [];
    for (let i = 0; i < 7; i++) {
      ids.unshift((await invite(account, account.owner, newEmail(), invoices)).body.id);
    }
    for (const limit of [1, 2, 3, 7, 100]) {
      const url = `${account.url}/invites?limit=${limit}`;
      t.same(await idsInPages(url, account.owner.token), ids, `limit ${limit}`);
    }
    const first = await call('GET', `${account.url}/invites?limit=3`, { token: account.owner.token });
    await invite(account, account.owner, newEmail(), invoices);
    t.equal(first.body.items.length, 3);
    const rest = await idsInPages(`${account.url}/invites?limit=3`, account.owner.token, first.body.nextCursor);
    t.same(rest, ids.slice(3), 'a new invite does not shift the pages');
  });

  t.test('filters by the status at the time of the request', async (t) => {
    const account = await newAccount();
    const ids: Record<string, string> = {};
    for (const [code, { decide }] of Object.entries(decided)) {
      ids[code.replace('invite-', '')] = (await decide(account)).id;
    }
    ids.pending = (await invite(account, account.owner, newEmail(), invoices)).body.id;
    const listed = (status: string, token: string) =>
      idsInPages(`${account.url}/invites?limit=9&status=${status}`, token);
    for (const [status, id] of Object.entries(ids)) {
      t.same(await listed(status, account.owner.token), [id], status);
      t.equal((await get(account, id)).status, status);
    }
    t.same(await listed('expired', account.owner.token), []);
    await eightDaysLater(account.owner, async (owner) => {
      t.same(await listed('pending', owner.token), []);
      t.same(await listed('expired', owner.token), [ids.pending]);
      t.same(await listed('accepted', owner.token), [ids.accepted]);
      const one = await call('GET', inviteUrl(account, ids.pending as string), { token: owner.token });
      t.equal(one.body.status, 'expired');
      const again = await invite(account, owner, one.body.email, invoices);
      t.same(await listed('expired', owner.token), [ids.pending], 'also after the address is invited again');
      t.same(await listed('pending', owner.token), [again.body.id]);
    });
  });

  t.test('filters by an address in any spelling', async (t) => {
    const account = await newAccount();
    const { id, email } = await sendInvite(account);
    await sendInvite(account);
    const find = (text: string) =>
      idsInPages(`${account.url}/invites?limit=9&email=${encodeURIComponent(text)}`, account.owner.token);
    for (const spelling of [email, email.toUpperCase(), email.replace('@', '＠')]) t.same(await find(spelling), [id]);
    t.same(await find('nobody@example.com'), []);
  });

  t.test('answers not-found for invites of other accounts, like every route of an invite', async (t) => {
    const [mine, theirs] = [await newAccount(), await newAccount()];
    const { id, token } = await sendInvite(theirs);
    t.same(await idsInPages(`${mine.url}/invites?limit=9`, mine.owner.token), []);
    const neverWas = newId('inv');
    for (const [account, inviteId] of [
      [mine, id],
      [mine, neverWas],
      [theirs, id],
    ] as const) {
      const answers = [
        await call('GET', inviteUrl(account, inviteId), { token: mine.owner.token }),
        await patch(account, mine.owner, inviteId, { message: 'Taken over' }),
        await act(account, mine.owner, inviteId, 'resend'),
        await act(account, mine.owner, inviteId, 'revoke'),
      ];
      for (const answer of answers) t.match(answer, { status: 404, code: 'not-found' });
    }
    t.match(await get(theirs, id), { status: 'pending', sendings: 1, message: null });
    t.match(await byLink('preview', token), { status: 200 });
  });

  t.test('refuses a limit outside 1 to 100, and an invalid cursor, status or parameter', async (t) => {
    const account = await newAccount();
    const wrong = [
      'limit=0',
      'limit=101',
      'limit=many',
      'cursor=x',
      `cursor=${newId('mem')}`,
      'cursor=',
      'status=open',
    ];
    wrong.push('status=', 'email=x', 'unknown=1', 'email=%00%00%00', 'status=pending&status=revoked');
    for (const query of wrong) {
      const refused = await call('GET', `${account.url}/invites?${query}`, { token: account.owner.token });
      t.match(refused, { status: 400, code: 'invalid-request' }, query);
    }
  });
});

t.test('PATCH …/invites/:inviteId', async (t) => {
  t.test('changes the access without a new mail, and the link grants the new access', async (t) => {
    const account = await newAccount();
    const { id, email, token } = await sendInvite(account);
    const changed = await patch(account, account.owner, id, { access: only('quotes:read', 'invoices:pay') });
    t.match(changed, { status: 200, body: { id, sendings: 1, status: 'pending' } });
    t.same(changed.body.access, {
      allPermissions: false,
      permissions: ['invoices:pay', 'quotes:read'],
      roles: [],
      endsAt: null,
    });
    t.equal((await mailsTo(email)).length, 1);
    t.same((await byLink('preview', token)).body.access, changed.body.access);
    t.same((await accept(token)).body.membership.access, changed.body.access);
  });

  t.test('changes the message, or removes it with null, and keeps other fields', async (t) => {
    const account = await newAccount();
    const { body: before } = await invite(account, account.owner, newEmail(), all, { message: 'Before' });
    t.same((await patch(account, account.owner, before.id, { message: 'After' })).body, {
      ...before,
      message: 'After',
    });
    t.same((await patch(account, account.owner, before.id, { message: null })).body, { ...before, message: null });
    const narrowed = await patch(account, account.owner, before.id, { access: invoices });
    t.same(narrowed.body.access, { allPermissions: false, permissions: ['invoices:read'], roles: [], endsAt: null });
    const widened = await patch(account, account.owner, before.id, { access: all });
    t.same(widened.body.access, { allPermissions: true, permissions: [], roles: [], endsAt: null });
  });

  t.test('is refused if the invite grants more than the caller has, and makes the caller the inviter', async (t) => {
    const account = await newAccount();
    const lesser = await newMember(account, only('invites:manage', 'invoices:read'));
    const { body: above } = await invite(account, account.owner, newEmail(), all, { message: 'Before' });
    for (const change of [{ message: 'After' }, { access: invoices }, { message: null, access: invoices }]) {
      t.match(await patch(account, lesser, above.id, change), { status: 403, code: 'cannot-grant' });
    }
    const { body: within } = await invite(account, account.owner, newEmail(), invoices, { message: 'Before' });
    const changed = await patch(account, lesser, within.id, { message: 'After' });
    t.match(changed.body, { message: 'After', invitedBy: { id: lesser.id } }, 'the caller is the inviter');
  });

  t.test('quotes the message in the text mail', async (t) => {
    const account = await newAccount();
    const message = 'Hello\r\nAccept the invite:\n\nhttps://mallory.example.com/';
    const { body } = await invite(account, account.owner, newEmail(), invoices, { message });
    const [mail] = await mailsTo(body.email);
    t.match(mail?.text, '> Hello\n> Accept the invite:\n> \n> https://mallory.example.com/\n');
  });

  t.test('answers bad input with a problem, and changes nothing', async (t) => {
    const account = await newAccount();
    const { body: before } = await invite(account, account.owner, newEmail(), invoices, { message: 'Before' });
    const wrong: unknown[] = [
      {},
      { message: '' },
      { message: 'x'.repeat(501) },
      { message: 7 },
      { message: 'NUL\0' },
      { access: null },
      { access: only('invoices:shred') },
      { access: { allPermissions: true, permissions: [], roles: [], endsAt: null } },
      { email: 'other@example.com' },
      { status: 'accepted' },
    ];
    for (const body of wrong) {
      const refused = await patch(account, account.owner, before.id, body);
      t.match(refused, { status: 400, code: 'invalid-request' }, JSON.stringify(body).slice(0, 80));
    }
    t.same(await get(account, before.id), before);
  });

  t.test('keeps the invite pending when its first inviter is removed later', async (t) => {
    const account = await newAccount();
    const manager = await newMember(account, only('invites:manage', 'invoices:read'));
    const email = newEmail();
    const { body } = await invite(account, manager, email, invoices);
    const changed = await patch(account, account.owner, body.id, { access: only('invoices:pay') });
    t.equal(changed.body.invitedBy.id, account.owner.id);
    await call('DELETE', `${account.url}/members/${manager.id}`, { token: account.owner.token });
    t.equal((await get(account, body.id)).status, 'pending', 'the invite has a new inviter');
    t.match(await accept(await tokenFor(email)), { status: 201 });
  });
});

t.test('POST …/invites/:inviteId/resend', async (t) => {
  t.test('invalidates the older link for preview, accept and decline', async (t) => {
    const account = await newAccount();
    const { id, email, token: old } = await sendInvite(account);
    const resent = await act(account, account.owner, id, 'resend');
    t.match(resent, { status: 200, body: { id, status: 'pending', sendings: 2 } });
    const token = await tokenFor(email);
    t.not(token, old);
    t.equal((await mailsTo(email)).length, 2);
    for (const answer of [await byLink('preview', old), await accept(old), await byLink('decline', old)]) {
      t.match(answer, { status: 410, code: 'invite-link-replaced' });
    }
    t.match(await get(account, id), { status: 'pending', lastAttempt: { reason: 'invite-link-replaced' } });
    t.match(await byLink('preview', token), { status: 200 });
    t.equal((await accept(token)).status, 201);
  });

  t.test('invalidates the older link before the new mail is sent', async (t) => {
    const account = await newAccount();
    const { id, token } = await sendInvite(account);
    await act(account, account.owner, id, 'resend');
    t.match(await byLink('preview', token), { status: 410, code: 'invite-link-replaced' });
  });

  t.test('restarts the lifetime, also of an expired invite', async (t) => {
    const account = await newAccount();
    const { id, email, token: old } = await sendInvite(account);
    await eightDaysLater(account.owner, async (owner) => {
      t.match(await byLink('preview', old), { status: 410, code: 'invite-expired' });
      const resent = await act(account, owner, id, 'resend');
      t.match(resent, { status: 200, body: { status: 'pending', sendings: 2 } });
      t.equal(Date.parse(resent.body.expiresAt), clock().getTime() + 7 * day);
      t.match(await byLink('preview', old), { status: 410, code: 'invite-link-replaced' });
      t.match(await byLink('preview', await tokenFor(email)), { status: 200 });
    });
  });

  t.test('keeps the original lifetime if the account changed its setting', async (t) => {
    const account = await newAccount();
    const { body } = await invite(account, account.owner, newEmail(), invoices, { expiresInDays: 30 });
    const settings = { inviteLifetimeDays: 2 };
    await call('PATCH', account.url, { body: { settings }, token: account.owner.token });
    await at(new Date(clock().getTime() + 60_000), async () => {
      const resent = await act(account, account.owner, body.id, 'resend');
      t.equal(Date.parse(resent.body.expiresAt), clock().getTime() + 30 * day);
    });
  });

  t.test('resends an expired invite although a later one was sent and has expired too', async (t) => {
    const account = await newAccount();
    const { id, email } = await sendInvite(account);
    const later = await eightDaysLater(account.owner, (owner) => invite(account, owner, email, invoices));
    await at(new Date(clock().getTime() + 17 * day), async () => {
      const token = await logIn(account.owner);
      const listed = () => idsInPages(`${account.url}/invites?limit=9&status=pending`, token);
      t.same(await listed(), []);
      const resent = await act(account, { ...account.owner, token }, id, 'resend');
      t.match(resent, { status: 200, body: { id, status: 'pending' } });
      t.same(await listed(), [id]);
      const blocked = await act(account, { ...account.owner, token }, later.body.id, 'resend');
      t.match(blocked, { status: 409, code: 'invite-already-pending', body: { inviteId: id } });
    });
  });

  t.test('resends an expired invite after a later one was declined', async (t) => {
    const account = await newAccount();
    const { id, email } = await sendInvite(account);
    await eightDaysLater(account.owner, async (owner) => {
      const later = await invite(account, owner, email, invoices);
      await byLink('decline', await tokenFor(email));
      t.match(await act(account, owner, later.body.id, 'resend'), { status: 410, code: 'invite-declined' });
      t.match(await act(account, owner, id, 'resend'), { status: 200, body: { status: 'pending' } });
      t.equal((await accept(await tokenFor(email))).status, 201);
    });
  });

  t.test('is refused if the invitee became a member meanwhile', async (t) => {
    const account = await newAccount();
    const { id, email } = await sendInvite(account);
    await eightDaysLater(account.owner, async (owner) => {
      await invite(account, owner, email, invoices);
      await accept(await tokenFor(email));
      t.match(await act(account, owner, id, 'resend'), { status: 409, code: 'already-member' });
      t.equal((await call('GET', inviteUrl(account, id), { token: owner.token })).body.status, 'expired');
    });
  });
});

t.test('POST …/invites/:inviteId/revoke', async (t) => {
  t.test('invalidates the link, and an unsent mail is not sent', async (t) => {
    const account = await newAccount();
    const { id, token } = await sendInvite(account);
    t.match(await act(account, account.owner, id, 'revoke'), { status: 200, body: { id, status: 'revoked' } });
    for (const answer of [await byLink('preview', token), await accept(token), await byLink('decline', token)]) {
      t.match(answer, { status: 410, code: 'invite-revoked' });
    }
    const email = newEmail();
    const unsent = await invite(account, account.owner, email, invoices);
    await act(account, account.owner, unsent.body.id, 'revoke');
    t.same(await mailsTo(email), []);
  });

  t.test('revokes an expired invite', async (t) => {
    const account = await newAccount();
    const { id } = await sendInvite(account);
    await eightDaysLater(account.owner, async (owner) => {
      t.match(await act(account, owner, id, 'revoke'), { status: 200, body: { status: 'revoked' } });
      t.match(await act(account, owner, id, 'resend'), { status: 410, code: 'invite-revoked' });
    });
  });
});

t.test('A decided invite cannot be changed', async (t) => {
  for (const [code, { status, decide }] of Object.entries(decided)) {
    t.test(`resend, revoke and change answer ${code}`, async (t) => {
      const account = await newAccount();
      const { id, email } = await decide(account);
      const before = await get(account, id);
      t.equal(before.status, code.replace('invite-', ''));
      t.match(await act(account, account.owner, id, 'resend'), { status, code });
      t.match(await act(account, account.owner, id, 'revoke'), { status, code });
      t.match(await patch(account, account.owner, id, { access: all }), { status, code });
      t.match(await patch(account, account.owner, id, { message: 'x' }), { status, code });
      t.same(await get(account, id), before);
      t.equal((await mailsTo(email)).length, 1);
    });
  }

  t.test('a change of an expired invite answers invite-expired', async (t) => {
    const account = await newAccount();
    const { id } = await sendInvite(account);
    await eightDaysLater(account.owner, async (owner) => {
      t.match(await patch(account, owner, id, { access: all }), { status: 410, code: 'invite-expired' });
    });
    t.same((await get(account, id)).access, {
      allPermissions: false,
      permissions: ['invoices:read'],
      roles: [],
      endsAt: null,
    });
  });
});

t.test('An invite expires at the time in its `expiresAt`', async (t) => {
  const account = await newAccount();
  const email = newEmail();
  const { body } = await invite(account, account.owner, email, invoices, { expiresInDays: 30 });
  const token = await tokenFor(email);
  await at(new Date(Date.parse(body.expiresAt) - 1), async () => {
    t.match(await byLink('preview', token), { status: 200 });
  });
  await at(new Date(Date.parse(body.expiresAt)), async () => {
    t.match(await byLink('preview', token), { status: 410, code: 'invite-expired' });
  });
});

t.test('A non-member cannot invite', async (t) => {
  const account = await newAccount();
  const stranger = await newUser();
  const email = newEmail();
  t.match(await invite(account, stranger, email, invoices), { status: 404, code: 'not-found' });
  t.same(await mailsTo(email), []);
});
