import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { eq } from 'drizzle-orm';
import t, { type Test } from 'tap';
import { accounts, outbox, users } from '../../src/database/schema.ts';
import { type AccountId, newId } from '../../src/ids/ids.ts';
import type { Mail } from '../../src/mail/mail.ts';
import type { SmtpServer } from '../../src/mail/transports/smtp.ts';
import { smtpTransport } from '../../src/mail/transports/smtp.ts';
import { createTestWorker, logTo } from '../support/outbox.ts';
import { request, startProcess } from '../support/process.ts';
import { needsPostgres, newEmail, password, startService, tokensIn } from '../support/service.ts';
import { type Reply, type SmtpRefusals, startScriptedServer, startSmtpServer } from '../support/smtp-server.ts';
import { until } from '../support/until.ts';

// This file starts a service as a process, which needs a build.
t.setTimeout(180_000);

const login = { user: 'usher@example.com', password: 'p@ss: "never" shown' };
const from = { name: 'Example Hosting', email: 'invites@example.com' };

const mail: Mail = {
  deliveryId: newId('dlv'),
  to: 'adam@example.org',
  subject: 'Olivia invites you',
  text: 'Accept: https://app.example.com/invite#token=aaa.bbb.ccc',
  html: '<p>Accept: <a href="https://app.example.com/invite#token=aaa.bbb.ccc">Accept Invite</a></p>',
};

const sentAt = new Date('2026-11-30T09:30:00Z');

interface Changes {
  mail?: Partial<Mail>;
  from?: typeof from;
  server?: Partial<SmtpServer>;
  timeout?: number;
}

/** Sends one mail. @returns the outcome. */
async function sendTo({ port }: { port: number }, changes: Changes = {}) {
  const server: SmtpServer = { host: '127.0.0.1', port, tls: 'none', login: undefined, ...changes.server };
  const transport = smtpTransport({ from, timeout: 10_000, ...changes, server });
  return transport({ ...mail, ...changes.mail }, sentAt);
}

/** The names of the headers, in their order. */
const headersOf = (head: string) => [...head.matchAll(/^([^\s:]+):/gm)].map((it) => it[1]);

/** A script that behaves correctly up to one line, and then replies with `then`. */
const upTo =
  (stage: string, then: Reply) =>
  (line = 'connection'): Reply => {
    if (line.startsWith(stage)) return then;
    if (line === 'connection') return '220 mail.example.org ESMTP';
    if (line === 'STARTTLS') return '502 not here';
    if (line === 'DATA') return '354 go on';
    return line === '.' || /^(EHLO|MAIL|RCPT)/.test(line) ? '250 fine' : 'hang';
  };

t.test('the sent message', async (t) => {
  const server = await startSmtpServer(t);

  t.test('is the written mail, and nothing else', async (t) => {
    t.same(await sendTo(server), { outcome: 'sent' });
    t.equal(server.mails.length, 1);
    const [taken] = server.mails;
    t.match(taken, { from: from.email, to: [mail.to], user: undefined });
    t.match(taken?.read, {
      from: { name: from.name, address: from.email },
      to: [{ address: mail.to }],
      subject: mail.subject,
      messageId: `<${mail.deliveryId}@example.com>`,
      date: sentAt.toISOString(),
    });
    t.equal(taken?.read.text?.trim(), mail.text);
    t.equal(taken?.read.html?.trim(), mail.html);
    const standardHeaders = ['Content-Type', 'Date', 'From', 'MIME-Version', 'Message-ID', 'Subject', 'To'];
    t.same(headersOf(taken?.head ?? '').sort(), standardHeaders);
    t.match(taken?.head, /^Content-Type: multipart\/alternative;/m, 'text and HTML are alternatives');
  });

  t.test('says in its headers how to unsubscribe, where one can (RFC 2369, RFC 8058)', async (t) => {
    // As long as a token is: no line may have more than 998 characters (RFC 5322), and an address
    // stands in one.
    const listUnsubscribe = `https://usher.example.com/no-more?token=${'aaa.bbb-c_c'.repeat(50)}`;
    t.same(await sendTo(server, { mail: { listUnsubscribe } }), { outcome: 'sent' });
    const { head = '', read } = server.mails.at(-1) ?? {};
    t.ok(head.split('\r\n').includes(` <${listUnsubscribe}>`), 'complete, on its own line');
    const headers = new Map(read?.headers.map((it) => [it.key, it.value]));
    t.equal(headers.get('list-unsubscribe'), `<${listUnsubscribe}>`);
    t.equal(headers.get('list-unsubscribe-post'), 'List-Unsubscribe=One-Click');
    const added = headersOf(head).filter((it) => it?.startsWith('List-'));
    t.same(added, ['List-Unsubscribe', 'List-Unsubscribe-Post'], 'each once');
  });

  t.test('has the same Message-ID when it is sent twice', async (t) => {
    const [one, other] = [newId('dlv'), newId('dlv')];
    for (const deliveryId of [one, one, other]) await sendTo(server, { mail: { deliveryId } });
    const ids = server.mails.slice(-3).map((it) => it.read.messageId);
    t.same(ids, [`<${one}@example.com>`, `<${one}@example.com>`, `<${other}@example.com>`]);
  });

  t.test('cannot get headers from a name', async (t) => {
    const standardHeaders = ['Content-Type', 'Date', 'From', 'MIME-Version', 'Message-ID', 'Subject', 'To'];
    const names = {
      'a line break': 'Olivia\r\nBcc: mallory@example.com',
      'an empty line': 'Olivia\nX-Evil: 1\n\n<script>',
      'half a line break': 'Olivia\rX-Evil: 1',
      quotes: 'Olivia" <mallory@example.com>, "',
      'an override of the direction': 'Olivia \u202Eecila\u202C',
      'words that are encoded already': 'Olivia =?utf-8?B?DQpCY2M6IG1hbGxvcnk=?=\r\n =?utf-8?Q?_x?=',
      'controls and line breaks of other scripts': 'Olivia\u0000\u0085\u2028X-Evil: 1',
    };
    for (const [what, name] of Object.entries(names)) {
      const outcome = await sendTo(server, { from: { ...from, name }, mail: { subject: `${name} invites you` } });
      t.same(outcome, { outcome: 'sent' }, what);
      const taken = server.mails.at(-1);
      t.same(taken?.to, [mail.to], `${what}: only the invitee gets it`);
      t.match(taken?.head, /^[\t\r\n -~]*$/, `${what}: the headers are encoded`);
      t.same(headersOf(taken?.head ?? '').sort(), standardHeaders, `${what}: no header is added`);
      t.equal(taken?.read.from?.address, from.email, `${what}: the sender is the configured one`);
      t.match(taken?.read.subject, /^Olivia.* invites you$/s, `${what}: the subject is readable`);
    }
  });

  t.test('has ASCII domains', async (t) => {
    const { port, lines } = await startScriptedServer(t, upTo('nothing', 'hang'));
    const outcome = await sendTo(
      { port },
      { from: { name: 'Bücher', email: 'einladung@bücher.example' }, mail: { to: 'adam@例え.example' } },
    );
    t.same(outcome, { outcome: 'sent' });
    const sender = 'einladung@xn--bcher-kva.example';
    for (const line of [
      `MAIL FROM:<${sender}>`,
      'RCPT TO:<adam@xn--r8jz45g.example>',
      'To: adam@xn--r8jz45g.example',
    ]) {
      t.ok(lines.includes(line), line);
    }
    t.ok(lines.some((it) => it.startsWith('From: ') && it.endsWith(`<${sender}>`)));
    t.ok(lines.includes(`Message-ID: <${mail.deliveryId}@xn--bcher-kva.example>`));
  });

  t.test('does not end at a line with a dot', async (t) => {
    const text = 'one\n.\nQUIT\n..two';
    await sendTo(server, { mail: { text } });
    t.equal(server.mails.at(-1)?.read.text?.trim(), text);
  });
});

t.test('each reply of the mail server leads to an outcome', async (t) => {
  const deferred = (code: number) => ({ outcome: 'deferred', reason: `The mail server answered ${code}` });
  const refused = (code: number) => ({ outcome: 'refused', reason: `The mail server answered ${code}` });
  const table: [SmtpRefusals, object][] = [
    // No such mailbox (RFC 5321, 4.2.3), from servers without enhanced codes.
    ...[550, 551].map((code): [SmtpRefusals, object] => [{ recipient: code }, { ...refused(code), isBounce: true }]),
    ...[552, 553, 554].map((code): [SmtpRefusals, object] => [{ recipient: code }, refused(code)]),
    ...[550, 552, 554].map((code): [SmtpRefusals, object] => [{ content: code }, refused(code)]),
    ...[421, 450, 451, 452].map((code): [SmtpRefusals, object] => [{ recipient: code }, deferred(code)]),
    ...[421, 451, 452].map((code): [SmtpRefusals, object] => [{ content: code }, deferred(code)]),
    // Errors that affect every mail are for the operator to fix, and lose no mail.
    ...[421, 554].map((code): [SmtpRefusals, object] => [{ greeting: code }, deferred(code)]),
    ...[451, 550, 553].map((code): [SmtpRefusals, object] => [{ sender: code }, deferred(code)]),
    ...[454, 535].map((code): [SmtpRefusals, object] => [{ login: code }, deferred(code)]),
    ...[503, 530, 535].map((code): [SmtpRefusals, object] => [{ recipient: code }, deferred(code)]),
  ];
  const rows = [false, true].flatMap((hidePIPELINING) => table.map((row) => [hidePIPELINING, ...row] as const));
  await Promise.all(
    rows.map(async ([hidePIPELINING, refusals, outcome]) => {
      const server = await startSmtpServer(t, { hidePIPELINING });
      server.refuse(refusals);
      const which = `${JSON.stringify(refusals)}${hidePIPELINING ? ', one command at a time' : ''}`;
      t.strictSame(await sendTo(server, { server: { login } }), outcome, `${which}: the reply is not quoted`);
      t.same(server.mails, [], `${which}: the mail did not arrive`);
      server.refuse({});
      t.same(await sendTo(server, { server: { login } }), { outcome: 'sent' }, `${which}: the next mail arrives`);
    }),
  );

  t.test('connection refused', async (t) => {
    const outcome = await sendTo({ port: 1 });
    t.strictSame(outcome, { outcome: 'deferred', reason: 'The mail server could not be used (ECONNREFUSED)' });
  });

  t.test('unknown host', async (t) => {
    const outcome = await sendTo({ port: 25 }, { server: { host: 'mail.invalid' } });
    t.equal(outcome.outcome, 'deferred');
  });

  t.test('not a mail server', async (t) => {
    const server = await startScriptedServer(t, () => 'HTTP/1.1 400 Bad Request');
    const outcome = await sendTo(server);
    t.strictSame(outcome, { outcome: 'deferred', reason: 'The mail server could not be used (EPROTOCOL)' });
  });
});

const stages = ['connection', 'EHLO', 'MAIL', 'RCPT', 'DATA', '.'];

t.test('a closed connection is retried later', async (t) => {
  for (const stage of stages) {
    const server = await startScriptedServer(t, upTo(stage, 'cut'));
    const outcome = await sendTo(server);
    t.match(outcome, { outcome: 'deferred', reason: /^The mail server could not be used \(E[A-Z]+\)$/ }, stage);
  }
});

t.test('a mail server that hangs is abandoned after the timeout', async (t) => {
  const cases = (['hang', 'drip'] as const).flatMap((then) => stages.map((stage) => ({ then, stage })));
  await Promise.all(
    cases.map(async ({ then, stage }) => {
      const server = await startScriptedServer(t, upTo(stage, then));
      const begun = performance.now();
      const outcome = await sendTo(server, { timeout: 500 });
      const took = Math.round(performance.now() - begun);
      const which = `${then} at ${stage}`;
      t.strictSame(outcome, { outcome: 'deferred', reason: 'The mail server did not answer in time' }, which);
      t.ok(took >= 450 && took < 3_000, `${which}: abandoned after ${took} ms`);
      t.ok(
        stage === 'connection' || server.lines.some((it) => it.startsWith(stage)),
        `${which}: the exchange reached this stage`,
      );
      await until('the connection to be closed', () => !server.isConnected());
    }),
  );
});

t.test('logging in', async (t) => {
  t.test('uses the configured user and password', async (t) => {
    const server = await startSmtpServer(t);
    t.same(await sendTo(server, { server: { login } }), { outcome: 'sent' });
    t.same(server.logins, [login]);
    t.equal(server.mails[0]?.user, login.user);
  });

  t.test('is required: nothing is sent if the server does not offer it', async (t) => {
    const server = await startSmtpServer(t, { disabledCommands: ['STARTTLS', 'AUTH'] });
    const outcome = await sendTo(server, { server: { login } });
    t.equal(outcome.outcome, 'deferred', 'it is retried later');
    t.same(server.mails, []);
  });
});

t.test('TLS', async (t) => {
  t.test('without STARTTLS, nothing is sent in plain text', async (t) => {
    const server = await startScriptedServer(t, upTo('nothing', 'hang'));
    const outcome = await sendTo(server, { server: { tls: 'starttls', login } });
    t.strictSame(outcome, { outcome: 'deferred', reason: 'The mail server answered 502' });
    t.match(server.lines.join('\n'), /^EHLO \S+(\nSTARTTLS)?$/, 'neither the login nor the mail is sent');
  });

  t.test('a server with an untrusted certificate gets neither the login nor the mail', async (t) => {
    for (const tls of ['starttls', 'implicit'] as const) {
      const server = await startSmtpServer(t, { disabledCommands: [], secure: tls === 'implicit' });
      const outcome = await sendTo(server, { server: { tls, login } });
      t.match(
        outcome,
        { outcome: 'deferred', reason: /^The mail server could not be used \([A-Z_]*CERT[A-Z_]*\)$/ },
        tls,
      );
      t.same([server.mails, server.logins], [[], []], tls);
    }
  });

  t.test('a local server is used without TLS, even if it offers TLS', async (t) => {
    const server = await startSmtpServer(t, { disabledCommands: [] });
    t.same(await sendTo(server, { server: { login } }), { outcome: 'sent' });
    t.match(server.mails, [{ isSecure: false }]);
  });

  t.test('a handshake that hangs is abandoned after the timeout', async (t) => {
    const server = await startScriptedServer(t, (line) => (line?.startsWith('EHLO') ? '250 STARTTLS' : '220 go on'));
    for (const tls of ['starttls', 'implicit'] as const) {
      const silent = tls === 'starttls' ? server : await startScriptedServer(t, () => 'hang');
      const outcome = await sendTo(silent, { server: { tls, login }, timeout: 500 });
      t.strictSame(outcome, { outcome: 'deferred', reason: 'The mail server did not answer in time' }, tls);
      await until('the connection to be closed', () => !silent.isConnected());
    }
  });

  t.test('a server with a trusted certificate gets both', { skip: missingOpenssl() }, async (t) => {
    const { key, cert, file } = await makeCertificate(t);
    for (const tls of ['starttls', 'implicit'] as const) {
      const server = await startSmtpServer(t, { disabledCommands: [], secure: tls === 'implicit', key, cert });
      const options = { from, server: { host: 'localhost', port: server.port, tls, login } };
      t.equal(await sendTrusting(file, options), '{"outcome":"sent"}', tls);
      t.match(server.mails, [{ isSecure: true, user: login.user }], tls);
    }
  });
});

t.test('through the service', async (t) => {
  const server = await startSmtpServer(t);
  const logged: string[] = [];
  const service = await startService(t);
  const account = await service.newAccount();
  const transport = smtpTransport({ from, server: { host: '127.0.0.1', port: server.port, tls: 'none', login } });
  const worker = createTestWorker(service, { transport, log: logTo(logged) });

  /** Creates an invite and sends its mail. @returns the address. */
  async function inviteOne(message: string): Promise<string> {
    const email = newEmail('adam');
    const { status } = await service.invite(account, account.owner, email, { allPermissions: true }, { message });
    if (status !== 201) throw new Error(`the invite was not made: ${status}`);
    await worker.drain();
    return email;
  }

  t.test('neither the outbox nor the log contains the login, an address or the mail', async (t) => {
    const emails: string[] = [];
    const refusals: SmtpRefusals[] = [{ login: 535 }, { recipient: 550 }, { content: 451 }];
    for (const refusal of refusals) {
      server.refuse(refusal);
      emails.push(await inviteOne('the words of the message'));
    }
    const rows = await service.db.select().from(outbox);
    const states = rows.map(({ status, lastError }) => ({ status, lastError })).filter((it) => it.lastError !== null);
    const expected = [
      { status: 'queued', lastError: 'The mail server answered 535' },
      { status: 'failed', lastError: 'The mail server answered 550' },
      { status: 'queued', lastError: 'The mail server answered 451' },
    ];
    t.same(new Set(states.map((it) => JSON.stringify(it))), new Set(expected.map((it) => JSON.stringify(it))));
    t.equal(logged.filter((line) => line.includes('The mail server answered 550')).length, 1, 'and it is logged');
    const said = JSON.stringify(rows) + logged.join('');
    for (const secret of [login.password, ...emails, '@', 'the words of the message', 'token=', 'eyJ']) {
      t.notOk(said.includes(secret), `no ${secret}`);
    }
  });

  t.test('a mailbox that does not exist is a bounce: nothing more is sent to it', async (t) => {
    const answers = {
      '550 5.1.1 adam@example.com: no such user': { event: 'bounced', reason: 'The mail server answered 550 5.1.1' },
      '550 5.2.1 mailbox disabled': { event: 'bounced', reason: 'The mail server answered 550 5.2.1' },
      '550 5.7.1 not from you': { event: 'failed', reason: 'The mail server answered 550' },
      '550 no relaying here (#5.7.1)': { event: 'failed', reason: 'The mail server answered 550' },
      '553 5.1.8 the domain of the sender does not exist': { event: 'failed', reason: 'The mail server answered 553' },
      '550 Unknown user': { event: 'bounced', reason: 'The mail server answered 550' },
      '551 User not local': { event: 'bounced', reason: 'The mail server answered 551' },
      '553 sorry, that domain is not in my list': { event: 'failed', reason: 'The mail server answered 553' },
      '450 4.1.1 not now': { event: 'retrying', reason: 'The mail server answered 450' },
    };
    for (const [answer, { event, reason }] of Object.entries(answers)) {
      const { port } = await startScriptedServer(t, upTo('RCPT', answer));
      const email = newEmail('adam');
      const { body } = await service.invite(account, account.owner, email);
      const picky = smtpTransport({ from, server: { host: '127.0.0.1', port, tls: 'none', login: undefined } });
      await createTestWorker(service, { transport: picky }).drain();
      const url = `${account.url}/invites/${body.id}`;
      const { delivery } = (await service.call('GET', url, { token: account.owner.token })).body;
      t.match(delivery, { event, reason, sendingStopped: event === 'bounced' }, answer);
      const again = await service.call('POST', `${url}/resend`, { token: account.owner.token });
      t.equal(again.code, event === 'bounced' ? 'address-undeliverable' : undefined, answer);
      await service.call('POST', `${url}/revoke`, { token: account.owner.token });
    }
  });

  t.test('user-chosen names cannot inject headers', async (t) => {
    server.refuse({});
    // Written past the API, which refuses some of this: what stands in the database can't hurt
    // either.
    const name = 'Olivia\r\nBcc: mallory@example.com\r\n\r\n"{{ x }}" \u202Ereversed';
    await service.db.update(users).set({ name }).where(eq(users.email, account.owner.email));
    const accountName = 'Example\u2028\u0085Hosting\r\nX-Evil: 1';
    await service.db
      .update(accounts)
      .set({ name: accountName })
      .where(eq(accounts.id, account.id as AccountId));
    const email = await inviteOne('Hello');
    const [taken] = server.mailsTo(email);
    t.same(taken?.to, [email], 'only the invitee gets it');
    t.equal(
      taken?.read.subject,
      'Olivia Bcc: mallory@example.com "{{ x }}" reversed invites you to Example Hosting X-Evil: 1',
    );
    t.same(
      headersOf(taken?.head ?? '').filter((it) => /^(bcc|x-)/i.test(it ?? '')),
      [],
    );
    const headers = new Map(taken?.read.headers.map((it) => [it.key, it.value]));
    t.match(headers.get('list-unsubscribe'), /^<http:\/\/localhost:3000\/[\w/-]+\?token=[\w.-]+>$/);
    t.equal(headers.get('list-unsubscribe-post'), 'List-Unsubscribe=One-Click');
  });
});

t.test('a service with SMTP_URL', { skip: needsPostgres('the same on both databases') }, async (t) => {
  const server = await startSmtpServer(t);
  const folder = await mkdtemp(join(tmpdir(), 'usher-smtp-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const service = await startProcess(t, {
    DATA_DIR: folder,
    SMTP_URL: `smtp://${encodeURIComponent(login.user)}:${encodeURIComponent(login.password)}@127.0.0.1:${server.port}`,
    MAIL_FROM: `${from.name} <${from.email}>`,
    ACCEPT_URL: 'https://app.example.com/invite#token={token}',
    LOG_LEVEL: 'trace',
  });
  const call = (path: string, body: object, token?: string) => request(service.url, 'POST', path, { body, token });
  /** The token of the first link in the newest mail to an address. */
  const tokenFor = async (email: string) => {
    const { read } = await until(`a mail to ${email}`, () => server.mailsTo(email).at(-1));
    return tokensIn(read.text ?? '')[0];
  };

  const owner = newEmail('olivia');
  await call('/v1/auth/register', { email: owner });
  const chosen = { name: 'Olivia Owner', password };
  const verified = await call('/v1/auth/verify-email', { token: await tokenFor(owner), ...chosen });
  const session = verified.body.accessToken;
  const account = await call('/v1/accounts', { name: 'Example Hosting' }, session);
  const email = newEmail('adam');
  const invite = { email, access: { permissions: ['invoices:read'] }, message: 'Grüße' };
  const made = await call(`/v1/accounts/${account.body.id}/invites`, invite, session);
  t.equal(made.status, 201);

  const token = await tokenFor(email);
  const [taken] = server.mailsTo(email);
  t.match(taken, { from: from.email, to: [email], user: login.user });
  t.match(taken?.read, {
    from: { name: from.name, address: from.email },
    subject: 'Olivia Owner invites you to Example Hosting',
    messageId: /^<dlv_[0-9a-z]{26}@example\.com>$/,
  });
  const link = `https://app.example.com/invite#token=${token}`;
  t.ok(taken?.read.text?.includes(link), 'the Accept Invite link is in the text part');
  t.ok(taken?.read.html?.includes(`href="${link}"`), 'and in the HTML part');
  t.ok(taken?.read.text?.includes('> Grüße'), 'with the inviter’s message');
  const accepted = await call('/v1/invites/accept', { token, register: { name: 'Adam', password } });
  t.match(accepted, { status: 201, body: { account: { id: account.body.id } } }, 'the link works');
  const nothing = await request(service.url, 'GET', '/dev/mailbox');
  t.equal(nothing.status, 404, 'there is no mailbox');

  t.match(await service.end('SIGTERM'), { code: 0 });
  t.equal(server.mailsTo(email).length, 1, 'it was sent once');
  t.match(service.printed.stdout, 'mail goes through 127.0.0.1');
  const printed = service.printed.stdout + service.printed.stderr;
  const encoded = encodeURIComponent(login.password);
  for (const secret of [login.password, encoded, login.user, owner, email, '@example', 'eyJ']) {
    t.notOk(printed.includes(secret), `the log does not contain ${secret}`);
  }
});

/** Openssl creates the certificate for localhost. */
function missingOpenssl(): string | false {
  return spawnSync('openssl', ['version']).status !== 0 && 'no openssl here';
}

async function makeCertificate(t: Test) {
  const folder = await mkdtemp(join(tmpdir(), 'usher-certificate-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const ask = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost';
  const names = ['-addext', 'subjectAltName=DNS:localhost', '-keyout', '-', '-out', '-'];
  const { stdout } = spawnSync('openssl', [...ask.split(' '), ...names], { encoding: 'utf8' });
  const [key = '', cert = ''] = stdout.match(/-----BEGIN .+?-----END [^\n]+\n/gs) ?? [];
  await writeFile(join(folder, 'cert.pem'), cert);
  return { key, cert, file: join(folder, 'cert.pem') };
}

/**
 * Sends one mail from a process that trusts a certificate: Node reads whom it trusts once, when it
 * starts.
 */
async function sendTrusting(certificate: string, options: Parameters<typeof smtpTransport>[0]): Promise<string> {
  const module = import.meta.resolve('../../src/mail/transports/smtp.js');
  const script = `import { smtpTransport } from ${JSON.stringify(module)};
    const send = smtpTransport(${JSON.stringify(options)});
    process.stdout.write(JSON.stringify(await send(${JSON.stringify(mail)}, new Date())));`;
  const child = spawn('env', ['-u', 'NODE_OPTIONS', process.execPath, '--input-type=module', '-e', script], {
    env: { PATH: process.env.PATH, NODE_EXTRA_CA_CERTS: certificate },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [printed] = await Promise.all([textOf(child.stdout), once(child, 'close')]);
  return printed;
}
