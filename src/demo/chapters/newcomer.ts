import type { Accepted, Invite, List, MyAccount, Preview, Problem } from '../support/answers.ts';
import type { Story } from '../support/story.ts';
import { readMail } from './read-mail.ts';
import { refusal } from './refusal.ts';

const chosen = ['invoices:pay', 'invoices:read'];
const access = { allPermissions: false, permissions: chosen };

/** Adam, who has no login, is asked in with chosen permissions and accepts by registering. */
export async function theNewcomer(story: Story): Promise<void> {
  story.teller.chapter('Adam, who has no login yet, gets chosen permissions');
  await invite(story);
  const subject = `${story.olivia.name} invites you to ${story.account.name}`;
  const token = await readMail(story, story.adam, subject, 'Adam gets a mail with an Accept Invite link.');
  await accept(story, token);
  await lookAround(story);
  await useLinkAgain(story, token);
}

async function invite({ teller, olivia, adam, accountUrl }: Story): Promise<void> {
  const { id } = await teller.tell<Invite>('Olivia invites Adam, to see and pay invoices.', {
    method: 'POST',
    path: `${accountUrl}/invites`,
    by: olivia,
    body: { email: adam.email, access: { permissions: chosen } },
    expect: 201,
    holding: { email: adam.email, access, status: 'pending' },
    show: essentials,
  });
  await teller.tell<List<Invite>>('The invite is among those pending.', {
    method: 'GET',
    path: `${accountUrl}/invites?status=pending`,
    by: olivia,
    expect: 200,
    holding: { items: [{ id, email: adam.email, status: 'pending' }] },
    show: ({ items }) => ({ items: items.map(essentials) }),
  });
}

const essentials = ({ id, email, access, status, expiresAt }: Invite) => ({ id, email, access, status, expiresAt });

async function accept({ teller, adam, account }: Story, token: string): Promise<void> {
  await teller.tell<Preview>(
    'The page behind the link asks what it offers. `hasLogin` tells it to lead with Register. Looking uses nothing up.',
    {
      method: 'POST',
      path: '/v1/invites/preview',
      body: { token },
      expect: 200,
      holding: { account: { id: account.id }, email: adam.email, access, hasLogin: false },
    },
  );
  const { session } = await teller.tell<Accepted>(
    'Adam accepts by registering: one call gives him a login and lets him in.',
    {
      method: 'POST',
      path: '/v1/invites/accept',
      body: { token, register: { name: adam.name, password: adam.password } },
      expect: 201,
      holding: { account: { id: account.id }, membership: { user: { email: adam.email }, access, isOwner: false } },
      show: ({ membership: { user, access, isOwner }, account, session: { accessToken } }) => ({
        account,
        membership: { user, access, isOwner },
        session: { accessToken },
      }),
    },
  );
  adam.token = session.accessToken;
}

async function lookAround({ teller, adam, account, accountUrl }: Story): Promise<void> {
  await teller.tell<List<MyAccount>>('He can access the account now, and a page can ask what to draw for him.', {
    method: 'GET',
    path: '/v1/me/accounts',
    by: adam,
    expect: 200,
    holding: {
      items: [{ id: account.id, isOwner: false, effectivePermissions: ['invoices:read', 'invoices:pay'] }],
    },
    show: ({ items }) => ({
      items: items.map(({ name, isOwner, effectivePermissions }) => ({ name, isOwner, effectivePermissions })),
    }),
  });
  await teller.tell<Problem>('What he was not given, he may not do: he wants to see the members.', {
    method: 'GET',
    path: `${accountUrl}/members`,
    by: adam,
    expect: 403,
    holding: { code: 'permission-missing', permission: 'members:read' },
    show: refusal,
  });
}

async function useLinkAgain({ teller }: Story, token: string): Promise<void> {
  await teller.tell<Problem>('The link is used up: an invite makes one membership, once.', {
    method: 'POST',
    path: '/v1/invites/accept',
    body: { token, register: { name: 'Somebody Else', password: 'found the link in a mail' } },
    expect: 409,
    holding: { code: 'invite-accepted' },
    show: refusal,
  });
}
