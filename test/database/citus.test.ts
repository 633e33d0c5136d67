import { sql } from 'drizzle-orm';
import { decodeJwt } from 'jose';
import t from 'tap';
import { setTraits } from '../../src/database/statements.ts';
import { transaction } from '../../src/database/transaction.ts';
import { idOf } from '../../src/ids/ids.ts';
import { recordQueuedAgain } from '../../src/invites/deliveries/store.ts';
import { reportsAt } from '../../src/invites/refusals/reports.ts';
import { listOutbox, requireMail, retryFailed } from '../../src/mail/outbox/operator-actions.ts';
import { disableUser, enableUser, requireUserByName } from '../../src/platform/operate-users.ts';
import { citusStatements } from '../support/citus.ts';
import { type Distribution, refusedShapes } from '../support/citus-shapes.ts';
import { readDocument } from '../support/openapi.ts';
import { eventOf, newWebhookKey, postToWebhook, seconds } from '../support/sendgrid-events.ts';
import { newEmail, password, startService } from '../support/service.ts';

// Checks statements for what Citus 13.2 refuses (docs/operators.md). Needs no Citus: the statements
// are parsed.

/** Operations that test helpers call, or that read no account. */
const excludedOperations = [
  ...['register', 'verifyEmail', 'createAccount', 'acceptInvite', 'takeSendgridEvents', 'optOutByOneClick'],
  ...[
    'linkIdentity',
    'unlinkIdentity',
    'getAuthzenConfiguration',
    'getJwks',
    'getLiveness',
    'getReadiness',
    'explainProblem',
  ],
];

/** Statements about several accounts, with the reason. */
const acrossAccounts: [reason: string, statement: RegExp][] = [
  [
    'the worker claims mails of any account',
    /^with "due" as \(select "account_id", "id" from "outbox" .*update "outbox" set/,
  ],
  [
    'keys created with a platform key may be of any account',
    /^update accounts set epoch .*select account_id from account_keys/,
  ],
  ['those keys end with the platform key', /^update "account_keys" set "(revoked|expires)_at" = /],
  ['so do the invites created with them', /^with "theirs" as \(select "account_id", "id" from "invites"/],
  ['a mail service names a mail by its id', /^select "account_id", "id" from "outbox" where/],
  ['an operator lists the outbox', /^select (count\(\*\) filter|"account_id", "id", "kind").* from "outbox"/],
  ['an operator retries mails', /^update "outbox" set "status" = \$1, "attempts"/],
  ['retried mails may be of any account', /^update "invites" set delivery_event = 'queued'/],
  ['the accounts of a user', /from "memberships" inner join "accounts" .* where \("memberships"\."user_id" = \$/],
  ['the invites for an address', /^select .* from "invites" .*where \("invites"\."email" = \$/],
  ['the opt-outs of an address', /^select .* from "opt_outs" .* where "opt_outs"\."email" = \$/],
  ['an operator lists reports', /^select .* from (\(select "invited_by" from )?"abuse_reports"/],
  ['an operator disables a user in all accounts', /^update accounts set epoch = epoch \+ 1 where id in/],
  ['a change of the catalogue', /^with wanted as /],
  [
    'a permission is removed from all members',
    /^(update|delete from) "\w+" (set \w+ = array\(|where "grants"\."permission")/,
  ],
  [
    'a preset may be assigned in any account',
    /^select exists \(select 1 from "memberships" where "memberships"\."roles"/,
  ],
  [
    'the platform searches all accounts',
    /^with q as materialized .* select a\.id from memberships m join accounts a on/,
  ],
];

const isAcross = (statement: string) => acrossAccounts.some(([, it]) => it.test(statement));
const onOneLine = (statement: string) => statement.replaceAll(/\s+/g, ' ').trim();

/** The tables as docs/citus.sql distributes them. */
async function readDistribution(): Promise<Omit<Distribution, 'cycles'>> {
  const text = (await citusStatements()).join('\n');
  const distributed = [...text.matchAll(/create_distributed_table\('(\w+)', '(\w+)'/g)].map((it) => [it[1], it[2]]);
  const reference = [...text.matchAll(/create_reference_table\('(\w+)'/g)].map((it) => it[1]);
  return {
    distributed: new Map(distributed as [string, string][]),
    reference: new Set(reference as string[]),
    local: new Set(['mailbox', 'migrations', 'rate_limits', 'write_checks']),
  };
}

t.test('The checker finds statements that Citus would refuse', (t) => {
  const distribution: Distribution = {
    distributed: new Map([
      ['accounts', 'id'],
      ['memberships', 'account_id'],
      ['invites', 'account_id'],
    ]),
    reference: new Set(['users', 'presets']),
    local: new Set(['counts']),
    cycles: [new Set(['accounts', 'memberships'])],
  };
  const refused: [statement: string, shape: string][] = [
    ['select * from invites where id = $1', 'invites is used without its account'],
    ["select * from invites where message = 'account_id = $1' -- account_id = $1", 'without its account'],
    ['update invites set status = $1 where email = $2', 'without its account'],
    ['insert into invites (id, email) values ($1, $2)', 'without its account'],
    ['select (select m.id from memberships m where m.user_id = $1) from users', 'without its account'],
    [
      `select (select i.id from invites i where i.account_id = memberships.account_id) from users
        left join memberships on memberships.account_id = $1 and memberships.user_id = users.id`,
      'takes the account from memberships, beside a reference table',
    ],
    [
      `with moved as (update accounts set epoch = 1 where id = $1 returning id)
        select invites.id from moved, invites where invites.account_id = moved.id for no key update of invites`,
      'its account is no parameter',
    ],
    [
      `with asked as (select 1), held as (select i.id from invites i join asked on true where i.account_id = $1 for update) select * from held`,
      'more than tables',
    ],
    ['update accounts set epoch = 1 where id in (select id from accounts order by id for update)', 'are locked'],
    [
      `with owner as (insert into memberships (account_id, id) values ($1, $2) returning id)
        insert into accounts (id, name) values ($1, $3)`,
      'refer to each other and are written in one statement',
    ],
    ['update users set name = $1 from counts where counts.key = users.email', 'a local table'],
    [
      'select users.xmin::text, i.xmin from invites i join users on true where i.account_id = $1',
      'row version of users',
    ],
    [
      'with present as (select id, xmin::text as version from users for share) select * from present',
      'row version of users',
    ],
    [
      'select i.id, (select count(*) from (select id from presets union all select i.id) it) from invites i where i.email = $1',
      'a union has a reference table',
    ],
  ];
  for (const [statement, shape] of refused) {
    const found = refusedShapes(statement, distribution);
    t.ok(
      found.some((it) => it.includes(shape)),
      `${onOneLine(statement)}: ${shape}, not ${found.join('; ') || 'nothing'}`,
    );
  }
  const planned = [
    'select * from "invites" where ("invites"."account_id" = $1 and "invites"."id" = $2) for no key update',
    'select * from invites i join memberships m on m.account_id = i.account_id join users u on u.id = m.user_id where $1::uuid = i.account_id',
    'select (select i.id from invites i where i.account_id = $2) from users left join memberships m on m.account_id = $2',
    'insert into "invites" ("account_id", "id") values ($1, $2) on conflict do nothing returning "id"',
    `with made as (insert into memberships (account_id, id) select account_id, id from jsonb_populate_recordset(null::memberships, $1) returning id)
      select id from made`,
    'update counts set count = $1',
    'select * from users where exists (select from memberships where memberships.account_id = $1 and memberships.user_id = users.id)',
  ];
  for (const it of planned) t.same(refusedShapes(it, distribution), [], onOneLine(it));
  t.end();
});

t.test('Every query for something an account owns names the account', async (t) => {
  const statements = new Set<string>();
  const audience = 'https://api.example.com';
  const key = newWebhookKey();
  const sv = await startService(t, {
    env: {
      SENDGRID_WEBHOOK_KEYS: key.verificationKey,
      RATE_LIMITS: 'request.network=100000/60',
      TOKEN_AUDIENCES: audience,
    },
    statements: { logQuery: (it) => void statements.add(it) },
  });
  // Send the statements that a Citus cluster would get.
  setTraits(sv.db, { isUnnamed: false, isDistributed: true });
  // Migrations are run before the tables are distributed.
  statements.clear();
  const { app, call, invite, newAccount, newMember, newUser, newPlatformKey, service, tokenFor, worker } = sv;
  const distribution = await readDistribution();
  const { rows: tables } = (await sv.db.execute(
    sql`select relname as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1`,
  )) as unknown as { rows: { name: string }[] };

  t.test('Each table is distributed, a reference table or local in docs/citus.sql', async (t) => {
    const { distributed, reference, local } = distribution;
    t.same([...distributed.keys(), ...reference, ...local].sort(), tables.map((it) => it.name).sort());
  });

  t.test('Tables of an account have its id first in every key and foreign key', async (t) => {
    const { rows: keys } = (await sv.db.execute(sql`
      select c.relname as table, i.relname as name, a.attname as first from pg_index x
      join pg_class c on c.oid = x.indrelid join pg_class i on i.oid = x.indexrelid
      join pg_attribute a on a.attrelid = c.oid and a.attnum = x.indkey[0]
      where x.indisunique and c.relnamespace = 'public'::regnamespace`)) as unknown as {
      rows: { table: string; name: string; first: string }[];
    };
    for (const it of keys) {
      const account = distribution.distributed.get(it.table);
      if (account) t.equal(it.first, account, it.name);
    }
    const { rows: references } = await foreignKeys();
    for (const it of references) {
      const [from, to] = [distribution.distributed.get(it.table), distribution.distributed.get(it.other)];
      if (from && to) t.same([it.first, it.otherFirst], [from, to], it.name);
      else t.ok(distribution.reference.has(it.other), `${it.name} refers to a table that every node has`);
    }
  });

  t.test('Citus can plan every statement', async (t) => {
    const calls = new Set<string>();
    const { operations } = readDocument(app);
    const operationOf = (method: string, path: string) =>
      operations.find(
        (it) => it.method === method && new RegExp(`^${it.path.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path),
      );
    const go = async (
      method: 'GET' | 'POST' | 'PATCH' | 'DELETE' | 'PUT',
      url: string,
      token?: string,
      body?: unknown,
    ) => {
      const answer = await call(method, url, { ...(token && { token }), ...(body !== undefined && { body }) });
      calls.add(operationOf(method, url.split('?')[0] as string)?.id ?? url);
      if (answer.status >= 400) t.fail(`${method} ${url} answered ${answer.status} ${answer.code}`);
      return answer.body;
    };

    const account = await newAccount();
    const { url, owner } = account;
    const platform = await newPlatformKey();
    const member = await newMember(account, { permissions: ['invoices:pay'] });
    const other = await newMember(account, { allPermissions: true });

    // An account, its members, roles, grants, resources and keys.
    await go('GET', '/v1/me/accounts?limit=1', owner.token);
    await go('GET', url, owner.token);
    await go('PATCH', url, owner.token, { name: 'Another', settings: { remindDaysBefore: 2 } });
    const role = await go('POST', `${url}/roles`, owner.token, { name: 'Reader', permissions: ['invoices:read'] });
    await go('GET', `${url}/roles`, owner.token);
    await go('GET', `${url}/roles/${role.id}`, owner.token);
    await go('PATCH', `${url}/members/${member.id}`, owner.token, { access: { roles: [role.id] } });
    await go('PATCH', `${url}/roles/${role.id}`, other.token, { permissions: ['domains:read'] });
    for (const query of ['', '?q=adam', '?limit=1']) await go('GET', `${url}/members${query}`, owner.token);
    await go('GET', `${url}/members/${member.id}`, owner.token);
    const grants = await go('POST', `${url}/members/${member.id}/grants`, owner.token, {
      grants: [{ permission: 'domains:read' }],
    });
    await go('GET', `${url}/members/${member.id}/grants`, owner.token);
    await go('GET', `${url}/members/${member.id}/permissions`, owner.token);
    await go('PUT', `${url}/resources/record/record-1`, owner.token);
    await go('GET', `${url}/resources/record`, owner.token);
    const made = await go('POST', `${url}/keys`, owner.token, { name: 'Machine', scopes: ['*'] });
    await go('GET', `${url}/keys`, owner.token);
    await go('GET', url, made.secret);
    const elsewhere = await newAccount();
    t.equal((await call('GET', elsewhere.url, { token: made.secret })).status, 404);

    // Decisions.
    const subject = { type: 'user', id: member.id };
    const resource = { type: 'account', id: account.id };
    const inAccount = { properties: { accountId: account.id } };
    const record = { type: 'record', id: 'record-1', ...inAccount };
    const action = { name: 'domains:read' };
    for (const token of [owner.token, platform, made.secret]) {
      await go('GET', `${url}/check?userId=${member.id}&permission=domains:read`, token);
      await go('POST', '/access/v1/evaluation', token, { subject, action, resource });
      await go('POST', '/access/v1/evaluations', token, {
        subject,
        action,
        evaluations: [{ resource }, { resource: record }],
      });
      await go('POST', '/access/v1/search/subject', token, { subject: { type: 'user' }, action, resource });
      await go('POST', '/access/v1/search/resource', token, {
        subject,
        action,
        resource: { ...resource, ...inAccount, id: undefined },
      });
      await go('POST', '/access/v1/search/resource', token, {
        subject,
        action,
        resource: { ...record, id: undefined },
      });
      await go('POST', '/access/v1/search/action', token, { subject, resource });
    }
    await go('POST', '/access/v1/search/resource', platform, { subject, action, resource: { type: 'account' } });
    await go('GET', `${url}/epoch`, owner.token);
    await go('POST', `${url}/token`, owner.token, { audience });

    // Invites and their mails, and the outcome of both.
    const invited = async (more: object = { permissions: ['invoices:read'] }) => {
      const email = newEmail('guest');
      const { body } = await invite(account, owner, email, more as { permissions: string[] });
      calls.add('createInvite');
      return { email, id: body.id as string };
    };
    const [first, second, third] = [await invited(), await invited(), await invited()];
    await invite(account, owner, first.email);
    for (const query of ['', '?status=pending', '?status=expired&delivery=failed', `?email=${first.email}`])
      await go('GET', `${url}/invites${query}`, owner.token);
    await go('GET', `${url}/invites/${first.id}`, owner.token);
    await go('PATCH', `${url}/invites/${first.id}`, owner.token, { access: { roles: [role.id] } });
    await go('POST', `${url}/invites/${first.id}/resend`, owner.token);
    await worker.drain();
    const events = await go('GET', `${url}/invites/${second.id}/delivery-events?limit=1`, owner.token);
    await go('GET', `${url}/invites/${second.id}/delivery-events?cursor=${events.items[0]?.id}`, owner.token);
    await listOutbox(sv.db, { status: undefined, limit: 5 }, service.clock());
    const { rows: sent } = (await sv.db.execute(
      sql`select id from outbox where invite_id is not null limit 1`,
    )) as unknown as {
      rows: { id: string }[];
    };
    const mail = idOf('dlv', String(sent[0]?.id));
    await requireMail(sv.db, mail);
    const bytes = JSON.stringify([eventOf(mail, 'bounce', service.clock(), { type: 'bounce' })]);
    await postToWebhook(sv, bytes, key.sign(bytes, seconds(service.clock())));
    await retryFailed({ db: sv.db, now: service.clock() }, new Date(0), (tx, rows, now) =>
      recordQueuedAgain(tx, rows, now),
    );
    await transaction(sv.db, (tx) => recordQueuedAgain(tx, [], service.clock()));
    await go('POST', `${url}/invites/${first.id}/confirm-address`, owner.token);
    const guest = await newUser(second.email);
    await go('GET', '/v1/me/invites', guest.token);
    await go('POST', `/v1/me/invites/${second.id}/accept`, guest.token);
    const token = await tokenFor(third.email, 'invite');
    await go('POST', '/v1/invites/preview', undefined, { token });
    await go('POST', '/v1/invites/report', undefined, { token: await tokenFor(third.email, 'report') });
    await reportsAt(sv.db, service.clock(), 10);
    const fourth = await invited();
    await go('POST', '/v1/invites/opt-out', undefined, { token: await tokenFor(fourth.email, 'opt-out') });
    const refusing = await newUser(fourth.email);
    await go('GET', '/v1/me/opt-outs', refusing.token);
    await go('DELETE', `/v1/me/opt-outs/${account.id}`, refusing.token);
    const fifth = await invited();
    await go('POST', '/v1/invites/decline', undefined, { token: await tokenFor(fifth.email, 'invite') });
    const sixth = await invited();
    const declining = await newUser(sixth.email);
    await go('POST', `/v1/me/invites/${sixth.id}/decline`, declining.token);
    const seventh = await invited();
    await go('POST', `${url}/invites/${seventh.id}/revoke`, owner.token);

    // People, and the platform.
    await go('GET', '/v1/me', owner.token);
    await go('GET', '/v1/me/sessions', owner.token);
    await go('POST', '/v1/auth/password-reset', undefined, { email: refusing.email });
    const changed = newEmail();
    await go('POST', '/v1/me/email-change', guest.token, { email: changed, currentPassword: password });
    await go('POST', '/v1/auth/email-change/confirm', undefined, { token: await tokenFor(changed, 'email-change') });
    await go('POST', '/v1/auth/password-reset/confirm', undefined, {
      token: await tokenFor(refusing.email, 'password-reset'),
      password: `${password} again`,
    });
    const passwords = { currentPassword: password, newPassword: `${password} for ever` };
    await go('PUT', '/v1/me/password', declining.token, passwords);
    await go('POST', '/v1/auth/login', undefined, { email: owner.email, password });
    await go('POST', '/v1/auth/refresh', undefined, { refreshToken: guest.refreshToken });
    await go('GET', '/v1/me/identities', owner.token);
    await worker.drain();
    await go('POST', '/v1/platform/accounts', platform, { name: 'Theirs', owner: { email: newEmail() } });
    await go('GET', `/v1/platform/users?email=${encodeURIComponent(guest.email)}`, platform);
    await go('GET', `/v1/platform/users/${guest.id}`, platform);
    await go('PATCH', `/v1/platform/users/${guest.id}`, platform, { externalId: 'customer-1' });
    const preset = await go('POST', '/v1/role-presets', platform, { name: 'Preset', permissions: ['invoices:read'] });
    await go('GET', '/v1/role-presets', platform);
    await go('PATCH', `/v1/role-presets/${preset.id}`, platform, { permissions: ['domains:read'] });
    await go('DELETE', `/v1/role-presets/${preset.id}`, platform);
    const platforms = await go('POST', '/v1/platform-keys', platform, { name: 'Another', scopes: ['access:check'] });
    await go('GET', '/v1/platform-keys', platform);
    await go('POST', `/v1/platform-keys/${platforms.id}/rotate`, platform, { overlapSeconds: 0 });
    await go('POST', `/v1/platform-keys/${platforms.id}/revoke`, platform, { revokeInvites: true });
    const catalogue = await go('GET', '/v1/permissions', platform);
    const kept = catalogue.items.filter((it: { key: string }) => it.key !== 'invoices:pay');
    const declared = kept.map(({ key, title, description, group }: Record<string, string>) => ({
      key,
      title,
      description,
      group,
    }));
    await go('PUT', '/v1/permissions?removeInUse=true', platform, { permissions: declared });

    // The end of all of it.
    await go('POST', `${url}/ownership-transfer`, owner.token, { userId: member.id });
    await go('DELETE', `${url}/ownership-transfer`, owner.token);
    await go('POST', `${url}/ownership-transfer`, owner.token, { userId: other.id });
    await go('GET', url, owner.token);
    await worker.drain();
    await go('POST', `${url}/ownership-transfer/accept`, other.token);
    await go('DELETE', `${url}/members/${member.id}/grants/${grants.items?.[0]?.id}`, owner.token);
    await go('DELETE', `${url}/resources/record/record-1`, owner.token);
    await go('POST', `${url}/keys/${made.id}/rotate`, owner.token, { overlapSeconds: 60 });
    await go('POST', `${url}/keys/${made.id}/revoke`, owner.token);
    await go('POST', `${url}/members/${guest.id}/suspend`, owner.token);
    await go('POST', `${url}/members/${guest.id}/reactivate`, owner.token);
    await go('DELETE', `${url}/members/${member.id}`, owner.token);
    await worker.drain();
    await go('POST', `${url}/invites/${first.id}/revoke`, owner.token);
    await go('DELETE', `${url}/roles/${role.id}`, owner.token);
    const operating = { db: sv.db, now: service.clock(), logSecurityEvent: () => {} };
    const user = await requireUserByName(sv.db, changed);
    await disableUser(operating, user);
    await enableUser(operating, user);
    const again = await sv.logIn(other);
    await go('DELETE', `/v1/me/sessions/${decodeJwt(again).sid}`, other.token);
    await go('DELETE', '/v1/me/sessions', other.token);
    await go('POST', '/v1/auth/logout', undefined, { refreshToken: other.refreshToken });

    const { rows: references } = await foreignKeys();
    const cycles = references
      .filter((it) => !it.isDeferred && references.some((back) => back.table === it.other && back.other === it.table))
      .map((it) => new Set([it.table, it.other]));
    t.same(cycles, [], 'keys of tables that refer to each other are deferred');
    const own = [...statements].filter((it) => !/pg_class|^select id from outbox/.test(it)).map(onOneLine);
    t.ok(own.length > 140, `${own.length} statements`);
    t.same(
      operations.map((it) => it.id).filter((it) => !calls.has(it) && !excludedOperations.includes(it)),
      [],
      'every operation was called',
    );
    for (const statement of own) {
      const found = refusedShapes(statement, { ...distribution, cycles });
      const left = isAcross(statement) ? found.filter((it) => !it.endsWith('without its account')) : found;
      t.same([...new Set(left)], [], statement);
    }
    for (const [reason, it] of acrossAccounts)
      t.ok(
        own.some((statement) => it.test(statement)),
        reason,
      );
  });

  function foreignKeys() {
    return sv.db.execute(sql`
      select k.conname as name, c.relname as table, o.relname as other, a.attname as first, b.attname as "otherFirst",
        k.condeferred as "isDeferred"
      from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_class o on o.oid = k.confrelid
      join pg_attribute a on a.attrelid = c.oid and a.attnum = k.conkey[1]
      join pg_attribute b on b.attrelid = o.oid and b.attnum = k.confkey[1]
      where k.contype = 'f' and c.relnamespace = 'public'::regnamespace`) as unknown as Promise<{
      rows: { name: string; table: string; other: string; first: string; otherFirst: string; isDeferred: boolean }[];
    }>;
  }
});
