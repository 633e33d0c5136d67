import t from 'tap';
import { newId, platformUserId } from '../../src/ids/ids.ts';
import type { Acceptance, Facts } from '../../src/invites/accepting/accept-store.ts';
import { type DecideOptions, decide } from '../../src/invites/accepting/decide.ts';
import { accountWideAccess } from '../../src/permissions/access.ts';
import { Problem } from '../../src/problems/problem.ts';

const now = new Date('2026-11-30T09:30:00Z');
const later = new Date(now.getTime() + 86_400_000);
const [accountId, inviteId, ownerId, userId] = [newId('acc'), newId('inv'), newId('usr'), newId('usr')];

const invitee = {
  ...{ id: userId, email: 'adam@example.com', name: 'Adam', passwordHash: null, locale: null },
  ...{ externalId: null, createdAt: now, disabledAt: null },
};

/** The facts of a valid accept of an invite with one permission. */
const facts = {
  account: { id: accountId, ownerId, acceptFromAnyAddress: false, epoch: 1 },
  invite: {
    ...{ accountId, id: inviteId, email: 'adam@example.com', status: 'pending', sendings: 2, expiresAt: later },
    ...{ allPermissions: false, permissions: ['invoices:read'], roles: [], endsAt: null, ownership: false },
    invitedBy: ownerId,
  },
  version: '7',
  inviter: { id: ownerId, name: 'Olivia' },
  inviterAccess: { allPermissions: true, endsAt: null, grantedPermissions: [] },
  existingAccess: { permissions: ['invoices:read'], roles: [] },
  isMember: false,
  catalogueVersion: 1,
  invitee,
} as unknown as Facts;

const acceptance: Acceptance = { accountId, inviteId, userId, sessionId: null, identityId: null, isVerified: false };
const link = { accountId, inviteId, sending: 2, isExpired: false } as NonNullable<DecideOptions['link']>;
const options: DecideOptions = { link, newUser: undefined, now };

const withChanges = (changes: Record<string, object | boolean | undefined | null>): Facts => {
  const merged: Record<string, unknown> = { ...facts };
  for (const [name, change] of Object.entries(changes)) {
    const isPart = typeof change === 'object' && change !== null;
    merged[name] = isPart ? { ...(facts as unknown as Record<string, object>)[name], ...change } : change;
  }
  return merged as unknown as Facts;
};

function codeOf(...args: Parameters<typeof decide>): string | undefined {
  try {
    decide(...args);
    return undefined;
  } catch (error) {
    if (error instanceof Problem) return error.code;
    throw error;
  }
}

t.test('An accept that passes all rules creates the membership that the invite offers', async (t) => {
  const { member, user } = decide(facts, acceptance, options);
  t.match(member, {
    ...{ accountId, userId, allPermissions: false, permissions: ['invoices:read'], roles: [], endsAt: null },
    ...{ invitedBy: ownerId, createdAt: now },
  });
  t.equal(user, invitee);
  t.equal(codeOf(facts, acceptance, { ...options, link: undefined }), undefined, 'also without a link');
});

t.test('Each rule refuses an accept on its own', async (t) => {
  const refused: [string, Facts | undefined, Partial<DecideOptions>?][] = [
    ['invite-token-invalid', undefined],
    ['unauthenticated', withChanges({ invitee: null })],
    ['invite-accepted', withChanges({ invite: { status: 'accepted' } })],
    ['invite-declined', withChanges({ invite: { status: 'declined' } })],
    ['invite-revoked', withChanges({ invite: { status: 'revoked' } })],
    ['invite-expired', withChanges({ invite: { expiresAt: now } })],
    ['invite-expired', facts, { link: { ...link, isExpired: true } }],
    ['invite-link-replaced', facts, { link: { ...link, sending: 1 } }],
    ['invite-for-another-address', withChanges({ invite: { email: 'paula@example.com' } })],
    ['already-member', withChanges({ isMember: true })],
    ['inviter-cannot-grant', withChanges({ inviterAccess: undefined })],
    ['inviter-cannot-grant', { ...facts, inviterAccess: accountWideAccess(['domains:read'], null) }],
    ['inviter-cannot-grant', { ...facts, inviterAccess: accountWideAccess(['invoices:read'], later) }],
    ['inviter-cannot-grant', withChanges({ invite: { ownership: true } })],
  ];
  for (const [code, facts, more] of refused) t.equal(codeOf(facts, acceptance, { ...options, ...more }), code);
  t.equal(codeOf(withChanges({ invitee: null }), { ...acceptance, isVerified: true }, options), 'user-disabled');
});

t.test('The rules allow', async (t) => {
  const anyAddress = withChanges({ account: { acceptFromAnyAddress: true }, invite: { email: 'paula@example.com' } });
  t.equal(codeOf(anyAddress, acceptance, options), undefined, 'any address, if the account accepts any address');
  const exact = { ...facts, inviterAccess: accountWideAccess(['invoices:read'], null) };
  t.equal(codeOf(exact, acceptance, options), undefined, 'an inviter who has exactly what they offer');
  const ownershipInvite = withChanges({ account: { ownerId: platformUserId }, invite: { ownership: true } });
  t.equal(
    codeOf(ownershipInvite, acceptance, options),
    undefined,
    'an ownership invite, while the platform owns the account',
  );
});

t.test('A deleted role is not part of the membership', async (t) => {
  const role = { id: newId('rol'), name: 'Clerk', permissions: ['invoices:pay'] };
  const deletedRoleId = newId('rol');
  const offered = {
    ...withChanges({ invite: { roles: [role.id, deletedRoleId] } }),
    existingAccess: { permissions: [], roles: [role] },
  };
  t.same(decide(offered, acceptance, options).member.roles, [role.id]);
});

t.test('A new user is the invitee, without being part of the facts', async (t) => {
  const newUser = { ...invitee, name: 'Adam Accountant' };
  t.equal(decide(withChanges({ invitee: null }), acceptance, { ...options, newUser }).user, newUser);
});
