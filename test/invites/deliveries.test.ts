import { eq } from 'drizzle-orm';
import t, { type Test } from 'tap';
import { deliveryEvents, invites, undeliverableAddresses } from '../../src/database/schema.ts';
import type { AccountId, InviteId } from '../../src/ids/ids.ts';
import { sendgridTransport } from '../../src/mail/transports/sendgrid.ts';
import { isCitus } from '../support/citus.ts';
import { createTestWorker, messagesOf } from '../support/outbox.ts';
import { eventOf, newWebhookKey, postToWebhook, seconds } from '../support/sendgrid-events.ts';
import { startSendgridServer } from '../support/sendgrid-server.ts';
import { day, newEmail, startService } from '../support/service.ts';
import { until } from '../support/until.ts';

const key = newWebhookKey();
const nextKey = newWebhookKey();
const statements: string[] = [];
const service = await startService(t, {
  env: { SENDGRID_WEBHOOK_KEYS: `${key.verificationKey}, ${nextKey.verificationKey}` },
  statements: { logQuery: (query) => void statements.push(query) },
});
const { call, db } = service;
const account = await service.newAccount();
const sendgrid = await startSendgridServer(t);
const transport = sendgridTransport({
  from: { name: 'Example Hosting', email: 'invites@example.com' },
  apiKey: 'SG.this-key-is.never-shown',
  baseUrl: sendgrid.url,
  timeout: 5_000,
});
const worker = createTestWorker(service, { transport });
t.beforeEach(() => sendgrid.answerWith({ status: 202 }));

interface Invited {
  id: string;
  email: string;
  url: string;
}

/** Creates an invite and sends its mail, unless SendGrid refuses it. */
async function invited(email = newEmail('adam'), by = account): Promise<Invited> {
  const { status, body } = await service.invite(by, by.owner, email);
  if (status !== 201) throw new Error(`the invite was not created: ${JSON.stringify(body)}`);
  await worker.drain();
  return { id: body.id, email, url: `${by.url}/invites/${body.id}` };
}

/** The delivery id of the newest mail that SendGrid accepted for an address. */
function deliveryOf({ email }: { email: string }): string {
  const id = sendgrid.acceptedFor(email).at(-1)?.body.custom_args?.deliveryId;
  if (id === undefined) throw new Error('SendGrid took no mail');
  return id;
}

/** Posts signed events to the webhook. */
async function postEvents(events: unknown, { by = key, at = service.clock() } = {}) {
  const body = JSON.stringify(events);
  return postToWebhook(service, body, by.sign(body, seconds(at)));
}

const { token } = account.owner;
const lookAt = async ({ url }: { url: string }) => (await call('GET', url, { token })).body;
const timelineOf = async ({ url }: { url: string }) =>
  (await call('GET', `${url}/delivery-events`, { token })).body.items as { event: string; [key: string]: unknown }[];
const namesIn = async (invite: { url: string }) => (await timelineOf(invite)).map((it) => it.event);
const withDelivery = async (outcome: string) =>
  (await service.listAll<{ id: string }>(`${account.url}/invites?delivery=${outcome}&limit=100`, token)).map(
    (it) => it.id,
  );
const bounce = (deliveryId: string, at = service.clock()) =>
  eventOf(deliveryId, 'bounce', at, { type: 'bounce', status: '5.1.1', reason: '550 5.1.1 no such user' });

t.test('The delivery events of an invite', async (t) => {
  t.test('show that its mail is queued, sent, deferred and delivered', async (t) => {
    const email = newEmail('adam');
    const { body } = await service.invite(account, account.owner, email);
    t.match(body.delivery, { event: 'queued', attempts: 0, reason: null, sendingStopped: false });
    const invite = { email, url: `${account.url}/invites/${body.id}` };
    t.same(await namesIn(invite), ['queued']);
    await worker.drain();
    t.match((await lookAt(invite)).delivery, { event: 'sent', attempts: 1 });
    const deliveryId = deliveryOf(invite);
    const later = (ahead: number) => new Date(service.clock().getTime() + ahead);
    const reported = [
      eventOf(deliveryId, 'processed', later(1_000)),
      eventOf(deliveryId, 'deferred', later(2_000), { response: '451 4.7.1 try later', attempt: '2' }),
      eventOf(deliveryId, 'delivered', later(60_000), { response: '250 OK' }),
    ];
    await service.at(later(61_000), async () => {
      t.equal((await postEvents([reported[0], reported[1]])).status, 204);
      t.match((await lookAt(invite)).delivery, { event: 'deferred', reason: '451 4.7.1 try later' });
      t.equal((await postEvents([reported[2]])).status, 204);
    });
    const timeline = await timelineOf(invite);
    t.same(
      timeline.map((it) => it.event),
      ['queued', 'sent', 'processed', 'deferred', 'delivered'],
    );
    t.match(timeline[1], { attempt: 1, sending: 1, mail: 'invite' });
    t.match(timeline[3], { attempt: 2, reason: '451 4.7.1 try later', message: /try again later/ });
    t.ok(
      timeline.every((it, i) => i === 0 || String(timeline[i - 1]?.at) < String(it.at)),
      'the times are in order',
    );
    t.match((await lookAt(invite)).delivery, {
      event: 'delivered',
      at: timeline[4]?.at,
      attempts: 1,
      reason: null,
      message: /has accepted the mail/,
    });
  });

  t.test('of SendGrid come after `sent`, even if the mail was sent in the last millisecond of a second', async (t) => {
    const lastMoment = new Date(Math.floor(service.clock().getTime() / 1000) * 1000 + 999);
    const invite = await service.at(lastMoment, () => invited());
    await service.at(lastMoment, async () => {
      const reported = ['delivered', 'processed'].map((it) => eventOf(deliveryOf(invite), it, lastMoment));
      await postEvents(reported, { at: lastMoment });
    });
    t.same(await namesIn(invite), ['queued', 'sent', 'processed', 'delivered']);
  });

  t.test('show a bounce and its reason, and the invite cannot be resent until the address is confirmed', async (t) => {
    const invite = await invited();
    await postEvents([eventOf(deliveryOf(invite), 'processed', service.clock()), bounce(deliveryOf(invite))]);
    t.same(await namesIn(invite), ['queued', 'sent', 'processed', 'bounced']);
    t.match((await lookAt(invite)).delivery, {
      event: 'bounced',
      reason: '550 5.1.1 no such user',
      message: /bounced/,
      sendingStopped: true,
    });
    const refused = await call('POST', `${invite.url}/resend`, { token });
    t.match(refused, { status: 409, code: 'address-undeliverable', body: { inviteId: invite.id } });
    t.equal(await worker.drain(), 0, 'nothing was enqueued');

    const confirmed = await call('POST', `${invite.url}/confirm-address`, { token });
    t.match(confirmed, { status: 200, body: { id: invite.id, delivery: { event: 'bounced', sendingStopped: false } } });
    t.equal((await call('POST', `${invite.url}/confirm-address`, { token })).status, 200, 'idempotent');
    service.travel(2_000);
    const sent = await call('POST', `${invite.url}/resend`, { token });
    t.match(sent, { status: 200, body: { delivery: { event: 'queued', attempts: 0, reason: null } } });
    await worker.drain();
    t.match((await lookAt(invite)).delivery, { event: 'sent' });
    t.same(await namesIn(invite), ['queued', 'sent', 'processed', 'bounced', 'queued', 'sent']);
    t.same(
      (await timelineOf(invite)).map((it) => it.sending),
      [1, 1, 1, 1, 2, 2],
    );
  });

  t.test('are paged, and visible to their account only', async (t) => {
    const invite = await invited();
    await postEvents([bounce(deliveryOf(invite))]);
    const first = await call('GET', `${invite.url}/delivery-events?limit=2`, { token });
    t.equal(first.body.items.length, 2);
    const rest = await call('GET', `${invite.url}/delivery-events?limit=2&cursor=${first.body.nextCursor}`, { token });
    t.match(rest.body, { items: [{ event: 'bounced' }], nextCursor: null });
    const stranger = await service.newUser();
    for (const url of [`${invite.url}/delivery-events`, invite.url]) {
      t.equal((await call('GET', url, { token: stranger.token })).status, 404);
    }
    t.equal((await call('POST', `${invite.url}/confirm-address`, { token: stranger.token })).status, 404);
    const other = await service.newAccount();
    const foreign = invite.url.replace(account.url, other.url);
    for (const [method, path] of [
      ['GET', `${foreign}/delivery-events`],
      ['POST', `${foreign}/confirm-address`],
    ] as const) {
      t.equal((await call(method, path, { token: other.owner.token })).status, 404, 'an invite of another account');
    }
    const reader = await service.newMember(account, { permissions: ['invites:read'] });
    t.equal((await call('GET', `${invite.url}/delivery-events`, { token: reader.token })).status, 200);
    t.match(await call('POST', `${invite.url}/confirm-address`, { token: reader.token }), {
      status: 403,
      code: 'permission-missing',
    });
  });

  t.test('show every attempt, and why the mail failed', async (t) => {
    sendgrid.answerWith({ status: 503 });
    const invite = await invited();
    t.match((await lookAt(invite)).delivery, { event: 'retrying', attempts: 1, reason: /^SendGrid answered 503/ });
    sendgrid.answerWith({ status: 400 });
    service.travel(10_000);
    await worker.drain();
    t.match((await lookAt(invite)).delivery, { event: 'failed', attempts: 2, reason: /^SendGrid answered 400/ });
    t.same(await namesIn(invite), ['queued', 'retrying', 'failed']);
    t.ok((await withDelivery('failed')).includes(invite.id));
    t.equal((await call('POST', `${invite.url}/resend`, { token })).status, 200, 'the address is not undeliverable');
  });

  t.test('do not announce a retry if the invite is no longer pending', async (t) => {
    sendgrid.answerWith({ status: 503 });
    const invite = await invited();
    await call('POST', `${invite.url}/revoke`, { token });
    t.match((await lookAt(invite)).delivery, { event: 'retrying', message: /no longer pending/ });
    service.travel(10_000);
    sendgrid.answerWith({ status: 202 });
    await worker.drain();
    t.same(sendgrid.acceptedFor(invite.email), []);
  });
});

t.test('An undeliverable address', async (t) => {
  t.test('cannot be invited by this account until it is confirmed, but by other accounts', async (t) => {
    for (const reported of ['bounce', 'dropped', 'spamreport']) {
      const invite = await invited();
      await postEvents([eventOf(deliveryOf(invite), reported, service.clock(), { reason: 'Bounced Address' })]);
      await call('POST', `${invite.url}/revoke`, { token });
      const again = await service.invite(account, account.owner, invite.email);
      t.match(again, { status: 409, code: 'address-undeliverable', body: { inviteId: invite.id } }, reported);
      const elsewhere = await service.newAccount();
      t.equal((await service.invite(elsewhere, elsewhere.owner, invite.email)).status, 201);
      await call('POST', `${invite.url}/confirm-address`, { token });
      t.equal((await service.invite(account, account.owner, invite.email)).status, 201, 'after it is confirmed');
    }
  });

  t.test('is not the result of a blocked, deferred or delivered mail', async (t) => {
    const reported = [
      { event: 'bounce', more: { type: 'blocked', reason: '554 5.7.1 blocked for policy' }, shown: 'blocked' },
      { event: 'deferred', more: {}, shown: 'deferred' },
      { event: 'delivered', more: {}, shown: 'delivered' },
    ];
    for (const { event, more, shown } of reported) {
      const invite = await invited();
      await postEvents([eventOf(deliveryOf(invite), event, service.clock(), more)]);
      t.match((await lookAt(invite)).delivery, { event: shown, sendingStopped: false });
      t.equal((await call('POST', `${invite.url}/resend`, { token })).status, 200);
    }
  });

  t.test('is also the result of a bounce after the delivery', async (t) => {
    const invite = await invited();
    await postEvents([eventOf(deliveryOf(invite), 'delivered', service.clock())]);
    await postEvents([bounce(deliveryOf(invite))]);
    t.match((await lookAt(invite)).delivery, { event: 'bounced', sendingStopped: true });
  });

  t.test(
    'is also the result of a bounce of an earlier sending, which does not change the delivery status',
    async (t) => {
      const invite = await invited();
      const first = deliveryOf(invite);
      await call('POST', `${invite.url}/resend`, { token });
      await worker.drain();
      await postEvents([bounce(first)]);
      t.match((await lookAt(invite)).delivery, { event: 'sent', sendingStopped: true });
      t.equal((await call('POST', `${invite.url}/resend`, { token })).code, 'address-undeliverable');
    },
  );
});

t.test('Invites can be filtered by the outcome of their mail', async (t) => {
  const [waiting, delivered, failed] = [await invited(), await invited(), await invited()];
  await postEvents([eventOf(deliveryOf(delivered), 'delivered', service.clock()), bounce(deliveryOf(failed))]);
  for (const [outcome, { id }] of [
    ['waiting', waiting],
    ['delivered', delivered],
    ['failed', failed],
  ] as const) {
    for (const asked of ['waiting', 'delivered', 'failed']) {
      t.equal((await withDelivery(asked)).includes(id), asked === outcome, `${outcome}, filtered by ${asked}`);
    }
  }
  const both = `${account.url}/invites?delivery=failed&status=pending&email=${encodeURIComponent(failed.email)}`;
  t.match((await call('GET', both, { token })).body.items, [{ id: failed.id }]);
  t.equal((await call('GET', `${account.url}/invites?delivery=lost`, { token })).code, 'invalid-request');
});

t.test('POST /v1/webhooks/sendgrid', async (t) => {
  const invite = await invited();
  const deliveryId = deliveryOf(invite);
  const body = JSON.stringify([eventOf(deliveryId, 'delivered', service.clock())]);
  const now = () => seconds(service.clock());
  const isUntouched = async (t: Test, why: string) => t.equal((await lookAt(invite)).delivery.event, 'sent', why);

  t.test('refuses a body without a valid and recent signature by a configured key', async (t) => {
    const good = key.sign(body, now());
    const signature = 'x-twilio-email-event-webhook-signature';
    const timestamp = 'x-twilio-email-event-webhook-timestamp';
    const { [signature]: given = '', ...unsigned } = good;
    const { [timestamp]: _, ...undated } = good;
    const forgeries: [why: string, body: string, headers: Record<string, string>][] = [
      ['no signature', body, unsigned],
      ['no timestamp', body, undated],
      ['an empty signature', body, { ...good, [signature]: '' }],
      ['an invalid signature', body, { ...good, [signature]: 'AAAA' }],
      ['half a signature', body, { ...good, [signature]: given.slice(0, given.length / 2) }],
      ['a signature by another key', body, newWebhookKey().sign(body, now())],
      ['a correct signature over other bytes', body, key.sign(`${body} `, now())],
      ['other bytes after it', `${body} `, good],
      ['the same JSON in other bytes', JSON.stringify(JSON.parse(body), null, 1), good],
      ['a truncated body', body.slice(0, -10), good],
      ['another timestamp', body, { ...good, [timestamp]: String(now() + 1) }],
      ['an invalid timestamp', body, key.sign(body, 'now')],
      ['a timestamp with a fraction', body, key.sign(body, `${now()}.5`)],
      ['a timestamp eleven minutes ago', body, key.sign(body, now() - 660)],
      ['a timestamp eleven minutes ahead', body, key.sign(body, now() + 660)],
      ['no body', '', good],
    ];
    for (const [why, bytes, headers] of forgeries) {
      t.match(await postToWebhook(service, bytes, headers), { status: 403, code: 'webhook-signature-invalid' }, why);
    }
    await isUntouched(t, 'nothing was recorded');
  });

  t.test('verifies the signature before it parses the body', async (t) => {
    const nonsense = '{"not": json';
    t.equal((await postToWebhook(service, nonsense, newWebhookKey().sign(nonsense, now()))).status, 403);
    for (const signed of [nonsense, '{}', '"text"', 'null', '']) {
      const answer = await postToWebhook(service, signed, key.sign(signed, now()));
      t.match(answer, { status: 400, code: 'invalid-request' }, `signed: ${signed}`);
    }
    for (const signed of ['[]', '[null, 1, "x", [], {}]']) {
      t.equal((await postToWebhook(service, signed, key.sign(signed, now()))).status, 204, `signed: ${signed}`);
    }
  });

  t.test('refuses a signed batch that is not UTF-8', async (t) => {
    const bytes = Buffer.from('[{"event":"bounce","reason":"gel\xf6scht"}]', 'latin1');
    t.match(await postToWebhook(service, bytes, key.sign(bytes, now())), { status: 400, code: 'invalid-request' });
    const marked = Buffer.from('\uFEFF[]');
    t.match(
      await postToWebhook(service, marked, key.sign(marked, now())),
      { status: 204 },
      'a byte order mark is ignored',
    );
  });

  t.test('refuses more than 4 MiB and other content types than JSON', async (t) => {
    const big = Buffer.alloc(10 * 1024 * 1024, 32);
    t.match(await postToWebhook(service, big, key.sign(big, now())), { status: 413, code: 'too-large' });
    const text = { ...key.sign(body, now()), 'content-type': 'text/plain' };
    t.match(await postToWebhook(service, body, text), { status: 415, code: 'unsupported-media-type' });
    await isUntouched(t, 'nothing was recorded');
  });

  t.test('accepts several keys, so that keys can be rotated', async (t) => {
    for (const by of [key, nextKey])
      t.equal((await postEvents([eventOf(deliveryId, 'open', service.clock())], { by })).status, 204);
    const unset = await startService(t, { database: service.choice }).catch(() => undefined);
    if (unset) t.match(await postToWebhook(unset, body, key.sign(body, now())), { code: 'webhook-signature-invalid' });
  });

  t.test('ignores unknown events and unknown mails', async (t) => {
    const stranger = 'dlv_01k7z2n4q8e6tbv5xw3c9d0hjm';
    const odd = [
      eventOf(deliveryId, 'open', service.clock()),
      eventOf(deliveryId, 'click', service.clock(), { url: 'https://example.com' }),
      eventOf(deliveryId, 'group_unsubscribe', service.clock()),
      eventOf(deliveryId, 'constructor', service.clock()),
      eventOf(deliveryId, '__proto__', service.clock()),
      bounce(stranger),
      bounce('dlv_x'),
      bounce(`${deliveryId}'; drop table invites; --`),
      { ...bounce(deliveryId), deliveryId: { id: deliveryId } },
      { ...bounce(deliveryId), event: ['bounce'] },
      { event: 'bounce', timestamp: 1 },
    ];
    t.equal((await postEvents(odd)).status, 204);
    await isUntouched(t, 'nothing was recorded');
    t.same(await namesIn(invite), ['queued', 'sent']);
  });

  t.test('accepts repeated events, in any order and in parallel', async (t) => {
    const odd = await invited();
    const id = deliveryOf(odd);
    const now = service.clock();
    const ahead = (ms: number) => new Date(now.getTime() + ms);
    const events = [
      eventOf(id, 'processed', ahead(1_000)),
      eventOf(id, 'deferred', ahead(2_000)),
      eventOf(id, 'deferred', ahead(3_000)),
      eventOf(id, 'delivered', ahead(4_000)),
    ];
    await service.at(ahead(10_000), async () => {
      const batches = [[...events].reverse(), events, events.slice(2), [...events, ...events], events.slice(0, 1)];
      const answers = await Promise.all(batches.map((it) => postEvents(it)));
      t.same(
        answers.map((it) => it.status),
        batches.map(() => 204),
      );
      t.match((await lookAt(odd)).delivery, { event: 'delivered' });
      t.same(await namesIn(odd), ['queued', 'sent', 'processed', 'deferred', 'deferred', 'delivered']);
      const replayed = JSON.stringify(events);
      const headers = key.sign(replayed, seconds(ahead(10_000)));
      for (const _ of [1, 2]) t.equal((await postToWebhook(service, replayed, headers)).status, 204);
      t.equal((await namesIn(odd)).length, 6, 'a replay changes nothing');
    });
  });

  t.test('never replaces a more final event with a late one', async (t) => {
    const late = await invited();
    const id = deliveryOf(late);
    const before = service.clock();
    await postEvents([eventOf(id, 'delivered', before)]);
    service.travel(5_000);
    for (const name of ['processed', 'deferred']) {
      t.equal((await postEvents([eventOf(id, name, service.clock())])).status, 204);
      t.match((await lookAt(late)).delivery, { event: 'delivered' }, `a later ${name} does not replace it`);
    }
    t.equal((await namesIn(late)).length, 5, 'all are recorded');
    await postEvents([eventOf(id, 'spamreport', service.clock())]);
    await postEvents([bounce(id, before)]);
    t.match((await lookAt(late)).delivery, { event: 'spam-reported' });
    const [stopped] = await db
      .select()
      .from(undeliverableAddresses)
      .where(eq(undeliverableAddresses.email, late.email));
    t.match(stopped, { event: 'spam-reported' }, 'the address has the newest reason');
  });

  t.test('accepts fields of any type and content', async (t) => {
    const odd = await invited();
    const id = deliveryOf(odd);
    const reasons = [
      'NUL \u0000 and half \ud800 a pair',
      'a\r\nb\u202Ec',
      'x'.repeat(10_000),
      12,
      null,
      { a: 1 },
      ['x'],
    ];
    const reported = reasons.map((reason) => ({
      ...eventOf(id, 'deferred', service.clock()),
      reason,
      response: undefined,
    }));
    const times = ['soon', -1, 1e300, Number.MAX_SAFE_INTEGER, null, '1513299569', 0.5];
    const timed = times.map((timestamp) => ({ ...eventOf(id, 'deferred', service.clock()), timestamp }));
    const attempts = ['-1', 'many', 1e99, {}, '5'].map((attempt) => ({
      ...eventOf(id, 'deferred', service.clock()),
      attempt,
    }));
    const unnamed = { ...eventOf(id, 'deferred', service.clock()), sg_event_id: { x: 1 } };
    t.equal((await postEvents([...reported, ...timed, ...attempts, unnamed])).status, 204);
    const timeline = (await timelineOf(odd)).filter((it) => it.event === 'deferred');
    t.equal(timeline.length, reasons.length + times.length + attempts.length + 1);
    // Times are whole seconds, recorded in the first milliseconds of the next second.
    const latest = (seconds(service.clock()) + 1) * 1000 + 100;
    for (const { reason, at, attempt } of timeline) {
      t.ok(
        reason === null || (String(reason).length <= 500 && !/[\p{Cc}\p{Bidi_Control}]/u.test(String(reason))),
        `${reason}`.slice(0, 60),
      );
      t.ok(Date.parse(String(at)) < latest, `${at}`);
      t.ok(attempt === null || attempt === 5, `${attempt}`);
    }
  });

  t.test('records 1 000 events of any accounts in one statement', async (t) => {
    const many = await Promise.all(Array.from({ length: 20 }, () => invited()));
    // A concurrent drain may be sending the mail.
    for (const it of many) await until('its mail', () => sendgrid.acceptedFor(it.email).length > 0);
    const at = service.clock();
    const names = ['processed', 'deferred', 'delivered', 'bounce', 'open'];
    const events = many.flatMap((it) =>
      Array.from({ length: 50 }, (_, i) => eventOf(deliveryOf(it), names[i % names.length] as string, at)),
    );
    t.equal(events.length, 1_000);
    statements.length = 0;
    t.equal((await postEvents(events)).status, 204);
    // On Citus: one statement to find the accounts, and one for each account.
    t.equal(statements.length, isCitus ? 2 : 1, 'one statement for all events');
    for (const it of many.slice(0, 3)) {
      t.match((await lookAt(it)).delivery, { event: 'bounced', sendingStopped: true });
      t.equal((await namesIn(it)).length, 42, 'all are recorded');
    }
  });

  t.test('does not deadlock if batches with the same invites arrive at once', async (t) => {
    const many = await Promise.all(Array.from({ length: 10 }, () => invited()));
    const reported = many.map((it) => bounce(deliveryOf(it)));
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        postEvents(
          i % 2 ? reported : [...reported].reverse().map((it) => ({ ...it, sg_event_id: `${it.sg_event_id}${i}` })),
        ),
      ),
    );
    t.same(
      answers.map((it) => it.status),
      answers.map(() => 204),
    );
  });
});

t.test('A mail sent by a replica of an older release is shown as sent', async (t) => {
  const { body } = await service.invite(account, account.owner, newEmail('adam'));
  const url = `${account.url}/invites/${body.id}`;
  const isIt = eq(invites.id, body.id as InviteId);
  await db.update(invites).set({ lastSentAt: service.clock() }).where(isIt);
  t.match((await lookAt({ url })).delivery, { event: 'sent' });
  service.travel(1_000);
  t.match(
    (await call('POST', `${url}/resend`, { token })).body.delivery,
    { event: 'queued' },
    'the next sending is queued',
  );
});

t.test('The database refuses unknown events and events of unknown invites', async (t) => {
  const invite = await invited();
  const [mail] = await messagesOf(db, invite.id);
  const row = {
    ...{
      accountId: account.id as AccountId,
      inviteId: invite.id as InviteId,
      deliveryId: mail?.id as never,
      source: 'x',
    },
    ...{
      id: 'evt_01k7z2n4q8e6tbv5xw3c9d0hjm' as const,
      sending: 1,
      mail: 'invite' as const,
      occurredAt: service.clock(),
    },
  };
  await t.rejects(db.insert(deliveryEvents).values({ ...row, event: 'lost' as never }));
  await t.rejects(
    db.insert(deliveryEvents).values({ ...row, event: 'sent', inviteId: 'inv_01k7z2n4q8e6tbv5xw3c9d0hjm' }),
  );
  await t.rejects(
    db
      .update(invites)
      .set({ deliveryEvent: 'lost' as never })
      .where(eq(invites.id, invite.id as InviteId)),
  );
  t.equal(await db.$count(undeliverableAddresses, eq(undeliverableAddresses.email, invite.email)), 0);
});

t.test('A reminder', async (t) => {
  const patient = await service.newAccount();
  const owner = patient.owner;
  const settings = await call('PATCH', patient.url, {
    token: owner.token,
    body: { settings: { remindDaysBefore: 2 } },
  });
  t.match(settings, { status: 200, body: { settings: { remindDaysBefore: 2 } } });

  /** Creates an invite of that account, whose reminder is due. */
  async function due() {
    const by = { ...patient, owner: { ...owner, token: await service.logIn(owner) } };
    const invite = await invited(newEmail('adam'), by);
    service.travel(5 * day + 60_000);
    return { ...invite, token: await service.logIn(owner) };
  }
  const mailsTo = ({ email }: Invited) => sendgrid.acceptedFor(email).length;

  t.test(
    'is not sent if the address is undeliverable, the invite is not pending, or the account disabled reminders',
    async (t) => {
      const bounced = await due();
      await postEvents([bounce(deliveryOf(bounced))]);
      await worker.drain();
      t.equal(mailsTo(bounced), 1, 'it bounced');
      const declined = await due();
      await call('POST', `${declined.url}/revoke`, { token: declined.token });
      await worker.drain();
      t.equal(mailsTo(declined), 1, 'it was revoked');
      const withoutReminder = await due();
      const set = (remindDaysBefore: number | null) =>
        call('PATCH', patient.url, { token: withoutReminder.token, body: { settings: { remindDaysBefore } } });
      await set(null);
      await worker.drain();
      t.equal(mailsTo(withoutReminder), 1, 'reminders are disabled');
      await set(2);
    },
  );

  t.test('changes the delivery status of the invite only if it makes the address undeliverable', async (t) => {
    const invite = await due();
    await postEvents([eventOf(deliveryOf(invite), 'delivered', service.clock())]);
    sendgrid.answerWith({ status: 400 });
    await worker.drain();
    const look = async () => (await call('GET', invite.url, { token: invite.token })).body.delivery;
    t.match(await look(), { event: 'delivered', attempts: 1 }, 'a reminder that could not be sent');

    sendgrid.answerWith({ status: 202 });
    const other = await due();
    await worker.drain();
    t.equal(mailsTo(other), 2);
    const reminder = deliveryOf(other);
    await postEvents([eventOf(reminder, 'delivered', service.clock())]);
    t.match((await call('GET', other.url, { token: other.token })).body.delivery, { event: 'sent' });
    await postEvents([bounce(reminder)]);
    t.match((await call('GET', other.url, { token: other.token })).body.delivery, {
      event: 'bounced',
      sendingStopped: true,
    });
  });

  t.test('is sent once, at its time before expiry, with a link that is valid as long as the invite', async (t) => {
    const invite = await invited(newEmail('adam'), {
      ...patient,
      owner: { ...owner, token: await service.logIn(owner) },
    });
    t.equal(sendgrid.acceptedFor(invite.email).length, 1);
    service.travel(5 * day - 60_000);
    await worker.drain();
    t.equal(sendgrid.acceptedFor(invite.email).length, 1, 'not before its time');
    service.travel(120_000);
    await worker.drain();
    const [first, second] = sendgrid
      .acceptedFor(invite.email)
      .map((it) => /#token=([\w.-]+)/.exec(it.body.content[0]?.value ?? '')?.[1]);
    t.not(first, second, 'it has its own link');
    for (const link of [first, second])
      t.equal((await call('POST', '/v1/invites/preview', { body: { token: link } })).status, 200);
    service.travel(day);
    await worker.drain();
    t.equal(sendgrid.acceptedFor(invite.email).length, 2, 'sent only once');
    const ownerNow = await service.logIn(owner);
    const timeline = await call('GET', `${invite.url}/delivery-events`, { token: ownerNow });
    t.same(
      timeline.body.items.map((it: { event: string; mail: string }) => `${it.mail} ${it.event}`),
      ['invite queued', 'invite sent', 'reminder sent'],
    );
    await call('POST', `${invite.url}/revoke`, { token: ownerNow });
    for (const link of [first, second]) {
      t.equal((await call('POST', '/v1/invites/preview', { body: { token: link } })).code, 'invite-revoked');
    }
  });
});
