import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hash } from '@node-rs/argon2';
import { sql } from 'drizzle-orm';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import t from 'tap';
import { type Db, openDatabase } from '../../src/database/database.ts';
import { idOf, newId, platformAccountId, uuidOf } from '../../src/ids/ids.ts';
import { signVerificationToken } from '../../src/users/link-tokens.ts';
import { root } from '../support/root.ts';
import { day, freshDatabase, newEmail, password, startService } from '../support/service.ts';

const migrationsFolder = join(root, 'migrations');

/** Creates the schema of the oldest release. */
async function migrateToOldest(db: Db): Promise<void> {
  // A fresh embedded database has the newest schema already.
  await db.execute(sql`drop schema public cascade`);
  await db.execute(sql`create schema public`);
  const text = await readFile(`${migrationsFolder}/0000_the-walk.sql`, 'utf8');
  for (const statement of text.split('--> statement-breakpoint')) await db.execute(sql.raw(statement));
  const [oldest] = readMigrationFiles({ migrationsFolder });
  await db.execute(
    sql`create table migrations (hash text primary key, position integer not null, applied_at timestamptz not null)`,
  );
  await db.execute(sql`insert into migrations values (${oldest?.hash}, 0, now())`);
}

/**
 * Inserts rows as that release did: an account with an owner, a member, and an invite whose mail is
 * due.
 */
async function fill(db: Db) {
  const [account, owner, member] = [newId('acc'), newId('usr'), newId('usr')];
  const [a, o, m] = [uuidOf('acc', account), uuidOf('usr', owner), uuidOf('usr', member)];
  const emails = { owner: newEmail('owner'), member: newEmail('member'), guest: newEmail('guest') };
  const passwordHash = await hash(password, { memoryCost: 64, timeCost: 1, parallelism: 1 });
  const [session, invite] = [uuidOf('ses', newId('ses')), uuidOf('inv', newId('inv'))];
  const registration = { id: newId('reg'), email: newEmail('nina') };
  await db.transaction(async (tx) => {
    await tx.execute(sql`set constraints all deferred`);
    await tx.execute(sql`
      insert into users values (${o}, ${emails.owner}, 'Olivia Owner', ${passwordHash}, now()),
        (${m}, ${emails.member}, 'Adam Accountant', ${passwordHash}, now())`);
    await tx.execute(sql`
      with places as (
        insert into memberships values (${a}, ${o}, ${uuidOf('mem', newId('mem'))}, true, '{}', null, now(), null),
          (${a}, ${m}, ${uuidOf('mem', newId('mem'))}, false, '{invoices:pay,members:read}', ${o}, now(), null))
      insert into accounts values (${a}, 'Example Hosting', ${o}, 7, false, now())`);
    await tx.execute(sql`
      insert into invites (account_id, id, email, all_permissions, permissions, status, invited_by, created_at, lifetime_days, expires_at, sendings)
      values (${a}, ${invite}, ${emails.guest}, false, '{domains:read}', 'pending', ${o}, now(), 7, now() + interval '7 days', 1)`);
    await tx.execute(sql`
      insert into outbox (id, kind, account_id, invite_id, sending, status, attempts, due_at, created_at)
      values (gen_random_uuid(), 'invite', ${a}, ${invite}, 1, 'queued', 0, now(), now())`);
    await tx.execute(sql`
      insert into outbox (id, kind, registration_id, status, attempts, due_at, created_at)
      values (gen_random_uuid(), 'registration', gen_random_uuid(), 'queued', 0, now(), now())`);
    await tx.execute(sql`insert into sessions values (${session}, ${o}, now(), now() + interval '7 days', null)`);
    await tx.execute(sql`insert into refresh_tokens values ('a hash', ${session}, now(), null)`);
    await tx.execute(sql`insert into ownership_transfers values (${a}, ${m}, now())`);
    await tx.execute(sql`
      insert into registrations values (${uuidOf('reg', registration.id)}, ${registration.email}, 'Nina New', ${passwordHash}, now(), now() + interval '1 day')`);
  });
  return { account, session, emails, registration };
}

t.test('A database of the oldest release is upgraded with all its data', async (t) => {
  const database = await freshDatabase(t);
  const old = await openDatabase(database);
  await migrateToOldest(old.db);
  const { account, session, emails, registration } = await fill(old.db);
  await old.close();

  const { call, clock, db, logIn, service, tokenFor } = await startService(t, { database });
  const url = `/v1/accounts/${account}`;
  const token = await logIn({ email: emails.owner });
  t.match(await call('GET', url, { token }), {
    status: 200,
    body: { name: 'Example Hosting', settings: { inviteLifetimeDays: 7 }, ownershipTransfer: {} },
  });
  const members = await call('GET', `${url}/members`, { token });
  t.same(
    members.body.items.map((it: { user: { name: string }; isOwner: boolean }) => [it.user.name, it.isOwner]).sort(),
    [
      ['Adam Accountant', false],
      ['Olivia Owner', true],
    ],
  );
  const member = await logIn({ email: emails.member });
  const { body } = await call('GET', '/v1/me/accounts', { token: member });
  t.match(body.items[0].access, { permissions: ['invoices:pay', 'members:read'], roles: [], endsAt: null });
  t.ok(body.items[0].effectivePermissions.includes('invoices:read'), 'includes permissions implied today');

  const invites = await call('GET', `${url}/invites?status=pending`, { token });
  t.match(invites.body.items, [{ email: emails.guest, status: 'pending', access: { permissions: ['domains:read'] } }]);
  const accepted = await call('POST', '/v1/invites/accept', {
    body: { token: await tokenFor(emails.guest, 'invite'), register: { name: 'Gail Guest', password } },
  });
  t.match(accepted, { status: 201, body: { membership: { access: { permissions: ['domains:read'] } } } });

  t.equal(
    (await call('DELETE', `/v1/me/sessions/${idOf('ses', session)}`, { token })).status,
    204,
    'its sessions are still active',
  );
  t.equal(
    (await call('POST', `${url}/ownership-transfer/accept`, { token: member })).status,
    200,
    'its ownership offers are still pending',
  );
  const { rows } = (await db.execute(sql`select count(*)::int as kept from registrations`)) as unknown as {
    rows: { kept: number }[];
  };
  t.equal(rows[0]?.kept, 1);
  const { rows: mails } = (await db.execute(
    sql`select count(*)::int as count from outbox where account_id = ${uuidOf('acc', platformAccountId)}`,
  )) as unknown as { rows: { count: number }[] };
  t.equal(mails[0]?.count, 1, 'a mail without an account has the platform’s account id');
  const { id, email } = registration;
  const expiresAt = new Date(clock().getTime() + day);
  const nina = { token: await signVerificationToken(service, { id, expiresAt }, clock()), name: 'Nina New', password };
  const verified = await call('POST', '/v1/auth/verify-email', { body: nina });
  t.match(
    verified,
    { status: 201, body: { user: { email, name: 'Nina New' } } },
    'a link mailed before the upgrade still works',
  );
});
