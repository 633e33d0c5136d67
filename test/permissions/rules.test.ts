import { randomUUID } from 'node:crypto';
import t from 'tap';
import { fromUUID, toUUID } from 'typeid-js';
import { idOf, newId, uuidOf } from '../../src/ids/ids.ts';
import { requireAddressee, requireNewestLink, requirePending, requireUndecided } from '../../src/invites/rules.ts';
import { statusAt } from '../../src/invites/status.ts';
import { maxAttempts, retryDelay } from '../../src/mail/outbox/backoff.ts';
import { requireNotOwner } from '../../src/memberships/rules.ts';
import { requireOwner } from '../../src/ownership/rules.ts';
import { accountWideAccess, type EffectiveAccess, hasPermission, toAccess } from '../../src/permissions/access.ts';
import { missingPermissions } from '../../src/permissions/comparison.ts';
import {
  requireGrantable,
  requireInviterCanGrant,
  requireNotAbove,
  requirePermission,
} from '../../src/permissions/rules.ts';
import { usherPermissions } from '../../src/permissions/usher-permissions.ts';
import { Problem } from '../../src/problems/problem.ts';
import { canonicalEmail, isEmailAddress, requireCanonicalEmail } from '../../src/text/email-address.ts';

const now = new Date('2026-11-25T09:30:00Z');
const all: EffectiveAccess = { allPermissions: true, endsAt: null, grantedPermissions: [] };
const only = (...permissions: string[]): EffectiveAccess => accountWideAccess(permissions, null);
const noRoles = { roles: [], endsAt: null };

/** The problem that a rule throws; undefined if it throws nothing. */
function problemOf(rule: () => unknown): Problem | undefined {
  try {
    rule();
    return undefined;
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
}

const codeOf = (rule: () => unknown) => problemOf(rule)?.code;

t.test('toAccess sorts the permissions, or sets the flag without any', async (t) => {
  t.same(toAccess({ allPermissions: true }), { allPermissions: true, permissions: [], ...noRoles });
  t.same(toAccess({ permissions: ['tickets:read', 'invoices:pay'] }), {
    ...{ allPermissions: false, permissions: ['invoices:pay', 'tickets:read'] },
    ...noRoles,
  });
  const request = { permissions: ['b:b', 'a:a'] };
  toAccess(request);
  t.same(request.permissions, ['b:b', 'a:a'], 'the request is not modified');
});

t.test('all permissions include those added to the catalogue later', async (t) => {
  t.ok(hasPermission(all, 'added-later:read'));
  t.notOk(hasPermission(only('invoices:read'), 'added-later:read'));
});

t.test('hasPermission compares whole keys', async (t) => {
  t.ok(hasPermission(only('invoices:read'), 'invoices:read'));
  for (const near of ['invoices', 'invoices:', 'invoices:pay', 'INVOICES:READ', 'invoices:read ', '*', '']) {
    t.notOk(hasPermission(only('invoices:read'), near), JSON.stringify(near));
  }
});

t.test('missingPermissions lists what is missing', async (t) => {
  const cases: [EffectiveAccess, EffectiveAccess, string[]][] = [
    [all, all, []],
    [all, only('a:a'), []],
    [only('a:a'), all, ['*']],
    [only(), all, ['*']],
    [only('a:a', 'b:b'), only('a:a'), []],
    [only('a:a', 'b:b'), only('b:b', 'a:a'), []],
    [only('a:a'), only('a:a', 'b:b', 'c:c'), ['b:b', 'c:c']],
    [only('a:a'), only(), []],
    // A list of every permission is not all permissions: the catalogue can grow.
    [only(...usherPermissions), all, ['*']],
  ];
  for (const [own, other, missing] of cases) t.same(missingPermissions(own, other), missing);
});

t.test('requirePermission names the missing permission', async (t) => {
  t.equal(
    codeOf(() => requirePermission(all, 'invites:manage')),
    undefined,
  );
  t.equal(
    codeOf(() => requirePermission(only('invites:manage'), 'invites:manage')),
    undefined,
  );
  const problem = problemOf(() => requirePermission(only('invites:read'), 'invites:manage'));
  t.match(problem, { code: 'permission-missing', extensions: { permission: 'invites:manage' } });
});

t.test('nobody can grant permissions they do not have', async (t) => {
  t.equal(
    codeOf(() => requireGrantable(all, all)),
    undefined,
  );
  t.equal(
    codeOf(() => requireGrantable(only('a:a', 'b:b'), only('a:a'))),
    undefined,
  );
  t.match(
    problemOf(() => requireGrantable(only('a:a'), only('a:a', 'b:b'))),
    { code: 'cannot-grant', extensions: { missing: ['b:b'] } },
  );
  t.match(
    problemOf(() => requireGrantable(only('a:a'), all)),
    { code: 'cannot-grant', extensions: { missing: ['*'] } },
  );
});

t.test('nobody can change a member who has more permissions', async (t) => {
  t.equal(
    codeOf(() => requireNotAbove({ ...all, now }, all)),
    undefined,
  );
  t.equal(
    codeOf(() => requireNotAbove({ ...only('a:a'), now }, only('a:a'))),
    undefined,
    'the same permissions',
  );
  t.equal(
    codeOf(() => requireNotAbove({ ...only('a:a'), now }, only('b:b'))),
    'cannot-grant',
  );
  t.equal(
    codeOf(() => requireNotAbove({ ...only('a:a'), now }, all)),
    'cannot-grant',
  );
});

t.test('on accept, an inviter must still have what the invite gives', async (t) => {
  t.equal(
    codeOf(() => requireInviterCanGrant(all, all)),
    undefined,
  );
  t.equal(
    codeOf(() => requireInviterCanGrant(only('a:a'), only('a:a'))),
    undefined,
  );
  t.equal(
    codeOf(() => requireInviterCanGrant(undefined, only('a:a'))),
    'inviter-cannot-grant',
    'an inviter who left',
  );
  t.equal(
    codeOf(() => requireInviterCanGrant(only('a:a'), only('b:b'))),
    'inviter-cannot-grant',
  );
  t.equal(
    codeOf(() => requireInviterCanGrant(only('a:a'), all)),
    'inviter-cannot-grant',
  );
});

t.test('nobody can remove, suspend or demote the owner', async (t) => {
  t.equal(
    codeOf(() => requireNotOwner({ ownerId: 'usr_a' }, 'usr_a')),
    'owner-protected',
  );
  t.equal(
    codeOf(() => requireNotOwner({ ownerId: 'usr_a' }, 'usr_b')),
    undefined,
  );
});

t.test('only the owner can transfer ownership', async (t) => {
  t.equal(
    codeOf(() => requireOwner({ isOwner: true })),
    undefined,
  );
  t.equal(
    codeOf(() => requireOwner({ isOwner: false })),
    'cannot-grant',
  );
});

t.test('an invite', async (t) => {
  const now = new Date('2026-11-22T09:30:00.000Z');
  const before = new Date(now.getTime() - 1);
  const after = new Date(now.getTime() + 1);
  const decided = ['accepted', 'declined', 'revoked'] as const;

  t.test('is expired from its expiry time on, and not before', async (t) => {
    t.equal(statusAt({ status: 'pending', expiresAt: after }, now), 'pending');
    t.equal(statusAt({ status: 'pending', expiresAt: now }, now), 'expired');
    t.equal(statusAt({ status: 'pending', expiresAt: before }, now), 'expired');
    t.equal(statusAt({ status: 'expired', expiresAt: after }, now), 'expired', 'a stored status is kept');
  });

  t.test('never expires once it was accepted, declined or revoked', async (t) => {
    for (const status of decided) t.equal(statusAt({ status, expiresAt: before }, now), status);
  });

  t.test('can be accepted while it is pending; otherwise the problem says why not', async (t) => {
    t.equal(
      codeOf(() => requirePending({ status: 'pending', expiresAt: after }, now)),
      undefined,
    );
    t.equal(
      codeOf(() => requirePending({ status: 'pending', expiresAt: now }, now)),
      'invite-expired',
    );
    for (const status of [...decided, 'expired'] as const) {
      t.equal(
        codeOf(() => requirePending({ status, expiresAt: after }, now)),
        `invite-${status}`,
      );
    }
  });

  t.test('can be resent after it has expired, but not once it was accepted, declined or revoked', async (t) => {
    for (const status of ['pending', 'expired'] as const)
      t.equal(
        codeOf(() => requireUndecided({ status })),
        undefined,
      );
    for (const status of decided)
      t.equal(
        codeOf(() => requireUndecided({ status })),
        `invite-${status}`,
      );
  });

  t.test('has one valid link: that of its latest sending', async (t) => {
    t.equal(
      codeOf(() => requireNewestLink({ sendings: 2 }, { sending: 2 })),
      undefined,
    );
    for (const sending of [1, 3, 0, -2]) {
      t.equal(
        codeOf(() => requireNewestLink({ sendings: 2 }, { sending })),
        'invite-link-replaced',
      );
    }
  });

  t.test('is only for its address, unless the account accepts any address', async (t) => {
    const invite = { email: 'adam@example.com' };
    const [strict, open] = [{ acceptFromAnyAddress: false }, { acceptFromAnyAddress: true }];
    const eve = { email: 'eve@example.com' };
    t.equal(
      codeOf(() => requireAddressee(invite, strict, invite)),
      undefined,
    );
    t.equal(
      codeOf(() => requireAddressee(invite, strict, eve)),
      'invite-for-another-address',
    );
    t.equal(
      codeOf(() => requireAddressee(invite, open, eve)),
      undefined,
    );
  });
});

t.test('a failed mail is retried', async (t) => {
  t.test('after a wait that doubles from 5 seconds to an hour, with a random factor of 0.5 to 1', async (t) => {
    const attempts = Array.from({ length: maxAttempts }, (_, i) => i + 1);
    for (const attempt of attempts) {
      const whole = Math.min(3600, 5 * 2 ** (attempt - 1));
      t.equal(retryDelay(attempt, 0), whole / 2);
      t.equal(retryDelay(attempt, 1), whole);
      t.equal(retryDelay(attempt, 0.5), whole * 0.75);
    }
    t.equal(retryDelay(1_000, 1), 3600, 'an hour at most');
  });

  t.test('no earlier than the mail server asks for', async (t) => {
    t.equal(retryDelay(1, 0.5, 120), 120);
    t.equal(retryDelay(16, 1, 1), 3600);
  });

  t.test('for more than six hours in all', async (t) => {
    const hoursWith = (random: number) =>
      Array.from({ length: maxAttempts - 1 }, (_, i) => retryDelay(i + 1, random)).reduce((sum, it) => sum + it, 0) /
      3600;
    const [shortest, longest] = [hoursWith(0), hoursWith(1)];
    t.ok(shortest > 6 && longest < 13, `from ${shortest} to ${longest} hours`);
  });
});

t.test('an e-mail address has one canonical form', async (t) => {
  const cases: [string, string][] = [
    ['adam@example.com', 'adam@example.com'],
    ['Adam@Example.COM', 'adam@example.com'],
    ['ADAM@EXAMPLE.COM', 'adam@example.com'],
    ['Ａｄａｍ＠ｅｘａｍｐｌｅ．ｃｏｍ', 'adam@example.com'],
    ['adam@example。com', 'adam@example.com'],
    ['ﬁona@example.com', 'fiona@example.com'],
    ['\u212aim@example.com', 'kim@example.com'],
    ['adam@bücher.example.com', 'adam@xn--bcher-kva.example.com'],
    ['adam@BÜCHER.example.com', 'adam@xn--bcher-kva.example.com'],
    ['adam@bu\u0308cher.example.com', 'adam@xn--bcher-kva.example.com'],
    ['adam@xn--bcher-kva.example.com', 'adam@xn--bcher-kva.example.com'],
    ['adam+invoices@example.com', 'adam+invoices@example.com'],
    ['a.d.a.m@example.com', 'a.d.a.m@example.com'],
    ["o'hara@example.com", "o'hara@example.com"],
    [`${'a'.repeat(64)}@example.com`, `${'a'.repeat(64)}@example.com`],
  ];
  for (const [text, canonical] of cases) {
    t.equal(canonicalEmail(text), canonical, text);
    t.equal(canonicalEmail(canonical), canonical, `${canonical} is already canonical`);
    t.equal(requireCanonicalEmail(text, '/email'), canonical);
  }
  t.not(canonicalEmail('adam+1@example.com'), canonicalEmail('adam@example.com'), 'a tag is another address');
});

t.test('invalid e-mail addresses are refused', async (t) => {
  const invalid = [
    '',
    '@',
    'adam',
    'adam@',
    '@example.com',
    'adam@localhost',
    'adam@example.com.',
    'adam@.example.com',
    'adam@example..com',
    'adam@-example.com',
    'adam@exa_mple.com',
    'adam@example.com/invoices',
    'adam@example.com\\invoices',
    'adam@example.com?subject=x',
    'adam@example.com#top',
    'adam@example.com:25',
    'adam@exa%6dple.com',
    'adam@example.com／x',
    'adam@127.0.0.1',
    'adam@0x7f.1',
    'adam@[127.0.0.1]',
    'adam@[IPv6:::1]',
    'adam@@example.com',
    'adam@eve@example.com',
    '.adam@example.com',
    'adam.@example.com',
    'ad..am@example.com',
    'ad am@example.com',
    'adam@exa\tmple.com',
    'adam@example.com\n',
    'adam\r\n@example.com',
    'adam@example.com\r\nBcc: eve@example.com',
    'adam\0@example.com',
    'adam@exa\0mple.com',
    'adäm@example.com',
    'ad\u200bam@example.com',
    '\ud800@example.com',
    '"adam"@example.com',
    'Adam <adam@example.com>',
    '<adam@example.com>',
    'adam@example.com,eve@example.com',
    'mailto:adam@example.com',
    `${'a'.repeat(65)}@example.com`,
    `adam@${'a'.repeat(64)}.example.com`,
    `adam@${'a.'.repeat(130)}example.com`,
  ];
  for (const text of invalid) {
    const label = encodeURIComponent(text.toWellFormed()).slice(0, 60);
    t.equal(canonicalEmail(text), undefined, label);
    t.notOk(isEmailAddress(text), label);
    const problem = problemOf(() => requireCanonicalEmail(text, '/email'));
    t.match(problem, { code: 'invalid-request', extensions: { errors: [{ pointer: '/email' }] } });
  }
});

t.test('an id is the TypeID of its UUID, as in the reference library', async (t) => {
  const edges = ['0', '1', '7', '8', 'f'].map(
    (it) => `${it.repeat(8)}-${it.repeat(4)}-${it.repeat(4)}-${it.repeat(4)}-${it.repeat(12)}`,
  );
  const uuids = [...edges, ...Array.from({ length: 2000 }, () => randomUUID())];
  t.same(
    uuids.filter((it) => idOf('usr', it) !== (fromUUID(it, 'usr') as string)),
    [],
    'from UUID to id',
  );
  t.same(
    uuids.filter((it) => uuidOf('usr', idOf('usr', it)) !== it),
    [],
    'from id to UUID',
  );
  const userId = newId('usr');
  t.equal(uuidOf('usr', userId), toUUID(userId as never));

  const text = userId.slice(4);
  const invalid = [
    '',
    'acc_',
    'usr',
    '8',
    text.slice(1),
    `${text}0`,
    `${text.slice(0, 25)}u`,
    text.toUpperCase(),
    `${text.slice(0, 25)}ü`,
    `8${text.slice(1)}`,
  ];
  for (const it of [...invalid.map((it) => `usr_${it}`), `acc_${text}`, text, `USR_${text}`]) {
    t.throws(() => uuidOf('usr', it as never), RangeError, `${it} is not a user id`);
  }
  const uuid = randomUUID();
  for (const it of [
    '',
    uuid.slice(1),
    `${uuid}0`,
    uuid.toUpperCase().replace(/[0-9]/g, 'A'),
    uuid.replace(/^./, 'g'),
    uuid.replace(/^./, 'é'),
  ]) {
    t.throws(() => idOf('usr', it), RangeError, `${it} is not a UUID`);
  }
});
