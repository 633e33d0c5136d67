import { eq, sql } from 'drizzle-orm';
import t from 'tap';
import { openDatabase } from '../../src/database/database.ts';
import { watchOutages } from '../../src/database/outages.ts';
import { invites, outbox } from '../../src/database/schema.ts';
import { transaction } from '../../src/database/transaction.ts';
import { type AccountId, type InviteId, newId } from '../../src/ids/ids.ts';
import { createInvite } from '../../src/invites/create.ts';
import { maxAttempts, retryDelay } from '../../src/mail/outbox/backoff.ts';
import { createPace } from '../../src/mail/outbox/pace.ts';
import { claimDue, type Lane, type OutboxRow, putBack } from '../../src/mail/outbox/store.ts';
import { createTestWorker, forAllKinds, logTo, messagesOf, recordingTransport } from '../support/outbox.ts';
import { startPostgresProxy } from '../support/postgres-proxy.ts';
import { day, isPostgres, newEmail, startService } from '../support/service.ts';
import { tablesAsText } from '../support/tables.ts';
import { gate, until } from '../support/until.ts';

const service = await startService(t);
const { db, call } = service;
const account = await service.newAccount();
const lease = 30_000;

// A worker sends everything that is due, so each test starts with nothing due.
t.beforeEach(async () => void (await db.update(outbox).set({ status: 'dropped' }).where(eq(outbox.status, 'queued'))));

/** Creates an invite over HTTP. Its mail is queued and not sent yet. */
async function message() {
  const email = newEmail('adam');
  const { body, status } = await service.invite(account, { ...account.owner, ...(await asOwner()) }, email);
  if (status !== 201) throw new Error(`the invite was not made: ${status}`);
  return { id: body.id as string, email, url: `${account.url}/invites/${body.id}` };
}

const asOwner = async () => ({ token: await service.logIn(account.owner) });
const rowOf = async (invite: { id: string }) => (await messagesOf(db, invite.id))[0] as OutboxRow;
const lookAt = async (invite: { url: string }) => (await call('GET', invite.url, await asOwner())).body;
const linkIn = (mail: { text: string } | undefined) => /#token=([\w.-]+)/.exec(mail?.text ?? '')?.[1] ?? 'no link';

t.test('an invite and its mail are created together', async (t) => {
  const countAll = async () => [await db.$count(invites), await db.$count(outbox)];

  t.test('an invite enqueues one mail', async (t) => {
    const rows = await messagesOf(db, (await message()).id);
    t.match(rows, [{ kind: 'invite', sending: 1, status: 'queued', attempts: 0 }]);
    t.equal(rows.length, 1);
  });

  t.test('a rolled-back transaction enqueues nothing', async (t) => {
    const before = await countAll();
    const { token } = await asOwner();
    const now = service.clock();
    const named = service.service.accessTokens.verify(token, now);
    if (!named) return t.fail('the token does not verify');
    const rolledBack = db.transaction(async (tx) => {
      const body = { email: newEmail(), access: { allPermissions: true } as const };
      const inside = { ...service.service, db: tx };
      await createInvite(
        inside,
        {
          ...named,
          now,
          identityId: null,
          apiKey: null,
          client: { network: 'unknown', userAgent: '' },
          logSecurityEvent: () => {},
        },
        account.id as AccountId,
        body,
      );
      t.same(
        [await tx.$count(invites), await tx.$count(outbox)],
        before.map((it) => it + 1),
        'both exist in the transaction',
      );
      throw new Error('something after it fails');
    });
    await t.rejects(rolledBack, { message: 'something after it fails' });
    t.same(await countAll(), before, 'neither exists after the rollback');
  });

  t.test('an invite is not created or resent if its mail cannot be enqueued', async (t) => {
    const earlier = await message();
    const owner = { ...account.owner, ...(await asOwner()) };
    await db.execute(sql`alter table outbox add constraint no_more check (false) not valid`);
    t.teardown(() => db.execute(sql`alter table outbox drop constraint no_more`));
    const before = await countAll();
    t.equal((await service.invite(account, owner, newEmail())).status, 500);
    t.equal((await call('POST', `${earlier.url}/resend`, await asOwner())).status, 500);
    t.same(await countAll(), before);
    t.equal((await lookAt(earlier)).sendings, 1, 'the earlier link stays valid');
  });

  t.test('a refused invite enqueues nothing', async (t) => {
    const { email } = await message();
    const before = await countAll();
    const owner = { ...account.owner, ...(await asOwner()) };
    t.equal((await service.invite(account, owner, email)).code, 'invite-already-pending');
    t.equal((await service.invite(account, owner, owner.email)).code, 'already-member');
    t.same(await countAll(), before);
  });
});

t.test('many workers', async (t) => {
  t.test('three workers send each of 500 mails once', async (t) => {
    const now = service.clock();
    const ids = Array.from({ length: 500 }, () => newId('dlv'));
    const base = { kind: 'registration' as const, status: 'queued' as const, attempts: 0, dueAt: now, createdAt: now };
    await db.insert(outbox).values(ids.map((id) => ({ ...base, id })));
    const sent: string[] = [];
    const max = { inHand: 0 };
    const writer = { write: async () => ({ to: 'adam@example.com', subject: 's', text: 't', html: 'h' }) };
    const drains = [1, 2, 3].map(async () => {
      // On Postgres each worker has its own connections, like a replica.
      const own = isPostgres ? await openDatabase(service.choice) : { db, close: async () => {} };
      let inHand = 0;
      const worker = createTestWorker(service, {
        service: { ...service.service, db: own.db },
        writers: forAllKinds(writer),
        transport: async ({ deliveryId }) => {
          inHand += 1;
          max.inHand = Math.max(max.inHand, inHand);
          sent.push(deliveryId);
          await new Promise(setImmediate);
          inHand -= 1;
          return { outcome: 'sent' };
        },
      });
      const handled = await worker.drain();
      await own.close();
      return handled;
    });
    const handled = await Promise.all(drains);
    t.equal(sent.length, 500, `no mail is sent twice (the workers handled ${handled.join(', ')})`);
    t.same(sent.sort(), ids.sort(), 'every mail is sent');
    t.equal(await db.$count(outbox, eq(outbox.status, 'queued')), 0);
    t.ok(max.inHand <= 10, `a worker sends at most ten mails concurrently: ${max.inHand}`);
  });

  t.test('a worker does not claim a mail that another worker is sending', async (t) => {
    const invite = await message();
    const { open, opened } = gate();
    const slow = recordingTransport(() => opened.then(() => ({ outcome: 'sent' }) as const));
    const first = createTestWorker(service, slow).drain();
    await until('the mail to be in hand', () => slow.mails.length === 1);
    service.travel(lease - 5_000);
    t.equal(await createTestWorker(service, recordingTransport()).drain(), 0);
    open();
    await first;
    t.equal((await rowOf(invite)).status, 'sent');
  });

  t.test('after a lease expires, another worker claims the mail, and the result of the first is ignored', async (t) => {
    for (const firstSays of [{ outcome: 'refused', reason: 'late' } as const, { outcome: 'sent' } as const]) {
      const invite = await message();
      const { open, opened } = gate();
      const stuck = recordingTransport(() => opened.then(() => firstSays));
      const first = createTestWorker(service, stuck).drain();
      await until('the mail to be in hand', () => stuck.mails.length === 1);
      service.travel(lease + 1_000);

      const second = gate();
      const taken = recordingTransport(() =>
        second.opened.then(() => ({ outcome: 'deferred', reason: 'busy' }) as const),
      );
      const other = createTestWorker(service, taken).drain();
      await until('another worker to take it', () => taken.mails.length === 1);
      open();
      await first;
      t.match(
        await rowOf(invite),
        { status: 'queued', attempts: 2, lastError: null },
        `the first worker’s outcome was ${firstSays.outcome}`,
      );
      t.equal((await lookAt(invite)).lastSentAt, null);
      second.open();
      await other;
      t.match(
        await rowOf(invite),
        { status: 'queued', attempts: 2, lastError: 'busy' },
        'the second worker’s result is recorded',
      );
      t.equal(taken.mails[0]?.deliveryId, stuck.mails[0]?.deliveryId, 'both used the same delivery id');
      await db
        .update(outbox)
        .set({ status: 'dropped' })
        .where(eq(outbox.inviteId, invite.id as InviteId));
    }
  });

  t.test('a mail whose result could not be recorded is sent again', async (t) => {
    const invite = await message();
    const lines: string[] = [];
    const { mails, transport } = recordingTransport();
    const writer = {
      write: async () => ({ to: invite.email, subject: 's', text: 't', html: 'h' }),
      onResult: async () => {
        if (mails.length === 1) throw new Error('the database went away');
      },
    };
    const worker = createTestWorker(service, {
      transport,
      log: logTo(lines),
      writers: forAllKinds(writer),
    });
    await worker.drain();
    t.match(await rowOf(invite), { status: 'queued', attempts: 1 });
    t.match(lines.join(''), 'the result of sending a mail could not be recorded');
    service.travel(lease + 1_000);
    await worker.drain();
    t.match(await rowOf(invite), { status: 'sent', attempts: 2 });
    t.equal(mails.length, 2);
  });
});

t.test('retries', async (t) => {
  t.test('wait longer each time, until the maximum number of attempts', async (t) => {
    const invite = await message();
    const { mails, transport } = recordingTransport({ outcome: 'deferred', reason: 'SendGrid answered 500' });
    const worker = createTestWorker(service, { transport });
    for (let attempt = 1; attempt < maxAttempts; attempt += 1) {
      await worker.drain();
      const row = await rowOf(invite);
      t.match(row, { status: 'queued', attempts: attempt, lastError: 'SendGrid answered 500' });
      const whole = Math.min(3_600, 5 * 2 ** (attempt - 1)) * 1_000;
      const wait = row.dueAt.getTime() - service.clock().getTime();
      t.ok(wait > whole / 2 - 2_000 && wait <= whole, `attempt ${attempt}: the next one is in ${wait} of ${whole} ms`);
      await service.at(new Date(row.dueAt.getTime() - 1), async () => {
        await worker.drain();
        t.equal(mails.length, attempt, 'not earlier');
      });
      // The invite must not expire before.
      service.travel(wait + 1);
    }
    await worker.drain();
    t.match(await rowOf(invite), { status: 'failed', attempts: maxAttempts, lastError: 'SendGrid answered 500' });
    service.travel(day);
    await worker.drain();
    t.equal(mails.length, maxAttempts, 'no further attempt');
    t.equal(new Set(mails.map((it) => it.deliveryId)).size, 1, 'every attempt has the same delivery id');
  });

  t.test('of mails that failed together are spread out', async (t) => {
    const waits = [0, 0.25, 0.5, 0.75, 1].map((random) => retryDelay(4, random));
    t.same(waits, [20, 25, 30, 35, 40]);
  });

  t.test('honour Retry-After if it is longer than the normal wait', async (t) => {
    for (const { retryAfter, min, max } of [
      { retryAfter: 7_200, min: 7_198, max: 7_200 },
      { retryAfter: 1, min: 2, max: 5 },
    ]) {
      const invite = await message();
      const { transport } = recordingTransport({ outcome: 'deferred', reason: 'SendGrid answered 429', retryAfter });
      await createTestWorker(service, { transport }).drain();
      const wait = ((await rowOf(invite)).dueAt.getTime() - service.clock().getTime()) / 1_000;
      t.ok(wait >= min - 0.5 && wait <= max, `Retry-After ${retryAfter} s: the next attempt is in ${wait} s`);
      await call('POST', `${invite.url}/revoke`, await asOwner());
    }
  });

  t.test('do not happen after a permanent rejection', async (t) => {
    const invite = await message();
    const { mails, transport } = recordingTransport({ outcome: 'refused', reason: 'SendGrid answered 400' });
    const worker = createTestWorker(service, { transport });
    await worker.drain();
    t.match(await rowOf(invite), { status: 'failed', attempts: 1, lastError: 'SendGrid answered 400' });
    service.travel(day);
    await worker.drain();
    t.equal(mails.length, 1);
    t.equal((await lookAt(invite)).lastSentAt, null, 'the invite is not shown as sent');
  });

  t.test('also happen if a mail cannot be written, and end after the maximum number of attempts', async (t) => {
    const invite = await message();
    const { mails, transport } = recordingTransport();
    const writer = {
      write: async () => {
        throw new Error('a template is broken');
      },
    };
    const worker = createTestWorker(service, { transport, writers: forAllKinds(writer) });
    await worker.drain();
    t.match(await rowOf(invite), { status: 'queued', attempts: 1, lastError: 'the mail could not be written' });
    for (let attempt = 2; attempt <= maxAttempts; attempt += 1) {
      service.travel(3_600_001);
      await worker.drain();
    }
    t.match(await rowOf(invite), { status: 'failed', attempts: maxAttempts });
    t.equal(mails.length, 0);
  });

  t.test('of one mail do not block other mails', async (t) => {
    const [bad, good] = [await message(), await message()];
    const { transport } = recordingTransport(({ to }) =>
      to === bad.email ? { outcome: 'refused', reason: 'no' } : { outcome: 'sent' },
    );
    await createTestWorker(service, { transport }).drain();
    t.equal((await rowOf(bad)).status, 'failed');
    t.equal((await rowOf(good)).status, 'sent');
  });
});

t.test('a mail is written from the state at the time of sending', async (t) => {
  for (const how of ['revoke', 'decline', 'expire'] as const) {
    t.test(`the mail of an invite that is no longer pending (${how}) is dropped`, async (t) => {
      const invite = await message();
      const { mails, transport } = recordingTransport({ outcome: 'deferred', reason: 'busy' });
      const worker = createTestWorker(service, { transport });
      await worker.drain();
      const token = linkIn(mails[0]);
      if (how === 'revoke') await call('POST', `${invite.url}/revoke`, await asOwner());
      if (how === 'decline') await call('POST', '/v1/invites/decline', { body: { token } });
      service.travel(how === 'expire' ? 8 * day : 60_000);
      await worker.drain();
      t.equal(mails.length, 1, 'no further attempt');
      t.match(await rowOf(invite), { status: 'dropped', attempts: 2 });
      t.equal((await lookAt(invite)).lastSentAt, null);
    });
  }

  t.test('resending sends only the newest link, which is valid', async (t) => {
    const invite = await message();
    for (const _ of [1, 2]) t.equal((await call('POST', `${invite.url}/resend`, await asOwner())).status, 200);
    const { mails, transport } = recordingTransport();
    await createTestWorker(service, { transport }).drain();
    t.equal(mails.length, 1, 'three mails were enqueued, one is sent');
    const rows = await messagesOf(db, invite.id);
    const statuses = rows.sort((a, b) => (a.sending ?? 0) - (b.sending ?? 0)).map((it) => it.status);
    t.same(statuses, ['dropped', 'dropped', 'sent']);
    const preview = await call('POST', '/v1/invites/preview', { body: { token: linkIn(mails[0]) } });
    t.match(preview, { status: 200, body: { email: invite.email } });
  });

  t.test('the invite shows when its mail was sent', async (t) => {
    const invite = await message();
    t.equal((await lookAt(invite)).lastSentAt, null, 'not yet');
    const when = new Date(service.clock().getTime() + 90_000);
    await service.at(when, () => createTestWorker(service, recordingTransport()).drain());
    t.equal((await lookAt(invite)).lastSentAt, when.toISOString());
  });
});

t.test('the outbox contains no address, token or secret, and no table contains a token', async (t) => {
  const invite = await message();
  const { mails, transport } = recordingTransport();
  await createTestWorker(service, { transport }).drain();
  const [, , signature = 'none'] = linkIn(mails.find((it) => it.to === invite.email)).split('.');
  t.ok(signature.length > 50, 'there is a token to look for');
  const tables = await tablesAsText(db);
  const rows = tables.get('outbox') ?? '';
  t.match(rows, '"kind":"invite"');
  for (const secret of ['@', 'eyJ', 'token', 'Olivia', account.owner.refreshToken])
    t.notOk(rows.includes(secret), secret);
  for (const [table, text] of tables) t.notOk(text.includes(signature), `${table} does not contain the token`);
});

t.test('the running worker', async (t) => {
  /** Longer than any test runs. */
  const interval = 600_000;

  t.test('sends soon after it is woken', async (t) => {
    const { mails, transport } = recordingTransport();
    const worker = createTestWorker(service, { transport, interval });
    const first = await message();
    worker.start();
    t.teardown(() => worker.stop());
    await until('the first mail', async () => (await rowOf(first)).status === 'sent');
    // After the current poll has ended.
    await new Promise((done) => setTimeout(done, 0));
    const second = await message();
    worker.wake();
    await until('the mail after the wake-up', async () => (await rowOf(second)).status === 'sent', 5_000);
    t.same(
      mails.map((it) => it.to),
      [first.email, second.email],
    );
  });

  t.test('reacts to a wake-up during sending', async (t) => {
    const { open, opened } = gate();
    const { mails, transport } = recordingTransport(() => opened.then(() => ({ outcome: 'sent' }) as const));
    const worker = createTestWorker(service, { transport, interval });
    await message();
    worker.start();
    t.teardown(() => worker.stop());
    await until('a mail in hand', () => mails.length === 1);
    const second = await message();
    worker.wake();
    open();
    await until('the mail after the wake-up', async () => (await rowOf(second)).status === 'sent', 5_000);
    t.equal(mails.length, 2);
  });

  t.test('finishes the mail being sent when it stops, and starts no other', async (t) => {
    const { open, opened } = gate();
    const { mails, transport } = recordingTransport(() => opened.then(() => ({ outcome: 'sent' }) as const));
    const worker = createTestWorker(service, { transport, interval });
    const inHand = await message();
    worker.start();
    await until('a mail in hand', () => mails.length === 1);
    const later = await message();
    worker.wake();
    let isStopped = false;
    const stop = worker.stop().then(() => {
      isStopped = true;
    });
    await new Promise((done) => setTimeout(done, 0));
    t.equal(isStopped, false, 'the stop waits for the mail');
    open();
    await stop;
    t.equal((await rowOf(inHand)).status, 'sent', 'the mail is sent and recorded');
    t.match(await rowOf(later), { status: 'queued', attempts: 0 }, 'the other mail stays queued');
    worker.wake();
    await createTestWorker(service, recordingTransport()).drain();
    t.equal(mails.length, 1, 'a stopped worker ignores a wake-up');
  });

  if (service.choice.kind === 'postgres') {
    const { url } = service.choice;
    t.test('survives a database outage', async (t) => {
      const proxy = await startPostgresProxy(t, url);
      const lines: string[] = [];
      const own = await openDatabase({ kind: 'postgres', url: proxy.url });
      t.teardown(() => own.close());
      const { mails, transport } = recordingTransport();
      const outages = watchOutages(own.db, undefined, logTo(lines));
      t.teardown(outages.close);
      const ofWorker = { ...service.service, db: own.db, outages };
      const options = { service: ofWorker, transport, log: logTo(lines), interval: 20 };
      const worker = createTestWorker(service, options);
      worker.start();
      t.teardown(() => worker.stop());
      proxy.cut();
      const invite = await message();
      await until('it to notice', () => lines.some((line) => line.includes('the database cannot be used')));
      await proxy.restore();
      await until('the mail', async () => (await rowOf(invite)).status === 'sent');
      t.equal(mails.length, 1);
      t.notOk(lines.join('').includes('@'), 'the log contains no address');
    });
  }
});

t.test('a backlog', async (t) => {
  const now = service.clock();
  const waiting = (count: number) => {
    const base = { kind: 'registration' as const, status: 'queued' as const, attempts: 1, createdAt: now };
    const dueAt = new Date(now.getTime() - 1_000);
    return db.insert(outbox).values(Array.from({ length: count }, () => ({ ...base, id: newId('dlv'), dueAt })));
  };
  const writer = { write: async () => ({ to: 'adam@example.com', subject: 's', text: 't', html: 'h' }) };

  t.test('is sent at no more than its rate, with a burst of one second', async (t) => {
    const pace = createPace(20);
    const at = (seconds: number) => new Date(now.getTime() + seconds * 1_000);
    const taken = (max: number, seconds: number) => pace.take(max, at(seconds));
    t.same([taken(10, 0), taken(10, 0), taken(10, 0)], [10, 10, 0]);
    t.same([taken(10, 0.1), taken(10, 0.1), taken(10, 0.5)], [2, 0, 8]);
    pace.putBack(8);
    t.equal(taken(10, 0.5), 8, 'what was returned can be taken again');
    t.same([taken(100, 3_600), taken(100, 3_600)], [20, 0], 'an idle hour does not accumulate');
    t.equal(taken(10, 3_000), 0, 'a clock that goes backwards adds nothing');
    let all = 0;
    for (let tick = 0; tick < 1_000; tick += 1) all += pace.take(10, at(4_000 + tick / 10));
    t.ok(all <= 100 * 20 + 20, `${all} in 100 seconds`);
  });

  t.test('does not delay new mails, even if it hangs', async (t) => {
    await waiting(50);
    const { open, opened } = gate();
    const sent: string[] = [];
    const worker = createTestWorker(service, {
      writers: {
        ...forAllKinds(writer),
        invite: { write: async () => ({ to: 'new', subject: 's', text: 't', html: 'h' }) },
      },
      transport: async ({ to }) => {
        if (to !== 'new') await opened;
        sent.push(to);
        return { outcome: 'sent' };
      },
      interval: 20,
      backlogRate: 20,
    });
    worker.start();
    await until('the backlog to be in hand', async () => (await db.$count(outbox, eq(outbox.attempts, 2))) >= 10);
    const invite = await message();
    worker.wake();
    await until('the new mail to be sent', async () => (await rowOf(invite)).status === 'sent');
    t.same(sent, ['new'], 'only the new mail is sent while the backlog hangs');
    open();
    await worker.stop();
  });

  t.test('is claimed by its own lane: each message belongs to exactly one lane', async (t) => {
    await waiting(3);
    const old = await message();
    await db
      .update(outbox)
      .set({ dueAt: new Date(service.clock().getTime() - 61_000) })
      .where(eq(outbox.inviteId, old.id as InviteId));
    const failed = await message();
    await db
      .update(outbox)
      .set({ status: 'failed', settledAt: service.clock() })
      .where(eq(outbox.inviteId, failed.id as InviteId));
    const { id } = await rowOf(failed);
    t.match(await transaction(db, (tx) => putBack(tx, { id }, service.clock())), [
      { id, status: 'queued', attempts: 0 },
    ]);
    const fresh = await message();
    const claim = async (lane: Lane) => {
      const at = service.clock();
      return claimDue(db, lane, { now: at, leaseUntil: new Date(at.getTime() + lease), limit: 100 });
    };
    t.match(await claim('fresh'), [{ inviteId: fresh.id, attempts: 1 }]);
    const rest = await claim('backlog');
    t.equal(rest.length, 5, 'retries, mails that waited for a minute, and mails that were put back');
    t.ok(rest.some((it) => it.inviteId === old.id));
    t.same([await claim('fresh'), await claim('backlog')], [[], []]);
  });

  t.test('after an outage of an hour is sent completely', async (t) => {
    const made = [await message(), await message(), await message()];
    const begun = service.clock().getTime();
    const isOver = () => service.clock().getTime() - begun >= 3_600_000;
    const tries: string[] = [];
    const taken: string[] = [];
    const worker = createTestWorker(service, {
      transport: async ({ to }) => {
        (isOver() ? taken : tries).push(to);
        return isOver() ? { outcome: 'sent' } : { outcome: 'deferred', reason: 'SendGrid answered 503' };
      },
    });
    for (let minute = 0; minute < 150 && taken.length < made.length; minute += 1) {
      await worker.drain();
      service.travel(60_000);
    }
    t.same(taken.sort(), made.map((it) => it.email).sort(), 'each is sent once');
    t.ok(tries.length <= made.length * 12, `${tries.length} attempts in that hour`);
    for (const invite of made) t.match((await lookAt(invite)).delivery, { event: 'sent', reason: null });
  });
});
