import t from 'tap';
import { type DatabaseChoice, openDatabase } from '../../src/database/database.ts';
import { migrate } from '../../src/database/migrate.ts';
import { newId } from '../../src/ids/ids.ts';
import { createTestWorker, messagesOf, recordingTransport } from '../support/outbox.ts';
import { buildOnce, runProgram } from '../support/process.ts';
import { freshDatabase, needsPostgres, newEmail, startService } from '../support/service.ts';

t.setTimeout(120_000);
await buildOnce();

const runOutbox = (choice: DatabaseChoice, ...words: string[]) => runProgram('outbox', choice, words);

t.test('npm run outbox', { skip: needsPostgres('the same on both databases') }, async (t) => {
  const choice = await freshDatabase(t);
  const database = await openDatabase(choice);
  await migrate(database.db);
  await database.close();

  await t.test('list prints zero counts for an empty outbox', async (t) => {
    const { stdout, code } = await runOutbox(choice);
    t.equal(code, 0);
    const counts = { queued: 0, due: 0, failed: 0, oldestDueAt: null };
    t.strictSame(JSON.parse(stdout), { counts, queued: [], failed: [] });
  });

  await t.test('A usage error exits with 2 and prints the usage, and an unknown mail exits with 1', async (t) => {
    const id = newId('dlv');
    const nonsense = [
      'destroy',
      'list x',
      'list --limit=0',
      'list --status=sent',
      'list --failed',
      'show',
      'show x',
      `show ${id} ${id}`,
      'retry',
      `retry ${id} --failed`,
      'retry --since=2026-11-25',
      'retry --failed --since=soon',
      '--unknown',
    ];
    for (const words of nonsense) {
      t.match(await runOutbox(choice, ...words.split(' ')), { code: 2, stdout: '', stderr: /^Usage:/ }, words);
    }
    for (const word of ['show', 'retry']) t.match(await runOutbox(choice, word, id), { code: 1, stderr: id });
  });
});

t.test('npm run outbox, with failed mails', { skip: needsPostgres() }, async (t) => {
  const service = await startService(t);
  const { call, choice } = service;
  const account = await service.newAccount();
  const { token } = account.owner;
  const reason = 'SendGrid answered 401: the API key is not valid';
  const refusing = createTestWorker(service, { transport: async () => ({ outcome: 'refused', reason }) });
  const inviteOne = async () => {
    const email = newEmail('adam');
    const { body } = await service.invite(account, account.owner, email);
    const [mail] = await messagesOf(service.db, body.id);
    return { email, mail: mail?.id ?? '', url: `${account.url}/invites/${body.id}` };
  };
  const deliveryOf = async ({ url }: { url: string }) => (await call('GET', url, { token })).body.delivery;
  const outboxNow = async (...words: string[]) => JSON.parse((await runOutbox(choice, ...words)).stdout);
  const [one, other, revoked] = [await inviteOne(), await inviteOne(), await inviteOne()];

  await t.test('list and show print queued and failed mails with reasons, without addresses', async (t) => {
    const waiting = await outboxNow('list', '--status=queued');
    t.match(waiting.counts, { queued: 3, due: 3, failed: 0 });
    t.equal(waiting.queued[0].id, one.mail, 'the longest due comes first');
    await refusing.drain();
    const output = await runOutbox(choice);
    t.notMatch(output.stdout, '@');
    const { counts, failed } = JSON.parse(output.stdout);
    t.match(counts, { queued: 0, due: 0, failed: 3, oldestDueAt: null });
    t.match(
      failed.map((it: object) => it),
      [{ kind: 'invite', status: 'failed', attempts: 1, reason }, {}, {}],
    );
    t.equal((await outboxNow('list', '--limit=2')).failed.length, 2);
    t.match(await outboxNow('show', one.mail), { id: one.mail, status: 'failed', reason });
    t.match(await deliveryOf(one), { event: 'failed', reason });
  });

  await t.test('retry queues one failed mail again', async (t) => {
    t.match(await outboxNow('retry', one.mail), { id: one.mail, status: 'queued', attempts: 0 });
    t.match(await runOutbox(choice, 'retry', one.mail), { code: 1, stderr: /There is no failed mail dlv_\w+/ });
    t.match(await deliveryOf(one), { event: 'queued', reason: null, attempts: 0 });
    t.match(await deliveryOf(other), { event: 'failed' }, 'other mails stay failed');
    const { mails, transport } = recordingTransport();
    await createTestWorker(service, { transport }).drain();
    t.same(
      mails.map((it) => it.to),
      [one.email],
    );
    t.match(await deliveryOf(one), { event: 'sent', attempts: 1 });
    const { body } = await call('GET', `${one.url}/delivery-events`, { token });
    t.same(
      body.items.map((it: { event: string }) => it.event),
      ['queued', 'failed', 'queued', 'sent'],
    );
  });

  await t.test(
    'retry --failed queues all failed mails since a time; mails of revoked invites are not sent',
    async (t) => {
      const later = new Date(Date.now() + 60_000).toISOString();
      t.same(await outboxNow('retry', '--failed', `--since=${later}`), { putBack: 0 });
      await call('POST', `${revoked.url}/revoke`, { token });
      t.same(await outboxNow('retry', '--failed'), { putBack: 2 });
      const { mails, transport } = recordingTransport();
      await createTestWorker(service, { transport }).drain();
      t.same(
        mails.map((it) => it.to),
        [other.email],
      );
      t.match((await outboxNow()).counts, { queued: 0, failed: 0 });
    },
  );
});
