import type { List, Member, Problem } from '../support/answers.ts';
import type { Story } from '../support/story.ts';
import { refusal } from './refusal.ts';

/** Olivia manages who is in her account. */
export async function userManagement(story: Story): Promise<void> {
  story.teller.chapter('Olivia manages her account');
  const { adam, olivia } = await listMembers(story);
  await changePermissions(story, adam);
  await triesOnOwner(story, olivia);
  await removeAccess(story, adam);
}

const memberInShort = ({ user, access, isOwner }: Member) => ({
  user: { id: user.id, name: user.name },
  access,
  isOwner,
});

async function listMembers({ teller, olivia, adam, paula, accountUrl }: Story) {
  const { items } = await teller.tell<{ items: [Member, Member, Member] }>(
    'User management shows three members, longest in first.',
    {
      method: 'GET',
      path: `${accountUrl}/members`,
      by: olivia,
      expect: 200,
      holding: {
        items: [
          { user: { email: olivia.email }, isOwner: true, invitedBy: null },
          { user: { email: adam.email }, isOwner: false, invitedBy: { name: olivia.name } },
          { user: { email: paula.email }, isOwner: false, access: { allPermissions: true } },
        ],
      },
      show: ({ items }) => ({ items: items.map(memberInShort) }),
    },
  );
  await teller.tell('No invite is pending any more.', {
    method: 'GET',
    path: `${accountUrl}/invites?status=pending`,
    by: olivia,
    expect: 200,
    holding: { items: [], nextCursor: null },
  });
  return { olivia: items[0].user.id, adam: items[1].user.id };
}

async function changePermissions({ teller, olivia, adam, accountUrl }: Story, adamId: string): Promise<void> {
  const permissions = ['invoices:read', 'members:read'];
  await teller.tell<Member>('Olivia lets Adam see the members, and takes paying from him.', {
    method: 'PATCH',
    path: `${accountUrl}/members/${adamId}`,
    by: olivia,
    body: { access: { permissions } },
    expect: 200,
    holding: { access: { allPermissions: false, permissions } },
    show: memberInShort,
  });
  await teller.tell<List<Member>>('It counts from his very next request on, with the same access token as before.', {
    method: 'GET',
    path: `${accountUrl}/members?q=olivia`,
    by: adam,
    expect: 200,
    holding: { items: [{ user: { name: olivia.name }, isOwner: true }] },
    show: ({ items }) => ({ items: items.map(memberInShort) }),
  });
}

async function triesOnOwner({ teller, paula, accountUrl }: Story, oliviaId: string): Promise<void> {
  await teller.tell<Problem>('Nobody removes the owner: not even Paula, who has all permissions.', {
    method: 'DELETE',
    path: `${accountUrl}/members/${oliviaId}`,
    by: paula,
    expect: 409,
    holding: { code: 'owner-protected' },
    show: refusal,
  });
}

async function removeAccess({ teller, olivia, adam, accountUrl }: Story, adamId: string): Promise<void> {
  await teller.tell('Olivia removes Adam’s access.', {
    method: 'DELETE',
    path: `${accountUrl}/members/${adamId}`,
    by: olivia,
    expect: 204,
  });
  await teller.tell<Problem>('To Adam the account does not exist from his very next request on.', {
    method: 'GET',
    path: accountUrl,
    by: adam,
    expect: 404,
    holding: { code: 'not-found' },
    show: refusal,
  });
  await teller.tell('He keeps his login, and is in no account.', {
    method: 'GET',
    path: '/v1/me/accounts',
    by: adam,
    expect: 200,
    holding: { items: [] },
  });
}
