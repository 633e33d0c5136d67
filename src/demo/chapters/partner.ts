import type { Accepted, Invite, List, MyAccount, Preview } from '../support/answers.ts';
import type { Story } from '../support/story.ts';
import { getLogin } from './get-login.ts';
import { readMail } from './read-mail.ts';

const access = { allPermissions: true, permissions: [] };

/** Paula, who has a login, is invited with all permissions and accepts by logging in. */
export async function partnerChapter(story: Story): Promise<void> {
  const { narrator, olivia, paula, account } = story;
  narrator.chapter('Paula, who has a login, gets all permissions');
  await getLogin(story, paula);
  await invite(story);
  const subject = `${olivia.name} invites you to ${account.name}`;
  const token = await readMail(story, paula, subject, 'Paula gets a mail with an Accept Invite link.');
  await accept(story, token);
}

async function invite({ narrator, olivia, paula, accountUrl }: Story): Promise<void> {
  await narrator.step<Invite>(
    'With only a login, Paula has access to no account. Olivia invites her with all permissions.',
    {
      method: 'POST',
      path: `${accountUrl}/invites`,
      by: olivia,
      body: { email: paula.email, access: { allPermissions: true }, message: 'Welcome, partner!' },
      expect: 201,
      expectBody: { email: paula.email, access, status: 'pending' },
      show: ({ id, email, access, status }) => ({ id, email, access, status }),
    },
  );
}

async function accept({ narrator, paula, account }: Story, token: string): Promise<void> {
  await narrator.step<Preview>('This time `hasLogin` is true, so the page offers Log in first.', {
    method: 'POST',
    path: '/v1/invites/preview',
    body: { token },
    expect: 200,
    expectBody: { account: { id: account.id }, email: paula.email, access, hasLogin: true },
    show: ({ account, invitedBy, email, access, hasLogin }) => ({ account, invitedBy, email, access, hasLogin }),
  });
  const { session } = await narrator.step<Accepted>('Paula accepts by logging in.', {
    method: 'POST',
    path: '/v1/invites/accept',
    body: { token, login: { email: paula.email, password: paula.password } },
    expect: 201,
    expectBody: { account: { id: account.id }, membership: { user: { email: paula.email }, access, isOwner: false } },
    show: ({ membership: { user, access, isOwner }, account }) => ({ account, membership: { user, access, isOwner } }),
  });
  paula.token = session.accessToken;
  await narrator.step<List<MyAccount>>(
    '“All permissions” is a flag, not a list: it also covers permissions added to the catalogue later.',
    {
      method: 'GET',
      path: '/v1/me/accounts',
      by: paula,
      expect: 200,
      expectBody: { items: [{ id: account.id, access }] },
      show: ({ items: [account] }) => ({
        account: account?.name,
        permissions: account?.effectivePermissions.length,
      }),
    },
  );
}
