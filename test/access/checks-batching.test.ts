import t from 'tap';
import { batchChecks } from '../../src/access/checks/batching.ts';
import type { CheckedAnswer } from '../../src/access/checks/check.ts';
import type { Question } from '../../src/access/checks/question.ts';
import type { Caller } from '../../src/credentials/caller.ts';
import { newId } from '../../src/ids/ids.ts';
import { newApiKeySecret } from '../../src/tokens/api-key-secret.ts';
import { startService } from '../support/service.ts';
import { until } from '../support/until.ts';

const accountId = newId('acc');
const userId = newId('usr');

const question = (permission: string): Question => ({
  ...{ accountId, permission, resource: null, properties: {} },
  subject: { id: userId },
});

/** A caller with a session id, at a time in milliseconds. */
const newCaller = (session: string, now = 0) =>
  ({ userId, sessionId: session, identityId: null, key: null, now: new Date(now) }) as unknown as Caller;

/** Statements in the order in which they began. The test ends each one. */
function statements() {
  const begun: { caller: Caller; permissions: string[]; answer(): void; fail(error: Error): void }[] = [];
  const sizes: number[] = [];
  const checkAll = batchChecks(
    (caller, questions) =>
      new Promise<CheckedAnswer[]>((resolve, reject) => {
        const permissions = questions.map((it) => it.permission);
        // A permission whose name begins with "may" is allowed.
        const answers = permissions.map((it) => ({ isAllowed: it.startsWith('may') }) as CheckedAnswer);
        begun.push({ caller, permissions, answer: () => resolve(answers), fail: reject });
      }),
    (size) => void sizes.push(size),
  );
  const ask = (caller: Caller, ...permissions: string[]) => checkAll(caller, permissions.map(question));
  return { begun, sizes, ask };
}
const settled = () => new Promise((done) => setImmediate(done));
const allowed = async (answers: Promise<CheckedAnswer[]>) => (await answers).map((it) => it.isAllowed);
const failure = (answers: Promise<unknown>) =>
  answers.then(
    () => undefined,
    (error: Error) => error.message,
  );
const refusedByDatabase = () => Object.assign(new Error('invalid input'), { code: '22007' });

t.test('Batched checks', async (t) => {
  const caller = newCaller('one');

  t.test('the first question runs at once, and questions that arrive meanwhile share one statement', async (t) => {
    const { begun, sizes, ask } = statements();
    const answers = [ask(caller, 'may a'), ask(caller, 'b')];
    await settled();
    answers.push(ask(caller, 'may c', 'd'), ask(caller, 'may e'));
    await settled();
    t.same(
      begun.map((it) => it.permissions),
      [['may a', 'b']],
    );
    begun[0]?.answer();
    await settled();
    t.same(begun[1]?.permissions, ['may c', 'd', 'may e']);
    begun[1]?.answer();
    t.same(await Promise.all(answers.map(allowed)), [[true], [false], [true, false], [true]]);
    t.same(sizes, [2, 3], 'the batch sizes are observed');
    await settled();
    const last = ask(caller, 'may f');
    await settled();
    begun[2]?.answer();
    t.same(await allowed(last), [true], 'a later question runs at once again');
  });

  t.test('questions with different credentials never share a statement', async (t) => {
    const { begun, ask } = statements();
    const answers = [ask(caller, 'a'), ask(newCaller('two'), 'b')];
    await settled();
    t.equal(begun.length, 2);
    for (const it of begun) it.answer();
    await Promise.all(answers);
  });

  t.test('a batch is answered as of its latest request', async (t) => {
    const { begun, ask } = statements();
    void ask(newCaller('one', 1), 'a');
    void ask(newCaller('one', 3), 'b');
    void ask(newCaller('one', 2), 'c');
    await settled();
    t.same(begun[0]?.caller.now, new Date(3));
  });

  t.test('a question does not wait long for a slow statement', async (t) => {
    const { begun, ask } = statements();
    void ask(caller, 'a');
    await settled();
    const next = ask(caller, 'may b');
    await until('the next statement', () => begun[1]);
    begun[1]?.answer();
    t.same(await allowed(next), [true]);
  });

  t.test('a request with many questions has its own statement', async (t) => {
    const { begun, ask } = statements();
    void ask(caller, 'a');
    await settled();
    void ask(caller, ...Array.from({ length: 21 }, (_, i) => `${i}`));
    await settled();
    t.equal(begun[1]?.permissions.length, 21, 'the statement does not wait for the running one');
  });

  t.test('one statement answers at most 200 questions', async (t) => {
    const { begun, ask } = statements();
    for (let i = 0; i < 30; i += 1) void ask(caller, ...Array.from({ length: 10 }, (_, j) => `${i} ${j}`));
    await settled();
    t.same(
      begun.map((it) => it.permissions.length),
      [200, 100],
    );
  });

  t.test('a question that the database rejects fails alone', async (t) => {
    const { begun, ask } = statements();
    const [one, other] = [ask(caller, 'wrong'), ask(caller, 'may b')];
    await settled();
    begun[0]?.fail(refusedByDatabase());
    await settled();
    t.same(
      begun.slice(1).map((it) => it.permissions),
      [['wrong'], ['may b']],
    );
    begun[1]?.fail(refusedByDatabase());
    begun[2]?.answer();
    t.equal(await failure(one), 'invalid input');
    t.same(await allowed(other), [true]);
  });

  t.test('every question of a batch fails if the database is unavailable', async (t) => {
    const { begun, ask } = statements();
    const answers = [ask(caller, 'a'), ask(caller, 'b')];
    await settled();
    begun[0]?.fail(new Error('Query read timeout'));
    t.same(await Promise.all(answers.map(failure)), ['Query read timeout', 'Query read timeout']);
    t.equal(begun.length, 1);
  });
});

t.test('An invalid credential is refused even if the request has no question to answer', async (t) => {
  for (const setting of ['on', 'off']) {
    const { call, newAccount, newAccountKey } = await startService(t, { env: { CHECK_BATCHING: setting } });
    const account = await newAccount();
    const key = await newAccountKey(account, account.owner);
    const nobody = {
      subject: { type: 'machine', id: 'x' },
      action: { name: 'a:b' },
      resource: { type: 'account', id: account.id },
    };
    const ask = (token: string) => call('POST', '/access/v1/evaluation', { body: nobody, token });
    t.match(await ask(key), { status: 200, body: { decision: false } });
    const { text } = newApiKeySecret({ kind: 'platform', id: newId('key') });
    t.equal((await ask(text)).status, 401, setting);
  }
});

for (const [setting, isBatched] of [
  ['on', true],
  ['off', false],
] as const) {
  t.test(`CHECK_BATCHING=${setting} turns batching ${setting}`, async (t) => {
    const { call, newAccount, service } = await startService(t, { env: { CHECK_BATCHING: setting } });
    const account = await newAccount();
    const responses = await Promise.all(
      Array.from({ length: 20 }, () =>
        call('GET', `${account.url}/check?permission=invoices:pay`, { token: account.owner.token }),
      ),
    );
    t.ok(responses.every((it) => it.status === 200 && it.body.allowed));
    const metrics = await service.metrics.registry.metrics();
    const [, sum] = /^usher_check_batch_size_sum (\d+)$/m.exec(metrics) ?? [];
    const [, count] = /^usher_check_batch_size_count (\d+)$/m.exec(metrics) ?? [];
    t.equal(Number(sum), isBatched ? 20 : 0);
    t.ok(isBatched ? Number(count) > 0 && Number(count) < 20 : Number(count) === 0, `${count} statements`);
  });
}
