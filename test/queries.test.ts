import { and, eq, sql } from 'drizzle-orm';
import { alias } from 'drizzle-orm/pg-core';
import t from 'tap';
import { type Db, openDatabase } from '../src/database/database.ts';
import { migrate } from '../src/database/migrate.ts';
import { accounts, memberships, users } from '../src/database/schema.ts';
import { prepared } from '../src/database/statements.ts';
import { sharing, together } from '../src/database/together.ts';
import { newId, uuidOf } from '../src/ids.ts';
import { freshDatabase } from './support/service.ts';
import { until } from './support/until.ts';

// --- How rows become objects --------------------------------------------------------------------------------------------

t.test('a prepared query gives what the same query gives that is not prepared', async (t) => {
  const { db, close } = await openDatabase(await freshDatabase(t));
  t.teardown(close);
  await migrate(db);
  const [account, owner, guest] = [newId('acc'), newId('usr'), newId('usr')];
  await db.insert(users).values(
    [owner, guest].map((id, i) => ({
      id,
      email: `person-${i}@example.com`,
      name: `Person ${i}`,
      createdAt: new Date('2026-11-25T09:30:00.123Z'),
    })),
  );
  await db.execute(sql`
    with place as (
      insert into memberships (account_id, user_id, id, all_permissions, permissions, ends_at, created_at)
      values (${uuidOf('acc', account)}, ${uuidOf('usr', owner)}, gen_random_uuid(), true, '{}', null, now()) returning account_id, user_id)
    insert into accounts (id, name, owner_id, invite_lifetime_days, accept_from_any_address, created_at)
    select account_id, 'Example', user_id, 7, false, now() from place`);
  const inviters = alias(users, 'inviters');

  /** Every kind of column that there is: flat and nested, words, lists, times, what an outer join left empty, and a subquery. */
  const queries: Record<string, (db: Db) => { prepare(name: string): { execute(): Promise<unknown[]> } }> = {
    'a whole table': (db) => db.select().from(users).orderBy(users.email),
    'objects that are there or not': (db) =>
      db
        .select({ user: users, membership: memberships, account: accounts, one: sql<number>`1`.mapWith(Number) })
        .from(users)
        .leftJoin(memberships, eq(memberships.userId, users.id))
        .leftJoin(accounts, eq(accounts.id, memberships.accountId))
        .orderBy(users.email),
    'an object whose first column alone is empty': (db) =>
      db
        .select({ membership: { endsAt: memberships.endsAt, id: memberships.id }, name: users.name })
        .from(users)
        .leftJoin(memberships, eq(memberships.userId, users.id))
        .orderBy(users.email),
    'an object of two tables': (db) =>
      db
        .select({ both: { endsAt: memberships.endsAt, name: users.name }, words: { of: sql<string>`'words'` } })
        .from(users)
        .leftJoin(memberships, eq(memberships.userId, users.id))
        .orderBy(users.email),
    'one table under two names': (db) =>
      db
        .select({ user: { id: users.id }, inviter: { id: inviters.id, name: inviters.name } })
        .from(memberships)
        .innerJoin(users, eq(users.id, memberships.userId))
        .leftJoin(inviters, eq(inviters.id, memberships.invitedBy)),
    'what has a name of its own, and what a subquery has': (db) => {
      const inner = db
        .select({ id: users.id, shout: sql<string>`upper(${users.name})`.as('shout') })
        .from(users)
        .as('inner');
      return db
        .select({ shout: inner.shout, id: inner.id, again: sql<string>`lower(${inner.shout})`.as('again') })
        .from(inner)
        .orderBy(inner.shout);
    },
    nothing: (db) =>
      db
        .select()
        .from(users)
        .where(and(eq(users.email, 'nobody'))),
  };
  for (const [what, build] of Object.entries(queries)) {
    const plain = await (build(db) as unknown as Promise<unknown[]>);
    const own = prepared(what.replaceAll(' ', '_'), build);
    t.strictSame(await own(db).execute(), plain, what);
    t.strictSame(await own(db).execute(), plain, `${what}, once more`);
    t.strictSame(await db.transaction((tx) => own(tx).execute()), plain, `${what}, in a transaction`);
  }
});

// --- What is asked together ---------------------------------------------------------------------------------------------

t.test('questions that come while others are under way go together', async (t) => {
  const db = {} as Db;
  const other = {} as Db;

  /** Statements that end when they are told to, in the order in which they began. */
  function statements() {
    const begun: { all: readonly string[]; answer(): void; fail(error: Error): void }[] = [];
    const ask = (_: Db, all: readonly string[]) =>
      new Promise<string[]>((resolve, reject) => {
        begun.push({ all, answer: () => resolve(all.map((it) => `${it}!`)), fail: reject });
      });
    return { begun, ask };
  }
  const settled = () => new Promise((done) => setImmediate(done));
  const outcomeOf = (asked: Promise<string>) => asked.catch((error: Error) => error.message);

  t.test('at once where none is, then all of them in one, each with its own answer', async (t) => {
    const { begun, ask } = statements();
    const question = together({ laneOf: () => 'one', ask });
    const asked = ['a', 'b', 'c', 'd'].map((it) => question(db, it));
    t.same(
      begun.map((it) => it.all),
      [['a']],
      'the first waits for nothing',
    );
    begun[0]?.answer();
    t.equal(await asked[0], 'a!');
    await settled();
    t.same(begun[1]?.all, ['b', 'c', 'd'], 'the others wait for it to end');
    const late = question(db, 'e');
    t.equal(begun.length, 2, 'what comes later does not join what is under way');
    begun[1]?.answer();
    await settled();
    t.same(begun[2]?.all, ['e']);
    begun[2]?.answer();
    t.same(await Promise.all([...asked, late]), ['a!', 'b!', 'c!', 'd!', 'e!']);
    await settled();
    void question(db, 'f');
    t.same(begun[3]?.all, ['f'], 'and it begins anew');
  });

  t.test('a statement that takes long holds up nobody', async (t) => {
    const { begun, ask } = statements();
    const question = together({ laneOf: () => 'one', ask });
    const asked = ['a', 'b', 'c'].map((it) => question(db, it));
    await until('the next', () => begun[1]);
    t.same(begun[1]?.all, ['b', 'c']);
    begun[1]?.answer();
    t.same(await Promise.all(asked.slice(1)), ['b!', 'c!']);
    begun[0]?.answer();
    t.equal(await asked[0], 'a!', 'and is answered when it ends');
  });

  t.test('only those of one lane and of one database', async (t) => {
    const { begun, ask } = statements();
    const question = together({ laneOf: (it: string) => it.slice(0, 1), ask });
    for (const it of ['a1', 'b1', 'a2', 'b2']) void question(db, it);
    void question(other, 'a3');
    t.same(
      begun.map((it) => it.all),
      [['a1'], ['b1'], ['a3']],
    );
  });

  t.test('as many as fit into one statement, and one at least', async (t) => {
    const { begun, ask } = statements();
    const question = together({ laneOf: () => 'one', ask, weightOf: (it) => it.length, most: 4 });
    for (const it of ['a', 'cccccc', 'dd', 'dd', 'e']) void question(db, it);
    for (const done of [0, 1, 2]) {
      begun[done]?.answer();
      await settled();
    }
    t.same(
      begun.map((it) => it.all),
      [['a'], ['cccccc'], ['dd', 'dd'], ['e']],
    );
  });

  t.test('what the database refuses in company is asked by itself: nobody pays for another one’s value', async (t) => {
    const { begun, ask } = statements();
    const question = together({ laneOf: () => 'one', ask });
    const asked = ['a', 'b', 'c'].map((it) => outcomeOf(question(db, it)));
    begun[0]?.answer();
    await settled();
    begun[1]?.fail(Object.assign(new Error('invalid input'), { code: '22007' }));
    await settled();
    t.same(
      begun.slice(2).map((it) => it.all),
      [['b'], ['c']],
    );
    begun[2]?.fail(Object.assign(new Error('invalid input'), { code: '22007' }));
    begun[3]?.answer();
    t.same(await Promise.all(asked), ['a!', 'invalid input', 'c!']);
  });

  t.test('one that fails long after others went on fails nobody who waits for those', async (t) => {
    const { begun, ask } = statements();
    const question = together({ laneOf: () => 'one', ask });
    const asked = ['a', 'b'].map((it) => outcomeOf(question(db, it)));
    await until('the next', () => begun[1]);
    const waiting = outcomeOf(question(db, 'c'));
    begun[0]?.fail(new Error('Query read timeout'));
    await settled();
    begun[1]?.answer();
    await settled();
    begun[2]?.answer();
    t.same(await Promise.all([...asked, waiting]), ['Query read timeout', 'b!', 'c!']);
  });

  t.test('a question that can’t be sorted, and one that was not answered, fail by themselves', async (t) => {
    const { ask } = statements();
    const unsorted = together<string, string>({
      laneOf: () => {
        throw new Error('no lane');
      },
      ask,
    });
    t.equal(await outcomeOf(unsorted(db, 'a')), 'no lane');
    const short = together<string, string>({ laneOf: () => 'one', ask: async () => [] });
    t.equal(await outcomeOf(short(db, 'a')), 'not every question was answered');
  });

  t.test('one that fails fails those that it asked; a database that is away is away for all who wait', async (t) => {
    const { begun, ask } = statements();
    const question = together({ laneOf: () => 'one', ask });
    const asked = ['a', 'b', 'c'].map((it) => outcomeOf(question(db, it)));
    begun[0]?.fail(new Error('wrong'));
    t.equal(await asked[0], 'wrong');
    await settled();
    t.same(begun[1]?.all, ['b', 'c'], 'the others are asked all the same');
    const waiting = outcomeOf(question(db, 'd'));
    begun[1]?.fail(new Error('Query read timeout'));
    t.same(await Promise.all([...asked, waiting]), ['wrong', ...Array(3).fill('Query read timeout')]);
    await settled();
    void question(db, 'e');
    t.same(begun[2]?.all, ['e'], 'whoever comes later asks anew');
  });

  t.test('a read that is the same for all is done once for those who wait', async (t) => {
    const { begun, ask } = statements();
    const read = sharing(
      (it: string) => it.slice(0, 1),
      async (of, asked: string) => (await ask(of, [asked]))[0] as string,
      (it) => Number(it.slice(1)),
    );
    const asked = ['a1', 'a3', 'a2'].map((it) => read(db, it));
    begun[0]?.answer();
    await settled();
    t.same(begun[1]?.all, ['a3'], 'as the latest of them asks it');
    begun[1]?.answer();
    t.same(await Promise.all(asked), ['a1!', 'a3!', 'a3!']);
    t.equal(begun.length, 2);
  });
});
