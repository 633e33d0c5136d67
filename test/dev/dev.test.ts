import { createHash } from 'node:crypto';
import t from 'tap';
import { createMailWriter } from '../../src/mail/write.ts';
import { newEmail, password, startService } from '../support/service.ts';
import { tablesAsText } from '../support/tables.ts';

const { app, call, db, mailsTo, tokenFor, newAccount, newUser, invite, travel } = await startService(t);

/** The pages behind the links in mails. */
const linkPages = [
  '/dev/invite',
  '/dev/opt-out',
  '/dev/report',
  '/dev/verify-email',
  '/dev/reset-password',
  '/dev/confirm-email',
];

const asJson = { accept: 'application/json' };

async function pageAt(url: string, headers = {}) {
  const { statusCode: status, body: html, headers: answered } = await app.inject({ url, headers });
  return { status, html, type: answered['content-type'], policy: policyOf(answered) };
}

/** The directives of an answer's content security policy, each with its sources. */
function policyOf(headers: Record<string, unknown>): Record<string, string[]> {
  const directives = String(headers['content-security-policy']).split(';');
  return Object.fromEntries(
    directives.map((it) => {
      const [name = '', ...sources] = it.trim().split(/\s+/);
      return [name, sources];
    }),
  );
}

const hashOf = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** The content of the only element with a name. */
function inside(html: string, element: string): string {
  const [all, text] = new RegExp(`<${element}>([^]*?)</${element}>`).exec(html) ?? [];
  if (all === undefined) throw new Error(`no ${element} in the page`);
  return text as string;
}

const characters: Record<string, string> = { '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'", '&amp;': '&' };
const unescaped = (text: string) => text.replaceAll(/&(lt|gt|quot|#39|amp);/g, (it) => characters[it] as string);

t.test('GET /dev/mailbox', async (t) => {
  const account = await newAccount();
  const adam = newEmail('adam');
  travel(60_000);
  await invite(account, account.owner, adam);
  await mailsTo(adam);

  await t.test('returns the mails as JSON, newest first, if the client accepts JSON', async (t) => {
    const { status, body } = await call('GET', '/dev/mailbox', { headers: asJson });
    t.equal(status, 200);
    t.same(Object.keys(body), ['items']);
    t.same(
      body.items.slice(0, 2).map((mail: { to: string }) => mail.to),
      [adam, account.owner.email],
    );
    for (const mail of body.items) {
      t.same(Object.keys(mail).sort(), ['html', 'id', 'sentAt', 'subject', 'text', 'to']);
      t.match(mail.sentAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    }
    const [mail] = body.items;
    t.equal(mail.subject, 'Olivia Owner invites you to Example Hosting');
    const link = /http:\S+\/dev\/invite#token=[\w.-]+/.exec(mail.text)?.[0];
    t.ok(link, 'the text part has the link');
    t.ok(mail.html.includes(`href="${link}"`), 'the HTML part has the same link');
  });

  await t.test('filters by address, in any spelling', async (t) => {
    for (const to of [adam, adam.toUpperCase()]) {
      const { body } = await call('GET', `/dev/mailbox?to=${encodeURIComponent(to)}`, { headers: asJson });
      t.same(
        body.items.map((mail: { to: string }) => mail.to),
        [adam],
      );
    }
    const { body } = await call('GET', `/dev/mailbox?to=${newEmail('nobody')}`, { headers: asJson });
    t.same(body.items, []);
    const unknown = await call('GET', '/dev/mailbox?from=x', { headers: asJson });
    t.equal(unknown.code, 'invalid-request', 'no other filter exists');
  });

  await t.test('returns an HTML page without scripts by default, with each mail in a sandboxed frame', async (t) => {
    for (const headers of [{}, { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }]) {
      const { status, html, type, policy } = await pageAt('/dev/mailbox', headers);
      t.equal(status, 200);
      t.equal(type, 'text/html; charset=utf-8');
      t.same(policy['default-src'], ["'none'"]);
      t.notOk('script-src' in policy);
      t.same(policy['frame-ancestors'], ["'none'"]);
      const frames = html.match(/<iframe [^>]*>/g) ?? [];
      t.ok(frames.length >= 2);
      for (const frame of frames) t.match(frame, / sandbox="allow-popups allow-popups-to-escape-sandbox" /);
    }
  });

  await t.test('says what to do if the mailbox is empty', async (t) => {
    const { html } = await pageAt(`/dev/mailbox?to=${newEmail('nobody')}`);
    t.match(html, 'npm run demo');
  });

  await t.test('escapes names and messages in the page and in the mail', async (t) => {
    const name = '<b>Olivia</b> "Owner" & \'Co\'';
    const hostile = '<script>alert(1)</script>';
    const owner = await newUser(newEmail('owner'), name);
    const { body: made } = await call('POST', '/v1/accounts', { body: { name: hostile }, token: owner.token });
    const invitee = newEmail('invitee');
    const access = { permissions: ['invoices:read'] };
    await invite({ url: `/v1/accounts/${made.id}` }, owner, invitee, access, { message: '</blockquote><img src=x>' });
    const [mail] = await mailsTo(invitee);

    t.equal(mail?.subject, `${name} invites you to ${hostile}`, 'the subject is plain text');
    t.match(mail?.text, `${name} has invited you`, 'the text part is plain text');
    t.match(mail?.html, '&lt;b&gt;Olivia&lt;/b&gt; &quot;Owner&quot; &amp; &#39;Co&#39;');
    t.match(mail?.html, '&lt;script&gt;alert(1)&lt;/script&gt;');
    t.match(mail?.html, '&lt;/blockquote&gt;&lt;img src=x&gt;');
    t.notMatch(mail?.html, /<b>|<script|<img/);

    const { html } = await pageAt(`/dev/mailbox?to=${encodeURIComponent(invitee)}`);
    t.match(html, '&lt;b&gt;Olivia&lt;/b&gt;');
    t.notMatch(html, /<b>|<script|<img|<blockquote/);
    const framed = unescaped(/ srcdoc="([^"]*)"/.exec(html)?.[1] ?? '');
    t.equal(framed.replace('<base target="_blank">', ''), mail?.html, 'the frame has the complete mail');

    const echoed = await pageAt(`/dev/mailbox?to=${encodeURIComponent('"><script>alert(1)</script>')}`);
    t.equal(echoed.status, 400, 'not an address');
    t.notMatch(echoed.html, '<script');
  });
});

t.test('The subject of a mail is a single line', async (t) => {
  for (const lineBreak of ['\r\n', '\r', '\n', '\u0085', '\u2028', '\u2029', '\v', '\0']) {
    const { subject } = createMailWriter().write('invite', [], {
      inviter: `Olivia${lineBreak}Bcc: mallory@example.com`,
      account: 'Example Hosting',
      address: 'adam@example.com',
      access: 'all',
      items: [],
      message: null,
      until: 'tomorrow',
      link: 'https://app.example.com/invite#token=x',
      optOutLink: 'https://app.example.com/no-more#token=x',
      reportLink: 'https://app.example.com/report#token=x',
    });
    t.equal(subject, 'Olivia Bcc: mallory@example.com invites you to Example Hosting');
  }
});

t.test('The link pages', async (t) => {
  for (const url of linkPages) {
    await t.test(`${url} runs only its own script`, async (t) => {
      const { status, html, type, policy } = await pageAt(url);
      t.equal(status, 200);
      t.equal(type, 'text/html; charset=utf-8');
      t.same(policy['default-src'], ["'none'"]);
      t.same(policy['script-src'], [hashOf(inside(html, 'script'))]);
      t.same(policy['style-src'], [hashOf(inside(html, 'style'))]);
      t.same(policy['connect-src'], ["'self'"]);
      t.same(policy['form-action'], ["'none'"], 'a form never puts a password into a URL');
      t.same(policy['frame-ancestors'], ["'none'"]);
      t.notMatch(inside(html, 'script'), /innerHTML|outerHTML|insertAdjacent|document\.write/);
    });

    await t.test(`${url} never contains a token`, async (t) => {
      const token = 'eyJhbGciOiJFZERTQSJ9.e30.c2lnbmF0dXJl';
      const { html } = await pageAt(url);
      t.notMatch(html, /eyJ|[\w-]{20,}\.[\w-]{20,}\.[\w-]{20,}/);
      t.equal((await pageAt(url, { cookie: token, referer: `http://x/#token=${token}` })).html, html);
      const inQuery = await app.inject({ url: `${url}?token=${token}` });
      t.equal(inQuery.statusCode, 400, 'a token in the query is rejected');
      t.notMatch(inQuery.body, token);
    });
  }

  await t.test('are the targets of the links in mails', async (t) => {
    const account = await newAccount();
    const [adam, next] = [newEmail('adam'), newEmail('next')];
    await invite(account, account.owner, adam);
    await call('POST', '/v1/auth/password-reset', { body: { email: account.owner.email } });
    const change = { email: next, currentPassword: password };
    await call('POST', '/v1/me/email-change', { body: change, token: account.owner.token });
    const mails = [await mailsTo(adam), await mailsTo(account.owner.email), await mailsTo(next)].flat();
    const links = mails.flatMap(({ text }) => text.match(/http:\S+/g) ?? []).map((it) => new URL(it));
    t.same(links.map((it) => it.pathname).sort(), [...linkPages].sort());
    for (const { hash, search, pathname } of links) {
      t.match(hash, /^#token=[\w.-]+$/, `${pathname}: the token is in the fragment`);
      t.equal(search, '', 'nothing is in the query');
    }
  });

  await t.test('change nothing when opened', async (t) => {
    const account = await newAccount();
    const email = newEmail('adam');
    await invite(account, account.owner, email);
    await call('POST', '/v1/auth/password-reset', { body: { email: account.owner.email } });
    const token = await tokenFor(email);
    const before = await tablesAsText(db);
    for (const url of linkPages) t.equal((await pageAt(url)).status, 200, url);
    await call('POST', '/v1/invites/preview', { body: { token } });
    t.same(await tablesAsText(db), before);
    const { status } = await call('POST', '/v1/invites/accept', {
      body: { token, register: { name: 'Adam', password } },
    });
    t.equal(status, 201);
  });
});

t.test('The docs page needs no credential and runs only its own scripts', async (t) => {
  const { status, html, policy } = await pageAt('/docs');
  t.equal(status, 200);
  t.same(policy['default-src'], ["'none'"]);
  t.same(policy['script-src'], ["'self'"]);
  t.same(policy['connect-src'], ["'self'"]);
  const files = [...html.matchAll(/ (?:src|href)="([^"]+)"/g)].map(([, file]) => file as string);
  t.ok(files.length >= 5);
  for (const file of [...files, '/docs/json']) t.equal((await pageAt(file)).status, 200, file);
  const { policy: elsewhere } = await pageAt('/openapi.json');
  t.same(
    elsewhere,
    { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"] },
    'other routes keep the strict policy',
  );
});

t.test('/dev does not exist in production', async (t) => {
  const { call } = await startService(t, {
    env: {
      NODE_ENV: 'production',
      ISSUER: 'https://usher.example.com',
      ACCEPT_URL: 'https://app.example.com/invite#token={token}',
      VERIFY_URL: 'https://app.example.com/verify#token={token}',
      RESET_URL: 'https://app.example.com/reset#token={token}',
      EMAIL_CHANGE_URL: 'https://app.example.com/confirm#token={token}',
      OPT_OUT_URL: 'https://app.example.com/no-more#token={token}',
      REPORT_URL: 'https://app.example.com/report#token={token}',
      MAIL_FROM: 'Usher <usher@example.com>',
      SENDGRID_API_KEY: 'SG.test',
    },
  });
  for (const url of ['/dev', '/dev/mailbox', '/dev/mailbox?to=adam@example.com', ...linkPages]) {
    for (const headers of [asJson, {}]) {
      const { status, code } = await call('GET', url, { headers });
      t.equal(status, 404, url);
      t.equal(code, 'not-found');
    }
  }
});
