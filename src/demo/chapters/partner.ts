import type { Accepted, Invite, List, MyAccount, Preview } from '../support/answers.ts';
import type { Story } from '../support/story.ts';
import { getLogin } from './get-login.ts';
import { readMail } from './read-mail.ts';

const access = { allPermissions: true, permissions: [] };

/** Paula, who has a login, is asked in with all permissions and accepts by logging in. */
export async function thePartner(story: Story): Promise<void> {
  const { teller, olivia, paula, account } = story;
  teller.chapter('Paula, who has a login, gets all permissions');
  await getLogin(story, paula);
  await invite(story);
  const subject = `${olivia.name} invites you to ${account.name}`;
  const token = await readMail(story, paula, subject, 'Paula gets a mail with an Accept Invite link.');
  await accept(story, token);
}

async function invite({ teller, olivia, paula, accountUrl }: Story): Promise<void> {
  await teller.tell<Invite>(
    'Having a login lets Paula into nothing. Olivia invites her with all permissions, to act as the owner does.',
    {
      method: 'POST',
      path: `${accountUrl}/invites`,
      by: olivia,
      body: { email: paula.email, access: { allPermissions: true }, message: 'Welcome, partner!' },
      expect: 201,
      holding: { email: paula.email, access, status: 'pending' },
      show: ({ id, email, access, status }) => ({ id, email, access, status }),
    },
  );
}

async function accept({ teller, paula, account }: Story, token: string): Promise<void> {
  await teller.tell<Preview>('This time `hasLogin` tells the page to lead with Log in.', {
    method: 'POST',
    path: '/v1/invites/preview',
    body: { token },
    expect: 200,
    holding: { account: { id: account.id }, email: paula.email, access, hasLogin: true },
    show: ({ account, invitedBy, email, access, hasLogin }) => ({ account, invitedBy, email, access, hasLogin }),
  });
  const { session } = await teller.tell<Accepted>('Paula accepts by logging in.', {
    method: 'POST',
    path: '/v1/invites/accept',
    body: { token, login: { email: paula.email, password: paula.password } },
    expect: 201,
    holding: { account: { id: account.id }, membership: { user: { email: paula.email }, access, isOwner: false } },
    show: ({ membership: { user, access, isOwner }, account }) => ({ account, membership: { user, access, isOwner } }),
  });
  paula.token = session.accessToken;
  await teller.tell<List<MyAccount>>(
    'All permissions is a flag and no list: it covers those that come to the catalogue later.',
    {
      method: 'GET',
      path: '/v1/me/accounts',
      by: paula,
      expect: 200,
      holding: { items: [{ id: account.id, access }] },
      show: ({ items: [mine] }) => ({
        account: mine?.name,
        permissions: mine?.effectivePermissions.length,
      }),
    },
  );
}
