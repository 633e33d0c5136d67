import { sql } from 'drizzle-orm';
import type { Db } from '../../src/database/database.ts';
import { type AccountId, type InviteId, idOf, newId, type SessionId, type UserId, uuidOf } from '../../src/ids.ts';
import { newKeyText } from '../../src/tokens/key-text.ts';

export interface SeededAccount {
  size: number;
  id: AccountId;
  ownerId: UserId;
  sessionId: SessionId;
  /** An account's key with `members:read` and `invites:manage`. */
  key: string;
  /** Some of its members, at random. */
  members: { id: UserId; email: string }[];
  /** The cursors in the middle of the lists of members and of pending invites. */
  middle: { members: string; invites: string };
}

/**
 * An account with so many members, all with chosen permissions, a fifth with a role, a tenth with grants on resources; and as many
 * pending invites.
 */
export async function seedAccount(
  db: Db,
  size: number,
  { sampled, hash }: { sampled: number; hash: string },
): Promise<SeededAccount> {
  const [id, ownerId, roleId, keyId] = [newId('acc'), newId('usr'), newId('rol'), newId('key')];
  const [account, owner, role] = [uuidOf('acc', id), uuidOf('usr', ownerId), uuidOf('rol', roleId)];
  await db.execute(sql`
    with owner as (
      insert into users (id, email, name, created_at) values (${owner}, ${`${ownerId}@example.com`}, 'Owner', now()) returning id),
    place as (
      insert into memberships (account_id, user_id, id, all_permissions, permissions, created_at)
      select ${account}, id, gen_random_uuid(), true, '{}', now() from owner)
    insert into accounts (id, name, owner_id, invite_lifetime_days, accept_from_any_address, created_at)
    select ${account}, 'Bench', id, 7, false, now() from owner`);
  await db.execute(sql`
    insert into roles (account_id, id, name, description, permissions, created_at)
    values (${account}, ${role}, 'Accountant', '', '{invoices:pay,quotes:read}', now())`);
  await db.execute(sql`
    with made as (
      insert into users (id, email, name, password_hash, created_at)
      select gen_random_uuid(), gen_random_uuid() || '@example.com', 'Member', ${hash}, now() from generate_series(2, ${size}) returning id),
    numbered as (select id, row_number() over () as n from made)
    insert into memberships (account_id, user_id, id, all_permissions, permissions, roles, created_at)
    select ${account}, id, gen_random_uuid(), false, '{tickets:open,domains:read}', case when n % 5 = 0 then array[${role}::uuid] else '{}' end, now()
    from numbered`);
  await db.execute(sql`
    insert into grants (account_id, user_id, id, permission, resource_type, resource_id, created_at)
    select account_id, user_id, gen_random_uuid(), 'contacts:read', 'contact', n::text, now()
    from memberships cross join generate_series(1, 3) n
    where account_id = ${account} and not all_permissions and abs(hashtext(user_id::text)) % 10 = 0`);
  await db.execute(sql`
    insert into invites (account_id, id, email, all_permissions, permissions, status, invited_by, created_at, lifetime_days, expires_at, sendings, delivery_event, delivery_at)
    select ${account}, gen_random_uuid(), gen_random_uuid() || '@example.com', false, '{invoices:read}', 'pending', ${owner}, now(), 7, now() + interval '7 days', 1, 'delivered', now()
    from generate_series(1, ${size})`);
  const { text, hash: keyHash } = newKeyText({ kind: 'account', id: keyId, accountId: id, userId: ownerId });
  await db.execute(sql`
    insert into account_keys (account_id, id, user_id, name, hash, scopes, created_at)
    values (${account}, ${uuidOf('key', keyId)}, ${owner}, 'Bench', ${keyHash}, '{members:read,invites:manage}', now())`);
  const members = await rowsOf<{ id: string; email: string }>(
    db,
    sql`
    select users.id, email from memberships join users on users.id = user_id
    where account_id = ${account} and not all_permissions order by random() limit ${sampled}`,
  );
  const [middle] = await rowsOf<{ members: string; invites: string }>(
    db,
    sql`
    select (select id from memberships where account_id = ${account} order by id offset ${Math.floor(size / 2)} limit 1) as members,
      (select id from invites where account_id = ${account} order by id offset ${Math.floor(size / 2)} limit 1) as invites`,
  );
  return {
    size,
    id,
    ownerId,
    sessionId: await seedSession(db, ownerId),
    key: text,
    members: members.map((it) => ({ id: idOf('usr', it.id), email: it.email })),
    middle: { members: idOf('mem', middle?.members ?? ''), invites: idOf('inv', middle?.invites ?? '') },
  };
}

async function seedSession(db: Db, userId: UserId): Promise<SessionId> {
  const id = newId('ses');
  await db.execute(sql`
    insert into sessions (id, user_id, created_at, expires_at)
    values (${uuidOf('ses', id)}, ${uuidOf('usr', userId)}, now(), now() + interval '7 days')`);
  return id;
}

export interface Invitee {
  inviteId: InviteId;
  userId: UserId;
  sessionId: SessionId;
}

/** People who are logged in and are invited into an account. */
export async function seedInvitees(db: Db, { id, ownerId }: SeededAccount, count: number): Promise<Invitee[]> {
  const rows = await rowsOf<{ invite: string; user: string; session: string }>(
    db,
    sql`
    with made as (
      insert into users (id, email, name, created_at)
      select gen_random_uuid(), gen_random_uuid() || '@example.com', 'Invitee', now() from generate_series(1, ${count}) returning id, email),
    invited as (
      insert into invites (account_id, id, email, all_permissions, permissions, status, invited_by, created_at, lifetime_days, expires_at, sendings, delivery_event, delivery_at)
      select ${uuidOf('acc', id)}, gen_random_uuid(), email, false, '{invoices:read}', 'pending', ${uuidOf('usr', ownerId)}, now(), 7, now() + interval '7 days', 1, 'delivered', now()
      from made returning id, email),
    entered as (
      insert into sessions (id, user_id, created_at, expires_at)
      select gen_random_uuid(), id, now(), now() + interval '7 days' from made returning id, user_id)
    select invited.id as invite, made.id as user, entered.id as session
    from made join invited using (email) join entered on user_id = made.id`,
  );
  await db.execute(sql`vacuum analyze`);
  return rows.map((it) => ({
    inviteId: idOf('inv', it.invite),
    userId: idOf('usr', it.user),
    sessionId: idOf('ses', it.session),
  }));
}

async function rowsOf<Row>(db: Db, statement: ReturnType<typeof sql>): Promise<Row[]> {
  return ((await db.execute(statement)) as unknown as { rows: Row[] }).rows;
}
