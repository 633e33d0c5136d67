import { eq } from 'drizzle-orm';
import t, { type Test } from 'tap';
import { readSender } from '../../src/config/setting-values.ts';
import { accounts, outbox, users } from '../../src/database/schema.ts';
import { type AccountId, newId } from '../../src/ids/ids.ts';
import type { Mail } from '../../src/mail/mail.ts';
import { sendgridTransport } from '../../src/mail/transports/sendgrid.ts';
import { createTestWorker, logTo } from '../support/outbox.ts';
import { type SendgridAnswer, startSendgridServer } from '../support/sendgrid-server.ts';
import { newEmail, startService } from '../support/service.ts';

const apiKey = 'SG.this-key-is.never-shown';
const from = { name: 'Example Hosting', email: 'invites@example.com' };

const mail: Mail = {
  deliveryId: newId('dlv'),
  to: 'adam@example.com',
  subject: 'Olivia invites you',
  text: 'Accept: https://app.example.com/invite#token=aaa.bbb.ccc',
  html: '<p>Accept: <a href="https://app.example.com/invite#token=aaa.bbb.ccc">Accept Invite</a></p>',
};

/**
 * Sends one mail to a stand-in that answers so.
 * @returns the outcome, and the requests that the stand-in got.
 */
async function sendTo(t: Test, answer: SendgridAnswer, changes: { mail?: Partial<Mail>; timeout?: number } = {}) {
  const server = await startSendgridServer(t);
  server.answerWith(answer);
  const { timeout = 5_000 } = changes;
  const transport = sendgridTransport({ from, apiKey, baseUrl: server.url, timeout });
  const begun = performance.now();
  const outcome = await transport({ ...mail, ...changes.mail }, sentAt);
  return { outcome, took: performance.now() - begun, requests: server.requests };
}

t.test('a mail is one request to mail/send', async (t) => {
  const { outcome, requests } = await sendTo(t, { status: 202 });
  t.same(outcome, { outcome: 'sent' });
  t.equal(requests.length, 1, 'one request');
  const [sent] = requests;
  t.equal(sent?.method, 'POST');
  t.equal(sent?.path, '/v3/mail/send');
  t.equal(sent?.headers.authorization, `Bearer ${apiKey}`);
  t.match(sent?.headers['content-type'], /^application\/json/);
  t.strictSame(
    sent?.body,
    {
      from: { email: 'invites@example.com', name: 'Example Hosting' },
      subject: mail.subject,
      personalizations: [{ to: [{ email: 'adam@example.com' }] }],
      content: [
        { type: 'text/plain', value: mail.text },
        { type: 'text/html', value: mail.html },
      ],
      custom_args: { deliveryId: mail.deliveryId },
      tracking_settings: {
        click_tracking: { enable: false, enable_text: false },
        open_tracking: { enable: false },
        subscription_tracking: { enable: false },
      },
    },
    'only the mail, an opaque delivery id, and tracking off',
  );

  t.test('a mail with an unsubscribe URL has the headers of RFC 2369 and RFC 8058', async (t) => {
    const listUnsubscribe = 'https://usher.example.com/no-more?token=aaa.bbb.ccc';
    const { requests } = await sendTo(t, { status: 202 }, { mail: { listUnsubscribe } });
    t.strictSame(requests[0]?.body.headers, {
      'List-Unsubscribe': `<${listUnsubscribe}>`,
      'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
    });
  });
});

const refusals = {
  400: 'it rejected this mail',
  401: 'the API key is not valid',
  403: 'the sender or the API key is not allowed to send',
  413: 'the mail is too large',
};
const tooMany = 'SendGrid answered 429: too many requests';
const sentAt = new Date('2026-11-25T09:30:00.250Z');
const since1970 = Math.floor(sentAt.getTime() / 1000);

/** Headers, and the `retryAfter` that they lead to: a day at most. */
const waits = [
  { headers: { 'retry-after': '120' }, retryAfter: 120 },
  { headers: { 'retry-after': '0' }, retryAfter: 0 },
  { headers: { 'retry-after': '999999999' }, retryAfter: 86_400 },
  { headers: { 'retry-after': 'Wed, 25 Nov 2026 09:32:00 GMT' }, retryAfter: 120 },
  { headers: { 'retry-after': 'Wed, 25 Nov 2026 09:00:00 GMT' }, retryAfter: 0 },
  { headers: { 'retry-after': 'Wed, 25 Nov 2099 09:00:00 GMT' }, retryAfter: 86_400 },
  { headers: { 'x-ratelimit-reset': String(since1970 + 60) }, retryAfter: 60 },
  { headers: { 'retry-after': '7', 'x-ratelimit-reset': String(since1970 + 60) }, retryAfter: 7 },
];

/** Rejected fields, and what the reason shows of them: never a value. */
const rejected = [
  { fields: ['personalizations.0.to.0.email'], shown: ': personalizations.0.to.0.email' },
  { fields: ['from.email', 'content[0].value'], shown: ': from.email, content[0].value' },
  { fields: ['adam@example.com', 'A B', 12, null, {}, 'x'.repeat(61)], shown: '' },
];

t.test('each answer of SendGrid leads to an outcome', async (t) => {
  const table: { answer: SendgridAnswer; outcome: object }[] = [
    ...Object.entries(refusals).map(([status, meaning]) => ({
      answer: { status: Number(status) },
      outcome: { outcome: 'refused', reason: `SendGrid answered ${status}: ${meaning}` },
    })),
    { answer: { status: 404 }, outcome: { outcome: 'refused', reason: 'SendGrid answered 404' } },
    { answer: { status: 429 }, outcome: { outcome: 'deferred', reason: tooMany } },
    ...[408, 500, 502, 503].map((status) => ({
      answer: { status },
      outcome: { outcome: 'deferred', reason: `SendGrid answered ${status}` },
    })),
    {
      answer: { status: 503, headers: { 'retry-after': '120' } },
      outcome: { outcome: 'deferred', reason: 'SendGrid answered 503', retryAfter: 120 },
    },
    ...waits.map(({ headers, retryAfter }) => ({
      answer: { status: 429, headers },
      outcome: { outcome: 'deferred', reason: tooMany, retryAfter },
    })),
    ...['soon', '-1', '1e9', '', 'Sun, 06 Nov', '2026-11-25', 'Xyz, 99 Foo 2026 99:99:99 GMT'].map((words) => ({
      answer: { status: 429, headers: { 'retry-after': words } },
      outcome: { outcome: 'deferred', reason: tooMany },
    })),
    ...rejected.map(({ fields, shown }) => ({
      answer: { status: 400, fields },
      outcome: { outcome: 'refused', reason: `SendGrid answered 400: it rejected this mail${shown}` },
    })),
    { answer: 'cut', outcome: { outcome: 'deferred', reason: 'SendGrid did not answer (ECONNRESET)' } },
  ];
  for (const { answer, outcome } of table) {
    t.strictSame((await sendTo(t, answer)).outcome, outcome, JSON.stringify(answer));
  }
  const half = await sendTo(t, 'half');
  t.equal(half.outcome.outcome, 'deferred', 'an incomplete answer');

  t.test('a redirect is not followed and not taken for success', async (t) => {
    const elsewhere = await startSendgridServer(t);
    const { outcome } = await sendTo(t, { status: 302, headers: { location: `${elsewhere.url}/v3/mail/send` } });
    t.equal(outcome.outcome, 'deferred');
    t.same(elsewhere.requests, [], 'the mail was not sent to the other server');
  });

  t.test('connection refused', async (t) => {
    const transport = sendgridTransport({ from, apiKey, baseUrl: 'http://127.0.0.1:1' });
    const outcome = await transport(mail, new Date());
    t.strictSame(outcome, { outcome: 'deferred', reason: 'SendGrid did not answer (ECONNREFUSED)' });
  });
});

t.test('a SendGrid that hangs is abandoned after the timeout', async (t) => {
  for (const answer of ['hang', 'stall', 'drip'] as const) {
    const { outcome, took } = await sendTo(t, answer, { timeout: 500 });
    t.strictSame(outcome, { outcome: 'deferred', reason: 'SendGrid did not answer in time' }, answer);
    t.ok(took >= 450 && took < 3_000, `${answer}: abandoned after ${Math.round(took)} ms`);
  }
});

t.test('no outcome contains the API key, an address or the mail', async (t) => {
  const answers: SendgridAnswer[] = [
    ...[400, 401, 403, 413, 429, 500].map((status) => ({ status })),
    'cut',
    'half',
    'hang',
  ];
  for (const answer of answers) {
    const { outcome } = await sendTo(t, answer, { timeout: 300 });
    const said = JSON.stringify(outcome);
    for (const secret of [apiKey, mail.to, mail.subject, 'aaa.bbb.ccc', from.email]) {
      t.notOk(said.includes(secret), `${JSON.stringify(answer)}: ${said}`);
    }
  }
});

t.test('through the service', async (t) => {
  const server = await startSendgridServer(t);
  const logged: string[] = [];
  const service = await startService(t);
  const account = await service.newAccount();
  const transport = sendgridTransport({ from, apiKey, baseUrl: server.url, timeout: 300 });
  const worker = createTestWorker(service, { transport, log: logTo(logged) });

  /** Creates an invite and sends its mail. @returns the address. */
  async function inviteOne(message: string): Promise<string> {
    const email = newEmail('adam');
    const { status } = await service.invite(account, account.owner, email, { allPermissions: true }, { message });
    if (status !== 201) throw new Error(`the invite was not made: ${status}`);
    await worker.drain();
    return email;
  }

  t.test('neither the outbox nor the log contains the API key, an address or the mail', async (t) => {
    const answers: SendgridAnswer[] = [
      { status: 400 },
      { status: 401 },
      { status: 429 },
      { status: 500 },
      'cut',
      'hang',
    ];
    const emails: string[] = [];
    for (const answer of answers) {
      server.answerWith(answer);
      emails.push(await inviteOne('the words of the message'));
    }
    const rows = await service.db.select().from(outbox);
    const errors = rows.map((it) => it.lastError);
    for (const status of [400, 401, 429, 500]) {
      t.ok(
        errors.some((it) => it?.startsWith(`SendGrid answered ${status}`)),
        `${status} is recorded`,
      );
    }
    t.ok(errors.includes('SendGrid did not answer in time'), 'the timeout is recorded');
    t.equal(logged.filter((line) => line.includes('SendGrid answered 400')).length, 1, 'and is logged');
    const said = JSON.stringify(rows) + logged.join('');
    for (const secret of [apiKey, ...emails, '@', 'the words of the message', 'token=', 'eyJ']) {
      t.notOk(said.includes(secret), `no ${secret}`);
    }
  });

  t.test('a Unicode domain is sent in ASCII', async (t) => {
    server.answerWith({ status: 202 });
    const email = `adam-${process.pid}@bücher.example`;
    const { body } = await service.invite(account, account.owner, email);
    t.equal(body.email, `adam-${process.pid}@xn--bcher-kva.example`);
    await worker.drain();
    t.equal(server.acceptedFor(body.email).length, 1);
    t.same(readSender('Bücher <Einladung@bücher.example>'), {
      name: 'Bücher',
      email: 'Einladung@xn--bcher-kva.example',
    });
  });

  t.test('user-chosen names cannot inject headers, and are escaped in HTML', async (t) => {
    server.answerWith({ status: 202 });
    // Written past the API, which refuses some of this: what stands in the database can't hurt
    // either.
    const name = 'Olivia\r\nBcc: mallory@example.com\r\n\r\n<script>alert(1)</script> "{{ x }}"';
    await service.db.update(users).set({ name }).where(eq(users.email, account.owner.email));
    await service.db
      .update(accounts)
      .set({ name: 'Example\u2028\u0085<b>Hosting</b>\r\nX-Evil: 1' })
      .where(eq(accounts.id, account.id as AccountId));
    const email = await inviteOne('<img src=x onerror=alert(1)>');
    const [taken] = server.acceptedFor(email);
    if (!taken) return t.fail('SendGrid took no mail');
    const { subject, from: sender, personalizations, content, headers } = taken.body;
    t.notMatch(subject, /[\p{Cc}\p{Zl}\p{Zp}]/u, 'the subject is one line');
    t.match(
      subject,
      'Olivia Bcc: mallory@example.com <script>alert(1)</script> "{{ x }}" invites you to Example <b>Hosting</b> X-Evil: 1',
    );
    t.strictSame(sender, { email: from.email, name: from.name }, 'the sender is the configured one');
    t.strictSame(personalizations, [{ to: [{ email }] }], 'only the invitee gets it');
    const link = 'http://localhost:3000/v1/invites/opt-out/one-click?token=';
    const { 'List-Unsubscribe': unsubscribe, ...others } = headers as Record<string, string>;
    t.equal(unsubscribe?.replace(/[\w-]+\.[\w-]+\.[\w-]+/, ''), `<${link}>`, 'the headers are Usher’s');
    t.strictSame(others, { 'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click' }, 'no header is added');
    const [text, html] = content.map((it) => it.value) as [string, string];
    for (const tag of ['<script>alert', '<img src=x', '<b>Hosting']) t.notOk(html.includes(tag), `${tag} is escaped`);
    t.ok(html.includes('&lt;script&gt;alert(1)&lt;/script&gt;'), 'and shown as text');
    t.ok(text.includes('<script>alert(1)</script>'), 'the text part has it unchanged');
  });
});
