import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { readConfig } from '../../src/config/config.ts';
import { type MailKind, type MailValues, mailKinds } from '../../src/mail/kinds.ts';
import { bestLocale, directionOf, timeInWords } from '../../src/mail/locale.ts';
import { extremesOf, samplesOf } from '../../src/mail/samples.ts';
import { parseSendgridTemplates } from '../../src/mail/sendgrid-templates.ts';
import { type LocaleTexts, readTexts } from '../../src/mail/texts.ts';
import { sendgridTransport } from '../../src/mail/transports/sendgrid.ts';
import { createMailWriter } from '../../src/mail/write.ts';
import { messageWriters } from '../../src/mail-writers.ts';
import { createTestWorker } from '../support/outbox.ts';
import { startSendgridServer } from '../support/sendgrid-server.ts';
import { newEmail, password, startService } from '../support/service.ts';

const writer = createMailWriter();
const builtIn = ['de', 'en', 'es', 'fr', 'hi', 'ja'];
const [chosen, whole] = samplesOf('invite') as [MailValues, MailValues];

/** Creates a template folder with these files. */
function folderWith(t: Test, files: Record<string, string | object>): string {
  const folder = mkdtempSync(join(tmpdir(), 'usher-test-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return folder;
}

/** The visible text of HTML. */
const readable = (html: string) =>
  html
    .replace(/<head>.*<\/head>/s, '')
    .replaceAll(/<[^>]+>/g, '')
    .replaceAll('&#39;', "'")
    .replaceAll('&quot;', '"')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');

t.test('every mail in every language', async (t) => {
  t.same(writer.locales, builtIn);

  t.test('has a subject, a text part and an HTML part with all values', async (t) => {
    for (const locale of builtIn) {
      for (const kind of mailKinds) {
        for (const values of [...samplesOf(kind), ...extremesOf(kind)]) {
          const { subject, text, html } = writer.write(kind, [locale], values);
          const what = `${kind} in ${locale}`;
          t.ok(subject.length > 3 && !/[\r\n{}]/.test(subject), `${what}: ${subject}`);
          t.ok(
            Buffer.byteLength(html) < 102_000,
            `${what} has ${Buffer.byteLength(html)} bytes: Gmail does not clip it`,
          );
          t.match(html, `<html lang="${locale}" dir="ltr">`, what);
          t.notMatch(html + text, /\{\{|\}\}|undefined|\[object|<\/?strong>(?=.*<html)/, what);
          t.notMatch(text, /<[a-z/]/, `${what}: the text part has no markup`);
          // Anyone can have it sent to any address, whose local part can contain their text.
          const omitted = kind === 'verify-email' ? ['address'] : [];
          for (const name of omitted) t.notOk((text + html).includes(String(values[name])), `${what} omits ${name}`);
          const excluded = ['access', 'items', 'until', ...omitted];
          const shown = Object.entries(values).filter(([name]) => !excluded.includes(name));
          for (const [name, value] of shown.filter(([, it]) => it !== null)) {
            t.ok(text.replaceAll('\n> ', '\n').includes(String(value)), `${what}: the text part shows ${name}`);
            t.ok(
              readable(html).includes(String(value)) || html.includes(`href="${value}"`),
              `${what}: the HTML part shows ${name}`,
            );
          }
          if (values.until instanceof Date) {
            const time = timeInWords(values.until, locale);
            t.ok(text.includes(time) && readable(html).includes(time), `${what}: until ${time}`);
          }
        }
      }
    }
  });

  t.test('is completely translated', async (t) => {
    const linesOf = (kind: MailKind, locale: string) =>
      writer.write(kind, [locale], samplesOf(kind)[0] as MailValues).text.split('\n');
    for (const kind of mailKinds) {
      const english = linesOf(kind, 'en').filter((it) => /[a-z]{3,} [a-z]{3,} [a-z]{2,}/.test(it));
      t.ok(english.length >= 2, `${kind} has sentences`);
      for (const locale of builtIn.filter((it) => it !== 'en')) {
        const same = linesOf(kind, locale).filter((it) => english.includes(it) && !it.startsWith('> '));
        t.same(same, [], `${kind} in ${locale}`);
      }
    }
  });

  t.test('is accessible, loads nothing, and isolates right-to-left names', async (t) => {
    for (const kind of mailKinds) {
      const { html } = writer.write(kind, ['en'], samplesOf(kind)[0] as MailValues);
      t.notMatch(html, /<img|url\(|<script|<link|@import/, `${kind} loads nothing`);
      t.equal(html.match(/<h1/g)?.length, 1, `${kind} has one heading`);
      t.equal(html.match(/<table/g)?.length, html.match(/<table role="presentation"/g)?.length, `${kind}: layout only`);
      t.match(html, 'prefers-color-scheme: dark');
      t.match(html, 'name="viewport"');
    }
    const { html } = writer.write('invite', ['en'], { ...chosen, inviter: 'نورا', account: 'مضيف' });
    t.match(html, '<bdi>نورا</bdi> invites you to <bdi>مضيف</bdi>');
  });
});

t.test('user-chosen names cannot inject anything', async (t) => {
  const names = {
    'with markup': '<b>Olivia</b><script>alert(1)</script> & "Co" \'x\'',
    'with a template': '{{ link }}{% raw %}{{ x }}',
    'with a new line': 'Olivia\r\nBcc: mallory@example.com',
    'with a right-to-left override': 'Olivia \u202Egpj.exe',
    'of 1 000 characters': 'x'.repeat(1_000),
  };
  for (const [what, inviter] of Object.entries(names)) {
    const { subject, html, text } = writer.write('invite', ['en'], { ...chosen, inviter });
    t.notMatch(subject, /[\p{Cc}\p{Bidi_Control}]/u, `${what}: the subject is one line`);
    t.notMatch(html, /<b>|<script/, `${what}: no markup is injected`);
    t.ok(readable(html).includes(inviter) && text.includes(inviter), `${what}: the name is shown unchanged`);
    t.equal(text.split('#token=').length, 4, `${what}: no link is added`);
  }
});

t.test('every line of a quoted message is marked, for every kind of line break', async (t) => {
  for (const lineBreak of ['\n', '\r\n', '\r', '\u2028', '\u2029', '\u0085', '\v', '\f']) {
    const { text } = writer.write('invite', ['en'], { ...chosen, message: `Hello${lineBreak}Accept Invite:` });
    t.match(text, '> Hello\n> Accept Invite:\n');
  }
});

t.test('a right-to-left name does not reorder the text around it', async (t) => {
  const { text, html, subject } = writer.write('invite', ['en'], { ...chosen, inviter: 'נורה (מנהלת)' });
  t.match(text, '\u2068נורה (מנהלת)\u2069 has invited you (adam@example.com)');
  t.match(html, '<bdi>נורה (מנהלת)</bdi> has invited you');
  t.equal(subject, 'נורה (מנהלת) invites you to Example Hosting', 'a header contains no control characters');
});

t.test('a list shows 50 items and the number of further ones', async (t) => {
  const items = Array.from({ length: 60 }, (_, i) => `Permission ${i + 1}`);
  const { text, html } = writer.write('invite', ['en'], { ...chosen, items });
  for (const part of [text, readable(html)]) {
    t.match(part, 'Permission 50');
    t.notMatch(part, 'Permission 51');
    t.match(part, 'and 10 more');
  }
  t.match(writer.write('invite', ['en'], whole).text, 'with all permissions');
});

t.test('the language', async (t) => {
  t.test('is the first preferred one that is available', async (t) => {
    const available = new Set(['en', 'de', 'pt-br', 'zh-hant']);
    const table: [(string | null | undefined)[], string][] = [
      [['de'], 'de'],
      [['de-AT'], 'de'],
      [['DE-at-1996'], 'de'],
      [['pt-BR'], 'pt-br'],
      [['pt'], 'en'],
      [['zh-Hant-TW'], 'zh-hant'],
      [['nl', 'de'], 'de'],
      [[null, undefined, 'de'], 'de'],
      [['nl', null], 'en'],
      [[], 'en'],
      [['', 'xx-', '-', 'constructor'], 'en'],
    ];
    for (const [preferred, best] of table) t.equal(bestLocale(preferred, available), best, JSON.stringify(preferred));
  });

  t.test('determines the writing direction and the time format', async (t) => {
    for (const tag of ['ar', 'he', 'fa', 'ur', 'ar-EG', 'az-Arab', 'yi']) t.equal(directionOf(tag), 'rtl', tag);
    for (const tag of [...builtIn, 'az', 'zh-hant']) t.equal(directionOf(tag), 'ltr', tag);
    const time = new Date('2026-11-30T09:30:00Z');
    t.equal(timeInWords(time), 'Monday, 30 November 2026, 09:30 UTC');
    for (const locale of builtIn) t.match(timeInWords(time, locale), /2026.*9:30.*UTC$/, timeInWords(time, locale));
  });

  t.test('is that of the invite, the account or English, and for own mails that of the user', async (t) => {
    const service = await startService(t);
    const { call, invite, mailsTo, newAccount } = service;
    const account = await newAccount();
    const { owner } = account;
    const subjectFor = async (more: object) => {
      const email = newEmail('adam');
      const { status } = await invite(account, owner, email, { allPermissions: true }, more);
      t.equal(status, 201);
      return (await mailsTo(email))[0]?.subject;
    };
    t.match(await subjectFor({}), 'invites you to');
    await call('PATCH', account.url, { token: owner.token, body: { settings: { locale: 'fr-CA' } } });
    t.match(await subjectFor({}), 'vous invite');
    t.match(await subjectFor({ locale: 'de-AT' }), 'lädt Sie');
    t.match(await subjectFor({ locale: 'tlh' }), 'vous invite', 'a locale without texts falls back');
    t.equal(
      (await invite(account, owner, newEmail(), { allPermissions: true }, { locale: 'd' })).code,
      'invalid-request',
    );

    const email = newEmail('dora');
    await call('POST', '/v1/auth/register', { body: { email, locale: 'es' } });
    t.match((await mailsTo(email))[0]?.subject, 'Confirme su dirección');
    const token = await service.tokenFor(email, 'verify-email');
    await call('POST', '/v1/auth/verify-email', { body: { token, name: 'Dora', password } });
    await call('POST', '/v1/auth/password-reset', { body: { email } });
    t.match(
      (await mailsTo(email))[0]?.subject,
      'Elija una contraseña',
      'the user keeps the locale of the registration',
    );

    const guest = newEmail('guest');
    await invite(account, owner, guest, { allPermissions: true }, { locale: 'ja' });
    const link = await service.tokenFor(guest, 'invite');
    await call('POST', '/v1/invites/accept', { body: { token: link, register: { name: 'Guest', password } } });
    await call('POST', '/v1/auth/password-reset', { body: { email: guest } });
    t.match((await mailsTo(guest))[0]?.subject, '新しいパスワード', 'the user keeps the locale of the invite');
  });
});

t.test('mails about an account', async (t) => {
  const { call, invite, mailsTo, newAccount, newMember, worker } = await startService(t);
  const account = await newAccount('Example Hosting');
  const { token } = account.owner;
  const subjectsTo = async (email: string) => (await mailsTo(email)).map((it) => it.subject);

  t.test('tell a member about an active ownership offer, without a link', async (t) => {
    const one = await newMember(account, { allPermissions: true });
    const offer = (userId: string) => call('POST', `${account.url}/ownership-transfer`, { body: { userId }, token });
    await offer(one.id);
    await call('DELETE', `${account.url}/ownership-transfer`, { token });
    await worker.drain();
    t.notOk(
      (await subjectsTo(one.email)).some((it) => it.includes('ownership')),
      'no mail for an offer that was withdrawn before it was sent',
    );
    await offer(one.id);
    const [mail] = await mailsTo(one.email);
    t.equal(mail?.subject, 'Olivia Owner offers you ownership of Example Hosting');
    t.notMatch(`${mail?.text}${mail?.html}`, /https?:\/\/(?!www\.w3)|href=/);
  });

  t.test('tell a removed member, unless they left by themselves or are a member again', async (t) => {
    const [removed, left] = [
      await newMember(account, { permissions: ['invoices:read'] }),
      await newMember(account, { permissions: ['invoices:read'] }),
    ];
    await call('DELETE', `${account.url}/members/${removed.id}`, { token });
    await call('DELETE', `${account.url}/members/${left.id}`, { token: left.token });
    t.equal((await subjectsTo(removed.email))[0], 'You are no longer a member of Example Hosting');
    t.notOk((await subjectsTo(left.email)).some((it) => it.startsWith('You are no longer')));
    const back = await newMember(account, { permissions: ['invoices:read'] });
    const again = await invite(account, account.owner, back.email).then((it) => it.code);
    t.equal(again, 'already-member');
    await call('DELETE', `${account.url}/members/${back.id}`, { token });
    const { body } = await invite(account, account.owner, back.email);
    await call('POST', `/v1/me/invites/${body.id}/accept`, { token: back.token });
    t.notOk(
      (await subjectsTo(back.email)).some((it) => it.startsWith('You are no longer')),
      'a member again',
    );
    t.equal((await call('DELETE', `${account.url}/members/${account.owner.id}`, { token })).code, 'owner-protected');
    t.notOk(
      (await subjectsTo(account.owner.email)).some((it) => it.startsWith('You are no longer')),
      'no mail after a refused removal',
    );
  });
});

t.test('MAIL_TEMPLATES', async (t) => {
  t.test('replaces texts of single mails, adds languages, and replaces templates', async (t) => {
    const english = textsOf('en');
    const arabic = { ...english, invite: { ...english.invite, subject: 'دعوة إلى {{ account }}' } };
    const folder = folderWith(t, {
      'en.json': { 'login-exists': { subject: 'Hello again', title: 'Hello', lead: 'You are {{ address }}.' } },
      'ar.json': arabic,
      'password-reset.html.liquid': '<p>Ours: {{ link }} {% render "_footer.liquid" %}</p>',
      '_footer.liquid': 'Example Hosting Ltd',
    });
    const own = createMailWriter(folder);
    t.same(own.locales, ['ar', ...builtIn]);
    t.match(own.write('login-exists', ['en'], { address: 'a@example.com' }), {
      subject: 'Hello again',
      text: 'Hello\n\nYou are a@example.com.',
    });
    t.match(
      own.write('no-password', ['en'], { address: 'a@example.com' }).subject,
      'You log in without',
      'other mails keep the built-in texts',
    );
    const invite = own.write('invite', ['ar-EG'], chosen);
    t.match(invite.html, '<html lang="ar" dir="rtl">');
    t.equal(invite.subject, 'دعوة إلى Example Hosting');
    const reset = own.write('password-reset', ['de'], samplesOf('password-reset')[0] as MailValues);
    t.match(reset.html, /^<p>Ours: https:.* Example Hosting Ltd<\/p>$/);
    t.match(reset.text, 'Wählen Sie', 'the text part keeps the built-in template');
  });

  t.test('cannot print user-chosen text as markup, even with the raw filter', async (t) => {
    const words = { ...textsOf('en').invite, title: '{{ inviter | raw }} and {{ account | escape }}' };
    const page = '{{ words.title }} {{ message | raw }} {{ link }} {{ optOutLink }} {{ reportLink }}';
    const own = createMailWriter(folderWith(t, { 'en.json': { invite: words }, 'invite.html.liquid': page }));
    const { html } = own.write('invite', ['en'], {
      ...chosen,
      inviter: '<b>O</b>',
      account: 'A & B',
      message: '<i>x</i>',
    });
    t.match(html, '<bdi>&lt;b&gt;O&lt;/b&gt;</bdi> and <bdi>A &amp; B</bdi> &lt;i&gt;x&lt;/i&gt; https:');
  });

  t.test('with mistakes stops the start, and lists them all', async (t) => {
    const wrong: [string, Record<string, string | object>, RegExp][] = [
      [
        'an unknown file name',
        { 'invitation.html.liquid': 'x' },
        /invitation\.html\.liquid is not the name of a template/,
      ],
      ['a file name that is not a language tag', { 'english.json': {} }, /english\.json is not the name of a template/],
      [
        'an HTML part without its link',
        { 'invite.html.liquid': '{{ optOutLink }} {{ reportLink }}' },
        /the page does not show \{\{ link \}\}/,
      ],
      [
        'a text part without the opt-out link',
        { 'mail.text.liquid': '{{ words.title }} {{ link }}' },
        /the text does not show \{\{ optOutLink \}\}/,
      ],
      [
        'an empty subject',
        { 'de.json': { 'no-password': { subject: '  ', title: 't', lead: 'l' } } },
        /its subject is empty, in the mail no-password in de$/,
      ],
      ['invalid JSON', { 'de.json': '{' }, /de\.json is not a JSON object/],
      ['a list', { 'de.json': '[]' }, /de\.json is not a JSON object/],
      ['an unknown mail', { 'de.json': { invitation: {} } }, /de\.json at/],
      [
        'an unknown text',
        { 'de.json': { 'no-password': { subject: 's', title: 't', lead: 'l', x: 'x' } } },
        /de\.json at \/no-password/,
      ],
      ['a missing text', { 'de.json': { 'no-password': { subject: 's' } } }, /de\.json at \/no-password/],
      [
        'a new language with only one mail',
        { 'nl.json': { 'no-password': { subject: 's', title: 't', lead: 'l' } } },
        /nl\.json at/,
      ],
      [
        'an unknown value in a text',
        { 'de.json': { 'no-password': { subject: '{{ name }}', title: 't', lead: 'l' } } },
        /undefined variable: name.* in the mail no-password in de$/,
      ],
      [
        'an unclosed output tag',
        { 'de.json': { 'no-password': { subject: 's', title: 't', lead: '{{ address' } } },
        /not closed.* in the mail no-password in de$/,
      ],
      [
        'an unknown value in a template',
        { 'mail.text.liquid': '{{ nothing }}' },
        /mail\.text\.liquid: undefined variable: nothing.* in the mail invite in de \(and \d+ more\)$/,
      ],
      ['an unknown filter', { 'mail.html.liquid': '{{ subject | shout }}' }, /undefined filter: shout/],
      [
        'an unknown tag',
        { 'invite.html.liquid': '{% nothing %}' },
        /invite\.html\.liquid: .*nothing.* in the mail invite in de \(and \d+ more\)$/,
      ],
      [
        'a missing partial',
        { 'invite.html.liquid': '{% render "_none.liquid" %}' },
        /invite\.html\.liquid: .*_none.*invite in de \(and/,
      ],
      [
        'a link without a button',
        { 'de.json': { 'password-reset': { subject: 's', title: 't', lead: 'l' } } },
        /it has a link, but no button, in the mail password-reset in de$/,
      ],
    ];
    for (const [what, files, named] of wrong) {
      const read = readConfig({ MAIL_TEMPLATES: folderWith(t, files) });
      t.match('mistakes' in read && read.mistakes.join('\n'), named, what);
      t.match('mistakes' in read && read.mistakes[0], /^MAIL_TEMPLATES /, what);
    }
    const both = readConfig({ MAIL_TEMPLATES: folderWith(t, { 'a.liquid': '', 'b.liquid': '' }), PORT: 'x' });
    t.match('mistakes' in both && both.mistakes.join('\n'), /PORT.*|a\.liquid.*b\.liquid/s, 'all at once');
    t.match(readConfig({ MAIL_TEMPLATES: '/no/such/folder' }), {
      mistakes: ['MAIL_TEMPLATES must be a readable folder'],
    });
  });
});

t.test('SendGrid’s dynamic templates', async (t) => {
  t.test('are used instead of the mail: its template id and values are sent, and no text', async (t) => {
    const server = await startSendgridServer(t);
    const service = await startService(t);
    const account = await service.newAccount('Example Hosting');
    const transport = sendgridTransport({
      ...{ from: { name: '', email: 'invites@example.com' }, apiKey: 'SG.x', baseUrl: server.url },
      templates: parseSendgridTemplates('{ "invite": { "de": "d-123", "en": "d-456", "pt": "d-789" } }'),
    });
    const worker = createTestWorker(service, { transport });
    const sentTo = async (locale: string) => {
      const email = newEmail('adam');
      await service.invite(account, account.owner, email, { permissions: ['invoices:read'] }, { locale });
      await worker.drain();
      return server.acceptedFor(email)[0]?.body;
    };
    const german = await sentTo('de');
    t.equal(german?.template_id, 'd-123');
    t.equal(german?.content, undefined);
    t.match(german?.personalizations[0]?.dynamic_template_data, {
      inviter: 'Olivia Owner',
      account: 'Example Hosting',
      items: ['View invoices'],
      link: /#token=/,
      optOutLink: /#token=/,
      reportLink: /#token=/,
      subject: 'Olivia Owner lädt Sie zu Example Hosting ein',
      locale: 'de',
    });
    t.match(german?.custom_args, { deliveryId: /^dlv_/ });
    t.equal((await sentTo('en'))?.template_id, 'd-456');
    const french = await sentTo('fr');
    t.equal(french?.template_id, 'd-456', 'English if the language has no template');
    t.equal((await sentTo('pt-BR'))?.template_id, 'd-789', 'also in a language without built-in texts');
    await service.call('POST', '/v1/auth/register', { body: { email: newEmail() } });
    await worker.drain();
    t.match(
      server.accepted().at(-1)?.body,
      { subject: 'Verify your e-mail address', template_id: undefined },
      'other mails are written by Usher',
    );
  });

  t.test('are set by mail and language only', async (t) => {
    for (const text of [
      '',
      'x',
      '[]',
      '"d-1"',
      '{"x":"d-1"}',
      '{"invite":"1"}',
      '{"invite":{"de":"x"}}',
      '{"invite":{"De!":"d-1"}}',
      '{"invite":null}',
      '{"__proto__":"d-1"}',
    ]) {
      t.throws(() => parseSendgridTemplates(text), /must be a JSON object of template ids/, text);
    }
    t.same(parseSendgridTemplates('{"invite":"d-1"}'), { invite: 'd-1' });
    const alone = readConfig({ SENDGRID_TEMPLATES: '{"invite":"d-1"}' });
    t.match(alone, { mistakes: [/SENDGRID_TEMPLATES requires SENDGRID_API_KEY/] });
  });
});

t.test('a template that throws delays only its mail', async (t) => {
  const service = await startService(t);
  const account = await service.newAccount();
  const email = newEmail();
  const { body } = await service.invite(account, account.owner, email);
  const throwing = { write: () => Promise.reject(new Error('a template throws')) };
  const writers = messageWriters(service.service);
  const broken = { ...writers, invite: { ...writers.invite, ...throwing } };
  await createTestWorker(service, { writers: broken, transport: async () => ({ outcome: 'sent' }) }).drain();
  const look = async () =>
    (await service.call('GET', `${account.url}/invites/${body.id}`, { token: account.owner.token })).body.delivery;
  t.match(await look(), { event: 'retrying', attempts: 1, reason: 'the mail could not be written' });
  service.travel(60_000);
  t.equal((await service.mailsTo(email)).length, 1, 'the mail is sent once the template is fixed');
  t.match(await look(), { event: 'sent', attempts: 2 });
});

/** The built-in texts of a language. */
function textsOf(locale: string) {
  return readTexts(undefined).texts.get(locale) as LocaleTexts;
}
