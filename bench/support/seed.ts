import { sql } from 'drizzle-orm';
import type { Db } from '../../src/database/database.ts';
import { type AccountId, type InviteId, idOf, newId, type SessionId, type UserId, uuidOf } from '../../src/ids/ids.ts';
import { newApiKeySecret } from '../../src/tokens/api-key-secret.ts';

export interface SeededAccount {
  size: number;
  id: AccountId;
  ownerId: UserId;
  /** The owner's API key with `members:read` and `invites:manage`. */
  key: string;
  /** A random sample of its members. */
  members: SeededMember[];
  /** The cursors in the middle of the lists of members and of pending invites. */
  middle: { members: string; invites: string };
}

/** A member with a session and an API key. */
export interface SeededMember {
  id: UserId;
  email: string;
  sessionId: SessionId;
  /** Has the scope `members:read`. */
  key: string;
}

/** Every seeded member has these permissions. */
const permissions = '{members:read,invites:read,invites:manage,invoices:read,tickets:open}';

/**
 * Creates an account with an owner, `size` members and `size` pending invites. A fifth of the
 * members have a role, a tenth have grants on resources.
 * @param sampled how many members get a session and an API key.
 * @param hash the password hash of every member.
 */
export async function seedAccount(
  db: Db,
  size: number,
  { sampled, hash }: { sampled: number; hash: string },
): Promise<SeededAccount> {
  const [account] = await seedAccounts(db, 1, { members: size, invites: size, hash });
  if (!account) throw new Error('no account was seeded');
  const uuid = uuidOf('acc', account.id);
  const members = await rowsOf<{ id: string; email: string }>(
    db,
    sql`
    select users.id, email from memberships join users on users.id = user_id
    where account_id = ${uuid} and not all_permissions order by random() limit ${sampled}`,
  );
  const half = Math.floor(size / 2);
  const [middle] = await rowsOf<{ members: string; invites: string }>(
    db,
    sql`
    select (select id from memberships where account_id = ${uuid} order by id offset ${half} limit 1) as members,
      (select id from invites where account_id = ${uuid} order by id offset ${half} limit 1) as invites`,
  );
  const [key = ''] = await seedKeys(db, account.id, [account.ownerId], '{members:read,invites:manage}');
  return {
    ...account,
    size,
    key,
    members: await withCredentials(
      db,
      account.id,
      members.map((it) => ({ id: idOf('usr', it.id), email: it.email })),
    ),
    middle: { members: idOf('mem', middle?.members ?? ''), invites: idOf('inv', middle?.invites ?? '') },
  };
}

/** Creates several such accounts, with one statement for each kind of row. */
export async function seedAccounts(
  db: Db,
  count: number,
  { members, invites, hash }: { members: number; invites: number; hash: string },
): Promise<Pick<SeededAccount, 'id' | 'ownerId'>[]> {
  const accounts = await rowsOf<{ id: string; owner_id: string }>(
    db,
    sql`
    with owners as (
      insert into users (id, email, name, created_at)
      select gen_random_uuid(), gen_random_uuid() || '@example.com', 'Owner', now() from generate_series(1, ${count}) returning id),
    owning as (
      insert into memberships (account_id, user_id, id, all_permissions, permissions, created_at)
      select gen_random_uuid(), id, gen_random_uuid(), true, '{}', now() from owners returning account_id, user_id)
    insert into accounts (id, name, owner_id, invite_lifetime_days, accept_from_any_address, created_at)
    select account_id, 'Bench', user_id, 7, false, now() from owning returning id, owner_id`,
  );
  const ids = sql`any(${sql.param(accounts.map((it) => it.id))}::uuid[])`;
  await db.execute(sql`
    insert into roles (account_id, id, name, description, permissions, created_at)
    select id, gen_random_uuid(), 'Accountant', '', '{invoices:pay,quotes:read}', now() from accounts where id = ${ids}`);
  await db.execute(sql`
    with account as (
      select account_id, id as role, row_number() over () - 1 as place from roles where account_id = ${ids}),
    member as (
      insert into users (id, email, name, password_hash, created_at)
      select gen_random_uuid(), gen_random_uuid() || '@example.com', 'Member', ${hash}, now()
      from generate_series(1, ${count * members}::int) returning id),
    numbered as (select id, row_number() over () - 1 as n from member)
    insert into memberships (account_id, user_id, id, all_permissions, permissions, roles, created_at)
    select account_id, id, gen_random_uuid(), false, ${permissions}::text[],
      case when n / ${count}::int % 5 = 0 then array[role] else '{}' end, now()
    from numbered join account on place = n % ${count}::int`);
  await db.execute(sql`
    insert into grants (account_id, user_id, id, permission, resource_type, resource_id, created_at)
    select account_id, user_id, gen_random_uuid(), 'contacts:read', 'contact', n::text, now()
    from memberships cross join generate_series(1, 3) n
    where account_id = ${ids} and not all_permissions and abs(hashtext(user_id::text)) % 10 = 0`);
  await db.execute(sql`
    insert into invites (account_id, id, email, all_permissions, permissions, status, invited_by, created_at, lifetime_days, expires_at, sendings, delivery_event, delivery_at)
    select id, gen_random_uuid(), gen_random_uuid() || '@example.com', false, '{invoices:read}', 'pending', owner_id, now(), 7, now() + interval '7 days', 1, 'delivered', now()
    from accounts cross join generate_series(1, ${invites}::int) where id = ${ids}`);
  return accounts.map((it) => ({ id: idOf('acc', it.id), ownerId: idOf('usr', it.owner_id) }));
}

async function withCredentials(
  db: Db,
  accountId: AccountId,
  members: Pick<SeededMember, 'id' | 'email'>[],
): Promise<SeededMember[]> {
  const userIds = members.map((it) => it.id);
  const sessions = await rowsOf<{ id: string; user_id: string }>(
    db,
    sql`
    insert into sessions (id, user_id, created_at, expires_at)
    select gen_random_uuid(), user_id, now(), now() + interval '7 days'
    from unnest(${sql.param(userIds.map((it) => uuidOf('usr', it)))}::uuid[]) as user_id returning id, user_id`,
  );
  const sessionOf = new Map(sessions.map((it) => [it.user_id, it.id]));
  const keys = await seedKeys(db, accountId, userIds, '{members:read}');
  return members.map((member, i) => ({
    ...member,
    sessionId: idOf('ses', sessionOf.get(uuidOf('usr', member.id)) ?? ''),
    key: keys[i] ?? '',
  }));
}

/** Creates an API key for each of these members, in order. */
async function seedKeys(db: Db, accountId: AccountId, userIds: UserId[], scopes: string): Promise<string[]> {
  const keys = userIds.map((userId) => {
    const id = newId('key');
    const { text, hash } = newApiKeySecret({ kind: 'account', id, accountId, userId });
    return { text, row: { id: uuidOf('key', id), user_id: uuidOf('usr', userId), hash } };
  });
  await db.execute(sql`
    insert into account_keys (account_id, id, user_id, name, hash, scopes, created_at)
    select ${uuidOf('acc', accountId)}::uuid, id, user_id, 'Bench', hash, ${scopes}::text[], now()
    from jsonb_to_recordset(${JSON.stringify(keys.map((it) => it.row))}::jsonb) as key(id uuid, user_id uuid, hash text)`);
  return keys.map((it) => it.text);
}

export interface Invitee {
  accountId: AccountId;
  inviteId: InviteId;
  userId: UserId;
  sessionId: SessionId;
}

/**
 * Creates users with a session and an invite to one of the accounts. The inviter is `inviterId`, or
 * each member of the accounts in turn.
 */
export async function seedInvitees(
  db: Db,
  { accountIds, inviterId, count }: { accountIds: AccountId[]; inviterId?: UserId; count: number },
): Promise<Invitee[]> {
  const ids = sql.param(accountIds.map((it) => uuidOf('acc', it)));
  const isInviter = inviterId === undefined ? sql`not all_permissions` : sql`user_id = ${uuidOf('usr', inviterId)}`;
  const rows = await rowsOf<{ account: string; invite: string; user: string; session: string }>(
    db,
    sql`
    with inviter as (
      select account_id, user_id, row_number() over (order by random()) - 1 as place
      from memberships where account_id = any(${ids}::uuid[]) and ${isInviter}),
    invitee as (
      insert into users (id, email, name, created_at)
      select gen_random_uuid(), gen_random_uuid() || '@example.com', 'Invitee', now() from generate_series(1, ${count}::int) returning id, email),
    numbered as (select email, row_number() over () - 1 as n from invitee),
    invited as (
      insert into invites (account_id, id, email, all_permissions, permissions, status, invited_by, created_at, lifetime_days, expires_at, sendings, delivery_event, delivery_at)
      select account_id, gen_random_uuid(), email, false, '{invoices:read}', 'pending', user_id, now(), 7, now() + interval '7 days', 1, 'delivered', now()
      from numbered join inviter on place = n % (select count(*) from inviter) returning account_id, id, email),
    opened as (
      insert into sessions (id, user_id, created_at, expires_at)
      select gen_random_uuid(), id, now(), now() + interval '7 days' from invitee returning id, user_id)
    select invited.account_id as account, invited.id as invite, invitee.id as user, opened.id as session
    from invitee join invited using (email) join opened on user_id = invitee.id`,
  );
  await db.execute(sql`vacuum analyze users, invites, sessions`);
  return rows.map((it) => ({
    accountId: idOf('acc', it.account),
    inviteId: idOf('inv', it.invite),
    userId: idOf('usr', it.user),
    sessionId: idOf('ses', it.session),
  }));
}

async function rowsOf<Row>(db: Db, statement: ReturnType<typeof sql>): Promise<Row[]> {
  return ((await db.execute(statement)) as unknown as { rows: Row[] }).rows;
}
