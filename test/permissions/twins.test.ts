import { and, eq, ne, sql } from 'drizzle-orm';
import t from 'tap';
import { declareIn } from '../../src/access/catalogue/declare.ts';
import { listPermissions } from '../../src/access/catalogue/store.ts';
import { isActiveNow, membershipOf } from '../../src/access/checks/decision-store.ts';
import { isActiveMembership, membershipStatusAt } from '../../src/accounts/membership-status.ts';
import { insertAccountWithOwner } from '../../src/accounts/store.ts';
import { apiKeyStatusAt, isActiveApiKey } from '../../src/credentials/api-key-status.ts';
import { isActiveSession, isActiveSessionAt } from '../../src/credentials/session-status.ts';
import { isLoggedIn } from '../../src/credentials/store.ts';
import { openDatabase } from '../../src/database/database.ts';
import { migrate } from '../../src/database/migrate.ts';
import {
  accountKeys,
  accounts,
  grants,
  identities,
  invites,
  memberships,
  platformKeys,
  rolePresets,
  roles,
  sessions,
  users,
} from '../../src/database/schema.ts';
import { transaction } from '../../src/database/transaction.ts';
import { newId, type RoleId, type UserId, uuidOf } from '../../src/ids/ids.ts';
import { hasStatus, type InviteStatus, statusAt } from '../../src/invites/status.ts';
import { type EffectiveAccess, hasPermission } from '../../src/permissions/access.ts';
import { asOf, hasMoreThan, missingPermissions } from '../../src/permissions/comparison.ts';
import {
  effectiveAccess,
  isAllowed,
  isAllowedInAccount,
  type Sources,
  sourcesColumn,
} from '../../src/permissions/effective-access.ts';
import { findSources } from '../../src/permissions/sources-store.ts';
import { isActiveUser, isActiveUserRow } from '../../src/users/user-status.ts';
import { randomFrom } from '../support/random.ts';
import { day, freshDatabase } from '../support/service.ts';

// Compares rules that are written in both SQL and TypeScript, on random data. Set TWINS_SEED for
// other data: TWINS_SEED=7 node build/test/permissions/twins.test.js

const seed = Number(process.env.TWINS_SEED ?? 20_261_201);
t.comment(`TWINS_SEED=${seed}`);
const { oneOf, chance, someOf, times } = randomFrom(seed);

const { db, close } = await openDatabase(await freshDatabase(t));
t.teardown(close);
await migrate(db);

const now = new Date('2026-12-01T09:30:00.123Z');
const from = (milliseconds: number) => new Date(now.getTime() + milliseconds);
/** Times before, at and after `now`, so that `<` and `<=` give different results. */
const moments = [from(-day), from(-1), now, from(1), from(day)];
const timeOrNull = () => oneOf([null, ...moments]);

const newUsers = async (count: number): Promise<UserId[]> => {
  const rows = times(count, () => {
    const id = newId('usr');
    return { id, email: `${id}@example.com`, name: 'Some Body', createdAt: now };
  });
  await db.insert(users).values(rows);
  return rows.map((it) => it.id);
};

async function newAccount() {
  const [ownerId] = (await newUsers(1)) as [UserId];
  const id = newId('acc');
  const settings = { inviteLifetimeDays: 7, acceptFromAnyAddress: false, locale: null, remindDaysBefore: null };
  await insertAccountWithOwner(
    db,
    { id, name: 'Example', ownerId, ...settings, epoch: 0, createdAt: now },
    newId('mem'),
  );
  return { id, ownerId };
}

/** The ids of rows, sorted. */
const idsOf = (rows: readonly { id: string }[]) => rows.map((it) => it.id).sort();

t.test('SQL and TypeScript agree on the status of an invite', async (t) => {
  const account = await newAccount();
  const statuses: InviteStatus[] = ['pending', 'accepted', 'declined', 'revoked', 'expired'];
  const rows = times(300, () => ({
    ...{ accountId: account.id, id: newId('inv'), allPermissions: true, permissions: [], roles: [] },
    ...{ invitedBy: account.ownerId, lifetimeDays: 7, createdAt: now, sendings: 1 },
    status: oneOf(statuses),
    expiresAt: oneOf(moments),
  })).map((it) => ({ ...it, email: `${it.id}@example.com` }));
  await db.insert(invites).values(rows);
  for (const status of statuses) {
    const expected = rows.filter((it) => statusAt(it, now) === status);
    const found = await db
      .select({ id: invites.id })
      .from(invites)
      .where(and(eq(invites.accountId, account.id), hasStatus(status, now)));
    t.ok(expected.length > 10 && expected.length < 290, `${expected.length} are ${status}`);
    t.same(idsOf(found), idsOf(expected), status);
  }
});

t.test('SQL and TypeScript agree on which memberships are active', async (t) => {
  const account = await newAccount();
  const rows = (await newUsers(100)).map((userId) => ({
    ...{ accountId: account.id, userId, id: newId('mem'), allPermissions: true, permissions: [], roles: [] },
    ...{ createdAt: now, suspendedAt: chance(0.3) ? oneOf(moments) : null, endsAt: timeOrNull() },
  }));
  await db.insert(memberships).values(rows);
  const at = sql`${sql.param(now, memberships.endsAt)}`;
  const active = rows.filter((it) => membershipStatusAt(it, now) === 'active');
  t.ok(active.length > 10 && active.length < 90, `${active.length} are active`);
  const whichAreActive = and(eq(memberships.accountId, account.id), ne(memberships.userId, account.ownerId));
  const found = await db
    .select({ id: memberships.id })
    .from(memberships)
    .where(and(whichAreActive, isActiveMembership(at)));
  t.same(idsOf(found), idsOf(active));
  const { rows: raw } = (await db.execute(sql`
    select m.id from memberships m
    where m.account_id = ${sql.param(account.id, accounts.id)} and m.user_id <> ${sql.param(account.ownerId, accounts.ownerId)}
      and ${isActiveNow(at)}`)) as unknown as { rows: { id: string }[] };
  t.same(idsOf(raw), active.map((it) => uuidOf('mem', it.id)).sort(), 'in raw SQL');
});

t.test('SQL and TypeScript agree on which API keys are active', async (t) => {
  const account = await newAccount();
  const keyRow = () => ({
    ...{ id: newId('key'), name: 'test', hash: 'hash', scopes: ['*'], createdAt: now },
    ...{ expiresAt: timeOrNull(), revokedAt: chance(0.3) ? oneOf(moments) : null },
  });
  const ofAccount = times(100, () => ({ ...keyRow(), accountId: account.id, userId: account.ownerId }));
  const ofPlatform = times(100, keyRow);
  await db.insert(accountKeys).values(ofAccount);
  await db.insert(platformKeys).values(ofPlatform);
  const at = sql`${sql.param(now, accountKeys.expiresAt)}`;
  const active = (rows: typeof ofPlatform) => rows.filter((it) => apiKeyStatusAt(it, now) === 'active');
  t.ok(active(ofAccount).length > 10 && active(ofAccount).length < 90);
  for (const [table, rows] of [
    [accountKeys, ofAccount],
    [platformKeys, ofPlatform],
  ] as const) {
    const found = await db.select({ id: table.id }).from(table).where(isActiveApiKey(table, at));
    t.same(idsOf(found), idsOf(active(rows as typeof ofPlatform)));
  }
});

t.test('SQL and TypeScript agree on which sessions and identities are valid', async (t) => {
  const people = await newUsers(4);
  const rows = times(100, () => ({
    ...{ id: newId('ses'), userId: oneOf(people), createdAt: now },
    ...{ expiresAt: oneOf(moments), endedAt: chance(0.3) ? oneOf(moments) : null },
  }));
  await db.insert(sessions).values(rows);
  const at = sql`${sql.param(now, sessions.expiresAt)}`;
  const active = rows.filter((it) => isActiveSessionAt(it, now));
  t.ok(active.length > 10 && active.length < 90, `${active.length} are active`);
  t.same(idsOf(await db.select({ id: sessions.id }).from(sessions).where(isActiveSession(at))), idsOf(active));

  const linked = people.map((userId) => ({
    ...{ id: newId('idn'), userId, issuer: 'https://id.example.com', subject: userId, createdAt: now },
  }));
  await db.insert(identities).values(linked);
  /** The users whom a session or an identity logs in. */
  const loggedIn = async (sessionId: string | null, identityId: string | null) => {
    const names = { sessionId: sql`${sessionId}::uuid`, identityId: sql`${identityId}::uuid`, now: at };
    return idsOf(await db.select({ id: users.id }).from(users).where(isLoggedIn(names)));
  };
  for (const { id, userId, ...session } of rows.slice(0, 30)) {
    t.same(await loggedIn(uuidOf('ses', id), null), isActiveSessionAt(session, now) ? [userId] : []);
  }
  for (const { id, userId } of linked) t.same(await loggedIn(null, uuidOf('idn', id)), [userId]);
  t.same(await loggedIn(null, uuidOf('idn', newId('idn'))), []);
});

t.test('SQL and TypeScript agree on which users are active', async (t) => {
  const rows = times(50, () => ({ id: newId('usr'), disabledAt: chance(0.5) ? oneOf(moments) : null }));
  await db
    .insert(users)
    .values(rows.map((it) => ({ ...it, email: `${it.id}@example.com`, name: 'x', createdAt: now })));
  const ids = sql`${users.id} = any(${sql.param(rows.map((it) => uuidOf('usr', it.id)))}::text[]::uuid[])`;
  const found = await db
    .select({ id: users.id })
    .from(users)
    .where(and(ids, isActiveUserRow(users)));
  t.same(idsOf(found), idsOf(rows.filter(isActiveUser)));
});

// --- What members may do
// ----------------------------------------------------------------------------

const keys = ['a:read', 'a:write', 'a:manage', 'b:read', 'b:write', 'c:read'];
/** A permission that is not in the catalogue. */
const unknownKey = 'gone:read';
const types = ['invoice', 'quote'];
const conditions = [
  {},
  {},
  {},
  { subject: { level: 1 } },
  { subject: { level: 1, tags: ['x'] } },
  { resource: { tags: ['x', 'y'] } },
  { subject: { level: 1 }, resource: { tags: ['y'] } },
];

/** Declares a catalogue in which each permission may imply some of those before it. */
async function declareCatalogue() {
  const declared = keys.map((key, i) => ({
    ...{ key, title: key, description: key, group: 'Things' },
    implies: someOf(keys.slice(0, i), 0.25),
  }));
  await transaction(db, (tx) => declareIn(tx, declared, { dryRun: false, removeInUse: true, now }));
  return new Map((await listPermissions(db)).map((it) => [it.key, it]));
}

interface Member {
  userId: UserId;
  isOwner: boolean;
  allPermissions: boolean;
  suspendedAt: Date | null;
  endsAt: Date | null;
  /** Including grants that have ended. */
  sources: Sources;
}

/** Creates an account with random members. What they have is computed without the database. */
async function newMembers(count: number): Promise<{ account: { id: Id; ownerId: UserId }; members: Member[] }> {
  const catalogue = await declareCatalogue();
  const account = await newAccount();
  const roleRow = () => ({
    ...{ id: newId('rol'), description: '', createdAt: now },
    permissions: someOf([...keys, unknownKey], 0.2),
  });
  const own = times(4, () => roleRow()).map((it) => ({ ...it, name: it.id, accountId: account.id }));
  const foreign = { ...roleRow(), name: 'Foreign', accountId: (await newAccount()).id, permissions: keys };
  const presets = times(3, () => roleRow()).map((it) => ({ ...it, name: it.id }));
  await db.insert(roles).values([...own, foreign]);
  await db.insert(rolePresets).values(presets);
  const roleIds: RoleId[] = [...own, ...presets, foreign].map((it) => it.id).concat(newId('rol'));
  const coversOf = (permission: string) => catalogue.get(permission)?.covers ?? [];
  const rows = (await newUsers(count)).map((userId) => {
    // Half of the members have only one grant, so that a single difference decides a comparison.
    const hasOneGrant = chance(0.5);
    const allPermissions = !hasOneGrant && chance(0.1);
    const probability = hasOneGrant || allPermissions ? 0 : 0.12;
    return {
      ...{ accountId: account.id, userId, id: newId('mem'), allPermissions, createdAt: now },
      permissions: someOf([...keys, unknownKey], probability),
      roles: someOf(roleIds, probability),
      grantCount: hasOneGrant ? 1 : oneOf([0, 3, 6]),
      endsAt: timeOrNull(),
      suspendedAt: chance(0.1) ? oneOf(moments) : null,
    };
  });
  await db.insert(memberships).values(rows.map(({ grantCount, ...it }) => it));
  const grantRows = rows.flatMap(({ userId, grantCount }) =>
    times(grantCount, () => {
      const resourceType = oneOf([null, ...types]);
      return {
        ...{ accountId: account.id, userId, id: newId('grt'), createdAt: now },
        permission: oneOf([...keys, unknownKey]),
        resourceType,
        resourceId: resourceType === null ? null : oneOf([null, 'one', 'two']),
        condition: oneOf(conditions),
        endsAt: timeOrNull(),
      };
    }),
  );
  await db.insert(grants).values(grantRows);
  const members = rows.map(({ userId, allPermissions, suspendedAt, endsAt, permissions, roles }) => ({
    ...{ userId, isOwner: false, allPermissions, suspendedAt, endsAt },
    sources: {
      permissions: [
        ...permissions,
        ...[...own, ...presets].filter((it) => roles.includes(it.id)).flatMap((it) => it.permissions),
      ].flatMap(coversOf),
      grants: grantRows
        .filter((it) => it.userId === userId)
        .map(({ id, permission, resourceType, resourceId, condition, endsAt }) => ({
          ...{ id: uuidOf('grt', id), permission, covers: coversOf(permission), resourceType, resourceId, condition },
          endsAt: endsAt?.toISOString() ?? null,
        })),
    },
  }));
  // The owner may do everything even if their membership does not have the flag.
  await db
    .update(memberships)
    .set({ allPermissions: false })
    .where(and(eq(memberships.accountId, account.id), eq(memberships.userId, account.ownerId)));
  const owner = {
    isOwner: true,
    allPermissions: false,
    suspendedAt: null,
    endsAt: null,
    sources: { permissions: [], grants: [] },
  };
  return { account, members: [...members, { ...owner, userId: account.ownerId }] };
}

type Id = (typeof accounts.$inferSelect)['id'];

/** A member without the grants that have ended at `now`. */
const withoutEndedGrants = (member: Member) => ({
  ...member,
  sources: {
    ...member.sources,
    grants: member.sources.grants.filter((it) => it.endsAt === null || new Date(it.endsAt) > now),
  },
});

const rounds = 4;

t.test('SQL and TypeScript agree on who has more permissions', async (t) => {
  let compared = { more: 0, notMore: 0 };
  for (let round = 0; round < rounds; round += 1) {
    const { account, members } = await newMembers(30);
    const accountId = sql`${sql.param(account.id, accounts.id)}::uuid`;
    const others = members.filter((it) => !it.isOwner);
    // The service never reads grants of the caller that have ended at `now`. The comparison must
    // still ignore them.
    const single = members.map((it) => effectiveAccess(it));
    const combined = single.map((it) => ({
      ...it,
      grantedPermissions: times(4, () => oneOf(single).grantedPermissions).flat(),
    }));
    for (const access of [...single, ...combined]) {
      const { rows } = (await db.execute(sql`
        select m.user_id as id from memberships m
        where m.account_id = ${accountId} and m.user_id <> ${sql.param(account.ownerId, accounts.ownerId)}
          and ${hasMoreThan(access, { account: accountId, now })}`)) as unknown as { rows: { id: string }[] };
      const expected = others.filter(
        (it) => missingPermissions(access, asOf(now, effectiveAccess(withoutEndedGrants(it)))).length > 0,
      );
      compared = {
        more: compared.more + expected.length,
        notMore: compared.notMore + others.length - expected.length,
      };
      const actual = idsOf(rows);
      const expectedIds = expected.map((it) => uuidOf('usr', it.userId)).sort();
      if (actual.join() !== expectedIds.join())
        t.same(actual, expectedIds, `round ${round}, ${JSON.stringify(access)}`);
    }
  }
  t.ok(Math.min(compared.more, compared.notMore) > 100, JSON.stringify(compared));
});

interface Question {
  place: number;
  userId: UserId;
  permission: string;
  resource: { type: string; id: string | null } | null;
  properties: object;
}

const questionProperties = [
  {},
  { subject: { level: 1 } },
  { subject: { level: 2, tags: ['x'] } },
  { subject: { level: 1, tags: ['y', 'x'] }, resource: { tags: ['y', 'x', 'z'] } },
  { resource: { tags: ['y', 'x'] }, action: {} },
];

/**
 * Whether an access allows what a question asks for. It requires the permission until just after
 * `now`, so that what ends at `now` does not count.
 */
function allows(access: EffectiveAccess, { permission, resource, properties }: Question): boolean {
  const required = { permission, resource, condition: properties, endsAt: from(1) };
  return (
    missingPermissions(access, { allPermissions: false, endsAt: null, grantedPermissions: [required] }).length === 0
  );
}

t.test('SQL and TypeScript agree on what a member may do', async (t) => {
  const counts = { allowed: 0, denied: 0 };
  for (let round = 0; round < rounds; round += 1) {
    const { account, members } = await newMembers(30);
    const accountId = sql`${sql.param(account.id, accounts.id)}::uuid`;
    const at = sql`${sql.param(now, memberships.endsAt)}::timestamptz`;
    const questions: Question[] = times(1500, (place) => {
      const type = oneOf([null, ...types]);
      return {
        ...{ place, userId: oneOf(members).userId, permission: oneOf(keys), properties: oneOf(questionProperties) },
        resource: type === null ? null : { type, id: oneOf([null, 'one', 'two']) },
      };
    });
    const { rows } = (await db.execute(sql`
      select q.place,
        ${isAllowed(accountId, at)} as allowed,
        ${isAllowedInAccount(accountId, at)} as "allowedInAccount"
      from jsonb_to_recordset(${JSON.stringify(questions.map(toColumns))}::jsonb)
        as q (place int, user_id uuid, permission text, resource_type text, resource_id text, properties jsonb)
      ${membershipOf(accountId, sql`q.user_id`, at)}
      left join permissions p on p.key = q.permission
      order by q.place`)) as unknown as { rows: { allowed: boolean; allowedInAccount: boolean }[] };

    for (const member of members) {
      const { userId, isOwner, allPermissions, endsAt } = member;
      const isActive = isOwner || membershipStatusAt(member, now) === 'active';
      const ofDatabase = { isOwner, allPermissions, endsAt };
      const read = effectiveAccess({ ...ofDatabase, sources: await findSources(db, account.id, userId, now) });
      const [whole] = await db
        .select({ sources: sourcesColumn(accountId, at) })
        .from(memberships)
        .where(and(eq(memberships.accountId, account.id), eq(memberships.userId, userId)));
      const readWhole = effectiveAccess({ ...ofDatabase, sources: whole?.sources ?? null });
      for (const question of questions.filter((it) => it.userId === userId)) {
        const { allowed, allowedInAccount } = rows[question.place] as (typeof rows)[number];
        const inAccount = { ...question, resource: null };
        const isPlain = question.resource === null && Object.keys(question.properties).length === 0;
        const actual = [
          allowed,
          isActive && allows(read, question),
          allowedInAccount,
          isPlain ? isActive && hasPermission(readWhole, question.permission) : null,
        ];
        const inAll = isActive && allows(effectiveAccess(member), question);
        const expected = [inAll, inAll, isActive && allows(effectiveAccess(member), inAccount), isPlain ? inAll : null];
        counts[inAll ? 'allowed' : 'denied'] += 1;
        if (actual.join() !== expected.join()) t.same(actual, expected, JSON.stringify({ round, question, member }));
      }
    }
  }
  t.ok(Math.min(counts.allowed, counts.denied) > 500, JSON.stringify(counts));
});

const toColumns = ({ place, userId, permission, resource, properties }: Question) => ({
  ...{ place, permission, properties, user_id: uuidOf('usr', userId) },
  ...{ resource_type: resource?.type ?? null, resource_id: resource?.id ?? null },
});
