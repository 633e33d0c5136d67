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

/** What a valid accept of one permission is decided on. */
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
const way: DecideOptions = { link, newUser: undefined, now };

const changed = (changes: Record<string, object | boolean | undefined | null>): Facts => {
  const merged: Record<string, unknown> = { ...facts };
  for (const [name, change] of Object.entries(changes)) {
    const isPart = typeof change === 'object' && change !== null;
    merged[name] = isPart ? { ...(facts as unknown as Record<string, object>)[name], ...change } : change;
  }
  return merged as unknown as Facts;
};

function codeOf(...asked: Parameters<typeof decide>): string | undefined {
  try {
    decide(...asked);
    return undefined;
  } catch (error) {
    if (error instanceof Problem) return error.code;
    throw error;
  }
}

t.test('An accept that no rule refuses makes the membership that the invite offers', async (t) => {
  const { member, user } = decide(facts, acceptance, way);
  t.match(member, {
    ...{ accountId, userId, allPermissions: false, permissions: ['invoices:read'], roles: [], endsAt: null },
    ...{ invitedBy: ownerId, createdAt: now },
  });
  t.equal(user, invitee);
  t.equal(codeOf(facts, acceptance, { ...way, link: undefined }), undefined, 'also by its id');
});

t.test('Each rule refuses by itself', async (t) => {
  const refused: [string, Facts | undefined, Partial<DecideOptions>?][] = [
    ['invite-token-invalid', undefined],
    ['unauthenticated', changed({ invitee: null })],
    ['invite-accepted', changed({ invite: { status: 'accepted' } })],
    ['invite-declined', changed({ invite: { status: 'declined' } })],
    ['invite-revoked', changed({ invite: { status: 'revoked' } })],
    ['invite-expired', changed({ invite: { expiresAt: now } })],
    ['invite-expired', facts, { link: { ...link, isExpired: true } }],
    ['invite-link-replaced', facts, { link: { ...link, sending: 1 } }],
    ['invite-for-another-address', changed({ invite: { email: 'paula@example.com' } })],
    ['already-member', changed({ isMember: true })],
    ['inviter-cannot-grant', changed({ inviterAccess: undefined })],
    ['inviter-cannot-grant', { ...facts, inviterAccess: accountWideAccess(['domains:read'], null) }],
    ['inviter-cannot-grant', { ...facts, inviterAccess: accountWideAccess(['invoices:read'], later) }],
    ['inviter-cannot-grant', changed({ invite: { ownership: true } })],
  ];
  for (const [code, judged, more] of refused) t.equal(codeOf(judged, acceptance, { ...way, ...more }), code);
  t.equal(codeOf(changed({ invitee: null }), { ...acceptance, isVerified: true }, way), 'user-disabled');
});

t.test('What the rules allow', async (t) => {
  const another = changed({ account: { acceptFromAnyAddress: true }, invite: { email: 'paula@example.com' } });
  t.equal(codeOf(another, acceptance, way), undefined, 'any address, if the account accepts it');
  const exact = { ...facts, inviterAccess: accountWideAccess(['invoices:read'], null) };
  t.equal(codeOf(exact, acceptance, way), undefined, 'an inviter who has exactly what they offer');
  const keptByPlatform = changed({ account: { ownerId: platformUserId }, invite: { ownership: true } });
  t.equal(codeOf(keptByPlatform, acceptance, way), undefined, 'the ownership, while the platform keeps the account');
});

t.test('A role that no longer exists gives nothing', async (t) => {
  const role = { id: newId('rol'), name: 'Clerk', permissions: ['invoices:pay'] };
  const gone = newId('rol');
  const offered = {
    ...changed({ invite: { roles: [role.id, gone] } }),
    existingAccess: { permissions: [], roles: [role] },
  };
  t.same(decide(offered, acceptance, way).member.roles, [role.id]);
});

t.test('A new user is the invitee, whom nobody has read', async (t) => {
  const newUser = { ...invitee, name: 'Adam Accountant' };
  t.equal(decide(changed({ invitee: null }), acceptance, { ...way, newUser }).user, newUser);
});
