import { decodeJwt, decodeProtectedHeader, SignJWT } from 'jose';
import t from 'tap';
import { signOptOutToken } from '../../src/invites/token.ts';
import { generateSigningKeys, parseSigningKeys } from '../../src/tokens/keys.ts';
import { signLinkToken } from '../../src/tokens/link-token.ts';
import { createTestWorker, recordingTransport } from '../support/outbox.ts';
import {
  type Access,
  day,
  newEmail,
  password,
  startService,
  type TestAccount,
  type TestUser,
} from '../support/service.ts';
import { tablesAsText } from '../support/tables.ts';

const issuer = 'https://usher.example.com';
const started = await startService(t, {
  env: {
    ISSUER: issuer,
    ACCEPT_URL: 'https://app.example.com/accept#token={token}',
    OPT_OUT_URL: 'https://app.example.com/no-more#token={token}',
  },
});
const { app, service, call, newAccount, newMember, newUser, invite, listAll, mailsTo, tokenFor, logIn, at, clock, db } =
  started;

const invoices: Access = { permissions: ['invoices:read'] };

const optOut = (token: unknown) => call('POST', '/v1/invites/opt-out', { body: { token } });
const optIn = (by: TestUser, account: TestAccount) =>
  call('DELETE', `/v1/me/opt-outs/${account.id}`, { token: by.token });

const byLink = (what: 'preview' | 'decline' | 'accept', token: string, more: object = {}) =>
  call('POST', `/v1/invites/${what}`, { body: { token, ...more } });
const act = (account: TestAccount, id: string, what: 'resend' | 'revoke', by = account.owner) =>
  call('POST', `${account.url}/invites/${id}/${what}`, { token: by.token });
const find = async (account: TestAccount, id: string) =>
  (await call('GET', `${account.url}/invites/${id}`, { token: account.owner.token })).body;

/** The token of the opt-out link in the newest mail to an address. */
async function optOutTokenFor(email: string): Promise<string> {
  const [mail] = await mailsTo(email);
  return /https:\/\/app\.example\.com\/no-more#token=([\w.-]+)/.exec(mail?.text ?? '')?.[1] ?? '';
}

/** Sends an invite. Returns it with the tokens of both links in its mail. */
async function sentInvite(account: TestAccount, email = newEmail(), by = account.owner) {
  const { body } = await invite(account, by, email, invoices);
  return { id: body.id as string, email, accept: await tokenFor(email), optOut: await optOutTokenFor(email) };
}

/** Sends an invite, and opts its address out. */
async function optedOutInvite(account?: TestAccount) {
  const made = account ?? (await newAccount());
  const sent = await sentInvite(made);
  await optOut(sent.optOut);
  return { account: made, ...sent };
}

/** Runs with the clock set days ahead and the user logged in again. */
const daysLater = <T>(days: number, who: TestUser, run: (then: TestUser) => Promise<T>) =>
  at(new Date(clock().getTime() + days * day), async () => run({ ...who, token: await logIn(who) }));

t.test('The opt-out link', async (t) => {
  t.test('is in both parts of an invite’s mail, after the Accept Invite link', async (t) => {
    const account = await newAccount();
    const sent = await sentInvite(account);
    const [mail] = await mailsTo(sent.email);
    for (const part of [mail?.text, mail?.html]) {
      const links = [...(part ?? '').matchAll(/https:\/\/app\.example\.com\/[\w-]+#token=[\w.-]+/g)].map(([it]) => it);
      t.equal(links[0], `https://app.example.com/accept#token=${sent.accept}`);
      t.equal(links[links.length - 1], `https://app.example.com/no-more#token=${sent.optOut}`);
    }
    t.match(mail?.text, /any more invites from Example Hosting/);
  });

  t.test('has a token with the account and the invite, and no other claims', async (t) => {
    const account = await newAccount();
    const sent = await sentInvite(account);
    const { iat, exp, ...claims } = decodeJwt(sent.optOut);
    t.same(claims, {
      acc: account.id,
      inv: sent.id,
      iss: issuer,
      aud: `${issuer}/opt-out`,
    });
    t.match(decodeProtectedHeader(sent.optOut), { alg: 'EdDSA', typ: 'opt-out+jwt' });
    t.ok(iat !== undefined && exp !== undefined);
  });

  t.test('changes nothing when it is opened', async (t) => {
    const account = await newAccount();
    const sent = await sentInvite(account);
    const before = await find(account, sent.id);
    const page = await app.inject({ url: '/dev/opt-out' });
    t.equal(page.statusCode, 200);
    for (const method of ['GET', 'HEAD'] as const) {
      const followed = await app.inject({ method, url: `/v1/invites/opt-out?token=${sent.optOut}` });
      t.equal(followed.statusCode, 405, 'the route cannot be opened with GET or HEAD');
    }
    t.same(await find(account, sent.id), before);
    t.equal((await byLink('preview', sent.accept)).status, 200);
  });

  t.test('has a token that no other route accepts', async (t) => {
    const account = await newAccount();
    const sent = await sentInvite(account);
    const register = { name: 'Eve', password };
    t.equal((await byLink('preview', sent.optOut)).code, 'invite-token-invalid');
    t.equal((await byLink('decline', sent.optOut)).code, 'invite-token-invalid');
    t.equal((await byLink('accept', sent.optOut, { register })).code, 'invite-token-invalid');
    const verified = await call('POST', '/v1/auth/verify-email', { body: { token: sent.optOut, ...register } });
    t.equal(verified.code, 'verification-token-invalid');
    const reset = await call('POST', '/v1/auth/password-reset/confirm', { body: { token: sent.optOut, password } });
    t.equal(reset.code, 'password-reset-token-invalid');
    t.equal((await call('GET', '/v1/me', { token: sent.optOut })).code, 'unauthenticated');
    t.equal((await find(account, sent.id)).status, 'pending');
  });
});

t.test('POST /v1/invites/opt-out', async (t) => {
  t.test('declines a pending invite, without a login', async (t) => {
    const account = await newAccount();
    const sent = await sentInvite(account);
    const { status, body } = await optOut(sent.optOut);
    t.equal(status, 200);
    t.same(body, { account: { id: account.id, name: 'Example Hosting' }, email: sent.email });
    const declined = await find(account, sent.id);
    t.equal(declined.status, 'declined');
    t.equal((await byLink('accept', sent.accept, { register: { name: 'Adam', password } })).code, 'invite-declined');
  });

  t.test('prevents the account from inviting the address again, by any member and in any spelling', async (t) => {
    const { account, email } = await optedOutInvite();
    const manager = await newMember(account, { permissions: ['invites:manage', 'invoices:read'] });
    const sentBefore = (await mailsTo(email)).length;
    for (const [by, address] of [
      [account.owner, email],
      [manager, email],
      [account.owner, email.toUpperCase()],
    ] as const) {
      const refused = await invite(account, by, address, invoices);
      t.equal(refused.status, 409);
      t.equal(refused.code, 'opted-out');
    }
    const pending = await call('GET', `${account.url}/invites?status=pending`, { token: account.owner.token });
    t.same(pending.body.items, []);
    t.equal((await mailsTo(email)).length, sentBefore, 'no mail');
    t.equal(
      (await invite(account, account.owner, newEmail(), invoices)).status,
      201,
      'the account can invite other addresses',
    );
  });

  t.test('prevents the account from resending an expired invite', async (t) => {
    const account = await newAccount();
    const sent = await sentInvite(account);
    await daysLater(8, account.owner, async (owner) => {
      t.equal((await optOut(sent.optOut)).status, 200);
      const refused = await act({ ...account, owner }, sent.id, 'resend');
      t.equal(refused.status, 409);
      t.equal(refused.code, 'opted-out');
      t.equal((await find({ ...account, owner }, sent.id)).status, 'expired');
      t.equal((await mailsTo(sent.email)).length, 1);
    });
  });

  t.test('prevents the account from resending an older invite for the address', async (t) => {
    const account = await newAccount();
    const older = await sentInvite(account);
    await daysLater(8, account.owner, async (owner) => {
      const later = { ...account, owner };
      const newer = await sentInvite(later, older.email);
      await optOut(newer.optOut);
      t.equal((await act(later, older.id, 'resend')).code, 'opted-out');
      t.equal((await act(later, newer.id, 'resend')).code, 'invite-declined');
    });
  });

  t.test('does not affect other accounts', async (t) => {
    const { email } = await optedOutInvite();
    const other = await newAccount('Another Hosting');
    const made = await invite(other, other.owner, email, invoices);
    t.equal(made.status, 201);
    t.match((await mailsTo(email))[0]?.subject, 'Another Hosting');
    t.equal((await act(other, made.body.id, 'resend')).status, 200, 'also by resending');
    t.equal((await byLink('preview', await tokenFor(email))).status, 200);
  });

  t.test('accepts the link of a decided invite, and does not change the invite', async (t) => {
    const account = await newAccount();
    const accepted = await sentInvite(account);
    const joined = await byLink('accept', accepted.accept, { register: { name: 'Adam', password } });
    const declined = await sentInvite(account);
    await byLink('decline', declined.accept);
    const revoked = await sentInvite(account);
    await act(account, revoked.id, 'revoke');
    for (const [status, sent] of Object.entries({ accepted, declined, revoked })) {
      const before = await find(account, sent.id);
      t.equal(before.status, status);
      t.equal((await optOut(sent.optOut)).status, 200, status);
      t.same(await find(account, sent.id), before);
    }
    t.equal((await invite(account, account.owner, revoked.email, invoices)).code, 'opted-out');
    t.equal((await invite(account, account.owner, declined.email, invoices)).code, 'opted-out');

    const mine = await call('GET', '/v1/me/accounts', { token: joined.body.session.accessToken });
    t.equal(mine.body.items.length, 1, 'a member stays a member');
    t.equal((await invite(account, account.owner, accepted.email, invoices)).code, 'already-member');
    await call('DELETE', `${account.url}/members/${joined.body.session.user.id}`, { token: account.owner.token });
    t.equal(
      (await invite(account, account.owner, accepted.email, invoices)).code,
      'opted-out',
      'a removed member cannot be invited again',
    );
  });

  t.test('accepts the older link of a resent invite', async (t) => {
    const account = await newAccount();
    const sent = await sentInvite(account);
    await act(account, sent.id, 'resend');
    t.equal((await byLink('preview', sent.accept)).code, 'invite-link-replaced');
    t.equal((await optOut(sent.optOut)).status, 200);
    t.equal((await find(account, sent.id)).status, 'declined');
  });

  t.test('accepts a link for two years', async (t) => {
    const account = await newAccount();
    const [sent, other] = [await sentInvite(account), await sentInvite(account)];
    await daysLater(729, account.owner, async () => t.equal((await optOut(sent.optOut)).status, 200));
    await daysLater(731, account.owner, async (owner) => {
      t.equal((await optOut(other.optOut)).code, 'opt-out-token-invalid');
      t.equal((await invite(account, owner, other.email, invoices)).status, 201);
    });
  });

  t.test('is idempotent', async (t) => {
    const account = await newAccount();
    const adam = await newUser();
    const sent = await sentInvite(account, adam.email);
    const first = await optOut(sent.optOut);
    const optOuts = () => call('GET', '/v1/me/opt-outs', { token: adam.token });
    const before = [await find(account, sent.id), (await optOuts()).body];
    await daysLater(0.1, account.owner, async () => t.same((await optOut(sent.optOut)).body, first.body));
    const together = await Promise.all(Array.from({ length: 10 }, () => optOut(sent.optOut)));
    for (const again of together) t.same([again.status, again.body], [200, first.body]);
    t.same([await find(account, sent.id), (await optOuts()).body], before);
  });

  t.test('refuses invalid tokens, and changes nothing', async (t) => {
    const account = await newAccount();
    const other = await newAccount();
    const sent = await sentInvite(account);
    const [header = '', payload = '', signature = ''] = sent.optOut.split('.');
    const times = { now: clock(), expiresAt: new Date(clock().getTime() + day) };
    const claims = { acc: account.id, inv: sent.id };
    const ours = { keys: service.signingKeys, issuer: service.config.issuer };
    const stranger = { ...ours, keys: parseSigningKeys(await generateSigningKeys()) };
    const ids = { accountId: account.id as never, inviteId: sent.id as never };
    const wrong: Record<string, string | Promise<string>> = {
      'cut short': sent.optOut.slice(0, -4),
      'without a signature': `${header}.${payload}.`,
      'with a byte changed': `${header}.${payload}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`,
      'with the algorithm none': `${base64url({ alg: 'none', typ: 'opt-out+jwt' })}.${payload}.`,
      'signed by HMAC with the public key': signedAsSecret(sent.optOut),
      'of the Accept Invite link': sent.accept,
      'of another kind with the same claims': signLinkToken(ours, 'invite', { ...claims, snd: 1 }, times),
      'signed by foreign keys': signLinkToken(stranger, 'opt-out', claims, times),
      'of another issuer': signOptOutToken(
        { signingKeys: ours.keys, config: { issuer: 'https://x.example.com' } },
        ids,
        clock(),
      ),
      'with another account': signLinkToken(ours, 'opt-out', { ...claims, acc: other.id }, times),
      'without an invite': signLinkToken(ours, 'opt-out', { acc: account.id }, times),
      'with an invite id that is not one': signLinkToken(ours, 'opt-out', { ...claims, inv: account.id }, times),
      'an access token': account.owner.token,
      nonsense: 'a.b.c',
    };
    for (const [what, token] of Object.entries(wrong)) {
      const refused = await optOut(await token);
      t.equal(refused.status, 400, what);
      t.equal(refused.code, 'opt-out-token-invalid', what);
      t.notMatch(JSON.stringify(refused.body), sent.email);
    }
    for (const token of [null, '', 1, [sent.optOut], { token: sent.optOut }, `${sent.optOut}\0`, 'x'.repeat(5000)]) {
      t.match(
        (await optOut(token)).code,
        /^(invalid-request|opt-out-token-invalid)$/,
        JSON.stringify(token)?.slice(0, 30),
      );
    }
    const unknown = await call('POST', '/v1/invites/opt-out', { body: { token: sent.optOut, email: newEmail() } });
    t.equal(unknown.code, 'invalid-request', 'an address in the body is refused');
    t.equal((await call('POST', '/v1/invites/opt-out', { body: [] })).code, 'invalid-request');
    t.equal((await find(account, sent.id)).status, 'pending');
    await act(account, sent.id, 'revoke');
    t.equal((await invite(account, account.owner, sent.email, invoices)).status, 201);
  });
});

const base64url = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Algorithm confusion: an HMAC with the public key as the secret. */
async function signedAsSecret(token: string): Promise<string> {
  const { kid } = decodeProtectedHeader(token);
  const { body } = await call('GET', '/.well-known/jwks.json');
  const publicKey = body.keys.find((it: { kid: string }) => it.kid === kid);
  return new SignJWT(decodeJwt(token))
    .setProtectedHeader({ alg: 'HS256', typ: 'opt-out+jwt', ...(kid && { kid }) })
    .sign(Buffer.from(publicKey.x.padEnd(64, '=')));
}

t.test('List-Unsubscribe', async (t) => {
  const oneClick = '/v1/invites/opt-out/one-click';
  const asForm = { 'content-type': 'application/x-www-form-urlencoded' };
  const asParts = { 'content-type': 'multipart/form-data; boundary=-FormBoundaryjWmhtjORrn' };
  const parts = (...fields: string[]) =>
    `${fields.map((it) => `---FormBoundaryjWmhtjORrn\r\nContent-Disposition: form-data; ${it}\r\n`).join('')}---FormBoundaryjWmhtjORrn--\r\n`;
  const form = 'List-Unsubscribe=One-Click';
  const multipartForm = parts('name="List-Unsubscribe"\r\n\r\nOne-Click');
  const click = (token: string, headers: Record<string, string> = asForm, body: unknown = form) =>
    call('POST', `${oneClick}?token=${encodeURIComponent(token)}`, { headers, ...(body !== null && { body }) });

  t.test('is a URI of this service, in mails of invites only', async (t) => {
    const account = await newAccount();
    const email = newEmail();
    const { mails, transport } = recordingTransport();
    const worker = createTestWorker(started, { transport });
    const evil = { host: 'evil.example.com', 'x-forwarded-host': 'evil.example.com' };
    const body = { email, access: invoices };
    const made = await call('POST', `${account.url}/invites`, { body, token: account.owner.token, headers: evil });
    await worker.drain();
    await act(account, made.body.id, 'resend');
    await worker.drain();
    await call('POST', '/v1/auth/password-reset', { body: { email: account.owner.email } });
    await worker.drain();
    const uris = mails.map((it) => it.listUnsubscribe);
    t.equal(uris.length, 3);
    t.equal(uris[2], undefined, 'a password mail has none');
    for (const uri of uris.slice(0, 2)) {
      const { origin, pathname, searchParams, hash } = new URL(uri ?? '');
      t.same([origin, pathname, hash, [...searchParams.keys()]], [issuer, oneClick, '', ['token']]);
      t.equal(decodeProtectedHeader(searchParams.get('token') ?? '').typ, 'opt-out+jwt', 'with an opt-out token');
    }
    const followed = await call('POST', (uris[0] ?? '').slice(issuer.length), { body: form, headers: asForm });
    t.same([followed.status, followed.body.email], [200, email]);
    t.equal((await find(account, made.body.id)).status, 'declined');
  });

  t.test('accepts the POST of a mail client (RFC 8058, 3.2) in both encodings, without a redirect', async (t) => {
    const account = await newAccount();
    const encodings: [Record<string, string>, string][] = [
      [asForm, form],
      [{ 'content-type': 'application/x-www-form-urlencoded; charset=UTF-8' }, 'List%2DUnsubscribe=One%2dClick'],
      [asParts, multipartForm],
      [
        { 'content-type': 'Multipart/Form-Data; boundary="x y"' },
        multipartForm.replaceAll('-FormBoundaryjWmhtjORrn', 'x y'),
      ],
    ];
    for (const [headers, body] of encodings) {
      const sent = await sentInvite(account);
      const answer = await click(sent.optOut, headers, body);
      t.equal(answer.status, 200, String(headers['content-type']));
      t.same(answer.body, { account: { id: account.id, name: 'Example Hosting' }, email: sent.email });
      t.equal((await find(account, sent.id)).status, 'declined');
      t.equal((await invite(account, account.owner, sent.email, invoices)).code, 'opted-out');
      t.same((await click(sent.optOut, headers, body)).body, answer.body, 'again with the same response');
    }
  });

  t.test('changes nothing when it is opened, and redirects to the opt-out page', async (t) => {
    const account = await newAccount();
    const sent = await sentInvite(account);
    const before = await tablesAsText(db);
    const browsers: Record<string, string>[] = [{}, { accept: 'text/html' }, { host: 'evil.example.com' }];
    for (const method of ['GET', 'HEAD'] as const) {
      for (const headers of browsers) {
        const opened = await app.inject({ method, url: `${oneClick}?token=${sent.optOut}`, headers });
        t.equal(opened.statusCode, 303);
        t.equal(opened.headers.location, `https://app.example.com/no-more#token=${sent.optOut}`);
        t.match(opened.headers, { 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' });
      }
    }
    for (const token of [
      'https://evil.example.com/',
      '//evil.example.com',
      '"><script>',
      '$&$1{token}',
      '\r\nX-Evil: 1',
    ]) {
      const opened = await app.inject({ url: `${oneClick}?${new URLSearchParams({ token })}` });
      t.equal(opened.statusCode, 303);
      t.equal(opened.headers.location, `https://app.example.com/no-more#token=${encodeURIComponent(token)}`);
      t.notOk('x-evil' in opened.headers, 'the token cannot change the target or the headers');
    }
    for (const query of [
      '',
      '?token=',
      `?token=${sent.optOut}&next=https://evil.example.com`,
      '?token=a&token=b',
      '?token=%00',
    ]) {
      const opened = await app.inject({ url: `${oneClick}${query}` });
      t.same([opened.statusCode, opened.headers.location], [400, undefined], query);
    }
    t.same(await tablesAsText(db), before, 'no row changed');
    t.equal((await byLink('preview', sent.accept)).status, 200);
  });

  t.test('refuses any other body, and changes nothing', async (t) => {
    const account = await newAccount();
    const sent = await sentInvite(account);
    const named = (fields: string) => parts(`name="List-Unsubscribe"${fields}`);
    const wrong: [string, number, Record<string, string>, unknown?][] = [
      ['no body', 400, {}, null],
      ['an empty form', 400, asForm, ''],
      ['another value', 400, asForm, 'List-Unsubscribe=one-click'],
      ['another field', 400, asForm, 'Unsubscribe=One-Click'],
      ['an additional field', 400, asForm, `${form}&email=adam@example.com`],
      ['the field twice', 400, asForm, `${form}&${form}`],
      ['two values', 400, asForm, `List-Unsubscribe=No&${form}`],
      ['a __proto__ field', 400, asForm, `__proto__=1&${form}`],
      ['truncated parts', 400, asParts, multipartForm.slice(0, -20)],
      ['parts without a boundary', 400, { 'content-type': 'multipart/form-data' }, multipartForm],
      ['parts with another boundary', 400, { 'content-type': 'multipart/form-data; boundary=x' }, multipartForm],
      ['no part', 400, asParts, parts()],
      ['a file', 400, asParts, named('; filename="a.txt"\r\n\r\nOne-Click')],
      ['two parts', 400, asParts, parts(...Array(2).fill('name="List-Unsubscribe"\r\n\r\nOne-Click'))],
      ['JSON', 415, { 'content-type': 'application/json' }, { 'List-Unsubscribe': 'One-Click' }],
      ['text', 415, { 'content-type': 'text/plain' }, form],
      ['no content type', 415, {}, form],
      ['nonsense', 415, { 'content-type': 'multipart' }, form],
      ['a long form', 413, asForm, `${form}&x=${'x'.repeat(2048)}`],
      ['long parts', 413, asParts, named(`\r\n\r\n${'x'.repeat(2048)}`)],
    ];
    for (const [what, status, headers, body] of wrong) {
      const refused = await click(sent.optOut, headers, body);
      t.equal(refused.status, status, what);
      t.match(refused.headers['content-type'], /^application\/problem\+json/, what);
      t.notMatch(JSON.stringify(refused.body), sent.optOut);
    }
    for (const url of [oneClick, `${oneClick}?token=`, `${oneClick}?token=${sent.optOut}&email=${newEmail()}`]) {
      t.equal((await call('POST', url, { body: form, headers: asForm })).code, 'invalid-request', url);
    }
    t.equal((await find(account, sent.id)).status, 'pending');
    t.equal((await click(sent.optOut)).status, 200, 'the token is still valid');
  });

  t.test('no other route accepts a form', async (t) => {
    const account = await newAccount();
    const sent = await sentInvite(account);
    for (const headers of [asForm, asParts]) {
      const body = `token=${sent.optOut}`;
      t.equal((await call('POST', '/v1/invites/opt-out', { body, headers })).code, 'unsupported-media-type');
    }
    t.equal((await find(account, sent.id)).status, 'pending');
  });

  t.test('refuses a token that is invalid, of another kind, expired or for another account', async (t) => {
    const [account, other] = [await newAccount(), await newAccount()];
    const sent = await sentInvite(account);
    const ours = { keys: service.signingKeys, issuer: service.config.issuer };
    const times = { now: clock(), expiresAt: new Date(clock().getTime() + day) };
    const wrong: Record<string, string | Promise<string>> = {
      'cut short': sent.optOut.slice(0, -4),
      'of the Accept Invite link': sent.accept,
      'of the link to report it': tokenFor(sent.email, 'report'),
      'an access token': account.owner.token,
      'with another account': signLinkToken(ours, 'opt-out', { acc: other.id, inv: sent.id }, times),
      nonsense: 'x',
    };
    for (const [what, token] of Object.entries(wrong)) {
      t.equal((await click(await token)).code, 'opt-out-token-invalid', what);
    }
    t.equal((await click('x'.repeat(5000))).code, 'invalid-request');
    t.equal((await find(account, sent.id)).status, 'pending');
    t.equal((await invite(other, other.owner, sent.email, invoices)).status, 201);
    await daysLater(731, account.owner, async (owner) => {
      t.equal((await click(sent.optOut)).code, 'opt-out-token-invalid', 'expired');
      t.equal((await invite(account, owner, sent.email, invoices)).status, 201);
    });
  });
});

t.test('GET /v1/me/opt-outs', async (t) => {
  t.test('lists the accounts that the caller opted out of, newest account first, in pages', async (t) => {
    const adam = await newUser();
    const accounts: TestAccount[] = [];
    for (const name of ['One', 'Two', 'Three']) {
      const account = await newAccount(name);
      accounts.push(account);
      await optOut((await sentInvite(account, adam.email)).optOut);
    }
    const whole = await call('GET', '/v1/me/opt-outs', { token: adam.token });
    t.equal(whole.status, 200);
    t.match(whole.body, { nextCursor: null });
    t.same(
      whole.body.items.map((it: { account: object }) => it.account),
      accounts.map(({ id }, i) => ({ id, name: ['One', 'Two', 'Three'][i] })).reverse(),
    );
    for (const { createdAt } of whole.body.items) t.ok(Math.abs(Date.parse(createdAt) - clock().getTime()) < 60_000);
    t.same(await listAll('/v1/me/opt-outs?limit=2', adam.token), whole.body.items);
  });

  t.test('shows opt-outs from before the address had a login', async (t) => {
    const { account, email } = await optedOutInvite();
    const later = await newUser(email);
    const { body } = await call('GET', '/v1/me/opt-outs', { token: later.token });
    t.same(
      body.items.map((it: { account: { id: string } }) => it.account.id),
      [account.id],
    );
  });

  t.test('shows no opt-outs of other users', async (t) => {
    const { account } = await optedOutInvite();
    for (const user of [account.owner, await newUser()]) {
      const { body } = await call('GET', '/v1/me/opt-outs', { token: user.token });
      t.same(body, { items: [], nextCursor: null });
    }
  });
});

t.test('DELETE /v1/me/opt-outs/:accountId', async (t) => {
  t.test('lets this account invite the caller again, and no other account', async (t) => {
    const [account, other] = [await newAccount(), await newAccount()];
    const adam = await newUser();
    const sent = await sentInvite(account, adam.email);
    await optOut(sent.optOut);
    await optOut((await sentInvite(other, adam.email)).optOut);
    const back = await optIn(adam, account);
    t.equal(back.status, 204);
    t.equal(back.body, undefined);
    t.equal((await find(account, sent.id)).status, 'declined', 'the declined invite stays declined');
    t.equal((await invite(account, account.owner, adam.email, invoices)).status, 201);
    t.equal((await invite(other, other.owner, adam.email, invoices)).code, 'opted-out');
    const { body } = await call('GET', '/v1/me/opt-outs', { token: adam.token });
    t.same(
      body.items.map((it: { account: { id: string } }) => it.account.id),
      [other.id],
    );
  });

  t.test('answers not-found if there is no opt-out', async (t) => {
    const account = await newAccount();
    const adam = await newUser();
    const sent = await sentInvite(account, adam.email);
    t.equal((await optIn(adam, account)).code, 'not-found');
    await optOut(sent.optOut);
    t.equal((await optIn(adam, account)).status, 204);
    t.equal((await optIn(adam, account)).code, 'not-found', 'also the second time');
    t.equal((await optIn(adam, await newAccount())).code, 'not-found');
  });

  t.test('does not remove opt-outs of other users', async (t) => {
    const { account, email } = await optedOutInvite();
    const manager = await newMember(account, { allPermissions: true });
    for (const user of [account.owner, manager, await newUser()]) {
      t.equal((await optIn(user, account)).code, 'not-found');
    }
    t.equal((await invite(account, account.owner, email, invoices)).code, 'opted-out');
  });
});
