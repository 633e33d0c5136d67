import { sql } from 'drizzle-orm';
import type { Db } from '../../src/database/database.ts';
import { type AccountId, idOf, newId, type UserId, uuidOf } from '../../src/ids.ts';
import { newKeyText } from '../../src/tokens/key-text.ts';

export interface SeededAccount {
  id: AccountId;
  ownerId: UserId;
  /** An account's key with `members:read`. */
  key: string;
  /** Some of its members, at random. */
  members: UserId[];
}

/** An account with so many members: all with chosen permissions, a fifth with a role, a tenth with grants on resources. */
export async function seedAccount(db: Db, count: number, sampled: number): Promise<SeededAccount> {
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
      insert into users (id, email, name, created_at)
      select gen_random_uuid(), gen_random_uuid() || '@example.com', 'Member', now() from generate_series(2, ${count}) returning id),
    numbered as (select id, row_number() over () as n from made)
    insert into memberships (account_id, user_id, id, all_permissions, permissions, roles, created_at)
    select ${account}, id, gen_random_uuid(), false, '{tickets:open,domains:read}', case when n % 5 = 0 then array[${role}::uuid] else '{}' end, now()
    from numbered`);
  await db.execute(sql`
    insert into grants (account_id, user_id, id, permission, resource_type, resource_id, created_at)
    select account_id, user_id, gen_random_uuid(), 'contacts:read', 'contact', n::text, now()
    from memberships cross join generate_series(1, 3) n
    where account_id = ${account} and not all_permissions and abs(hashtext(user_id::text)) % 10 = 0`);
  const { text, hash } = newKeyText({ kind: 'account', id: keyId, accountId: id, userId: ownerId });
  await db.execute(sql`
    insert into account_keys (account_id, id, user_id, name, hash, scopes, created_at)
    values (${account}, ${uuidOf('key', keyId)}, ${owner}, 'Bench', ${hash}, '{members:read}', now())`);
  const { rows } = (await db.execute(sql`
    select user_id from memberships where account_id = ${account} and not all_permissions order by random() limit ${sampled}`)) as unknown as {
    rows: { user_id: string }[];
  };
  return { id, ownerId, key: text, members: rows.map((it) => idOf('usr', it.user_id)) };
}
