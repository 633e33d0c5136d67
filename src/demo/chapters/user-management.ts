import { type List, type Member, type Problem, toProblemSummary } from '../support/answers.ts';
import type { Story } from '../support/story.ts';

/** Olivia manages the members of her account. */
export async function userManagementChapter(story: Story): Promise<void> {
  story.narrator.chapter('Olivia manages her account');
  const { adam, olivia } = await listMembers(story);
  await changePermissions(story, adam);
  await tryToRemoveOwner(story, olivia);
  await removeAccess(story, adam);
}

const toMemberSummary = ({ user, access, isOwner }: Member) => ({
  user: { id: user.id, name: user.name },
  access,
  isOwner,
});

async function listMembers({ narrator, olivia, adam, paula, accountUrl }: Story) {
  const { items } = await narrator.step<{ items: [Member, Member, Member] }>(
    'User management shows three members. The first to join is listed first.',
    {
      method: 'GET',
      path: `${accountUrl}/members`,
      by: olivia,
      expect: 200,
      expectBody: {
        items: [
          { user: { email: olivia.email }, isOwner: true, invitedBy: null },
          { user: { email: adam.email }, isOwner: false, invitedBy: { name: olivia.name } },
          { user: { email: paula.email }, isOwner: false, access: { allPermissions: true } },
        ],
      },
      show: ({ items }) => ({ items: items.map(toMemberSummary) }),
    },
  );
  await narrator.step('No invites are pending any more.', {
    method: 'GET',
    path: `${accountUrl}/invites?status=pending`,
    by: olivia,
    expect: 200,
    expectBody: { items: [], nextCursor: null },
  });
  return { olivia: items[0].user.id, adam: items[1].user.id };
}

async function changePermissions({ narrator, olivia, adam, accountUrl }: Story, adamId: string): Promise<void> {
  const permissions = ['invoices:read', 'members:read'];
  await narrator.step<Member>('Olivia lets Adam view the members, but no longer pay invoices.', {
    method: 'PATCH',
    path: `${accountUrl}/members/${adamId}`,
    by: olivia,
    body: { access: { permissions } },
    expect: 200,
    expectBody: { access: { allPermissions: false, permissions } },
    show: toMemberSummary,
  });
  await narrator.step<List<Member>>('The change applies to his next request, with the same access token as before.', {
    method: 'GET',
    path: `${accountUrl}/members?q=olivia`,
    by: adam,
    expect: 200,
    expectBody: { items: [{ user: { name: olivia.name }, isOwner: true }] },
    show: ({ items }) => ({ items: items.map(toMemberSummary) }),
  });
}

async function tryToRemoveOwner({ narrator, paula, accountUrl }: Story, oliviaId: string): Promise<void> {
  await narrator.step<Problem>('Nobody can remove the owner, not even Paula with all permissions.', {
    method: 'DELETE',
    path: `${accountUrl}/members/${oliviaId}`,
    by: paula,
    expect: 409,
    expectBody: { code: 'owner-protected' },
    show: toProblemSummary,
  });
}

async function removeAccess({ narrator, olivia, adam, accountUrl }: Story, adamId: string): Promise<void> {
  await narrator.step('Olivia removes Adam’s access.', {
    method: 'DELETE',
    path: `${accountUrl}/members/${adamId}`,
    by: olivia,
    expect: 204,
  });
  await narrator.step<Problem>('From his next request on, the account does not exist for Adam.', {
    method: 'GET',
    path: accountUrl,
    by: adam,
    expect: 404,
    expectBody: { code: 'not-found' },
    show: toProblemSummary,
  });
  await narrator.step('He keeps his login, but is not a member of any account.', {
    method: 'GET',
    path: '/v1/me/accounts',
    by: adam,
    expect: 200,
    expectBody: { items: [] },
  });
}
