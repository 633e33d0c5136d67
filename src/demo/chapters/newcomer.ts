import {
  type Accepted,
  type Invite,
  type List,
  type MyAccount,
  type Preview,
  type Problem,
  toProblemSummary,
} from '../support/answers.ts';
import type { Story } from '../support/story.ts';
import { readMail } from './read-mail.ts';

const permissions = ['invoices:pay', 'invoices:read'];
const access = { allPermissions: false, permissions };

/** Adam, who has no login, is invited with chosen permissions and accepts by registering. */
export async function newcomerChapter(story: Story): Promise<void> {
  story.narrator.chapter('Adam, who has no login yet, gets chosen permissions');
  await invite(story);
  const subject = `${story.olivia.name} invites you to ${story.account.name}`;
  const token = await readMail(story, story.adam, subject, 'Adam gets a mail with an Accept Invite link.');
  await accept(story, token);
  await lookAround(story);
  await useLinkAgain(story, token);
}

async function invite({ narrator, olivia, adam, accountUrl }: Story): Promise<void> {
  const { id } = await narrator.step<Invite>('Olivia invites Adam and lets him view and pay invoices.', {
    method: 'POST',
    path: `${accountUrl}/invites`,
    by: olivia,
    body: { email: adam.email, access: { permissions } },
    expect: 201,
    expectBody: { email: adam.email, access, status: 'pending' },
    show: toInviteSummary,
  });
  await narrator.step<List<Invite>>('The invite appears in the list of pending invites.', {
    method: 'GET',
    path: `${accountUrl}/invites?status=pending`,
    by: olivia,
    expect: 200,
    expectBody: { items: [{ id, email: adam.email, status: 'pending' }] },
    show: ({ items }) => ({ items: items.map(toInviteSummary) }),
  });
}

const toInviteSummary = ({ id, email, access, status, expiresAt }: Invite) => ({
  id,
  email,
  access,
  status,
  expiresAt,
});

async function accept({ narrator, adam, account }: Story, token: string): Promise<void> {
  await narrator.step<Preview>(
    'The page behind the link previews the invite without consuming it. `hasLogin` is false, so the page offers Register first.',
    {
      method: 'POST',
      path: '/v1/invites/preview',
      body: { token },
      expect: 200,
      expectBody: { account: { id: account.id }, email: adam.email, access, hasLogin: false },
    },
  );
  const { session } = await narrator.step<Accepted>(
    'Adam accepts by registering: one call creates his login and makes him a member.',
    {
      method: 'POST',
      path: '/v1/invites/accept',
      body: { token, register: { name: adam.name, password: adam.password } },
      expect: 201,
      expectBody: { account: { id: account.id }, membership: { user: { email: adam.email }, access, isOwner: false } },
      show: ({ membership: { user, access, isOwner }, account, session: { accessToken } }) => ({
        account,
        membership: { user, access, isOwner },
        session: { accessToken },
      }),
    },
  );
  adam.token = session.accessToken;
}

async function lookAround({ narrator, adam, account, accountUrl }: Story): Promise<void> {
  await narrator.step<List<MyAccount>>('He can now access the account. The frontend learns what to show him.', {
    method: 'GET',
    path: '/v1/me/accounts',
    by: adam,
    expect: 200,
    expectBody: {
      items: [{ id: account.id, isOwner: false, effectivePermissions: ['invoices:read', 'invoices:pay'] }],
    },
    show: ({ items }) => ({
      items: items.map(({ name, isOwner, effectivePermissions }) => ({ name, isOwner, effectivePermissions })),
    }),
  });
  await narrator.step<Problem>('He tries to list the members, but does not have the permission.', {
    method: 'GET',
    path: `${accountUrl}/members`,
    by: adam,
    expect: 403,
    expectBody: { code: 'permission-missing', permission: 'members:read' },
    show: toProblemSummary,
  });
}

async function useLinkAgain({ narrator }: Story, token: string): Promise<void> {
  await narrator.step<Problem>('The link cannot be used again: an invite creates only one membership.', {
    method: 'POST',
    path: '/v1/invites/accept',
    body: { token, register: { name: 'Somebody Else', password: 'found the link in a mail' } },
    expect: 409,
    expectBody: { code: 'invite-accepted' },
    show: toProblemSummary,
  });
}
