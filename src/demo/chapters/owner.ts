import type { Account, List, Permission, Session } from '../support/answers.ts';
import type { Story } from '../support/story.ts';
import { getLogin } from './get-login.ts';

/** Olivia gets a login and creates an account. */
export async function ownerChapter(story: Pick<Story, 'base' | 'narrator' | 'olivia'>): Promise<Account> {
  const { narrator, olivia } = story;
  const { chapter, step } = narrator;
  chapter('Olivia creates an account');
  await getLogin(story, olivia);
  const session = await step<Session>('She logs in. The access token says who she is, but not what she may do.', {
    method: 'POST',
    path: '/v1/auth/login',
    body: { email: olivia.email, password: olivia.password },
    expect: 200,
    expectBody: { tokenType: 'Bearer', user: { email: olivia.email } },
    show: ({ user: _, ...rest }) => rest,
  });
  olivia.token = session.accessToken;
  const account = await step<Account>(
    'She creates an account and becomes its owner. An account always has exactly one owner.',
    {
      method: 'POST',
      path: '/v1/accounts',
      by: olivia,
      body: { name: 'Example Hosting' },
      expect: 201,
      expectBody: { name: 'Example Hosting', ownerId: session.user.id },
    },
  );
  await step<List<Permission>>('The catalogue lists the permissions, with titles for the check-boxes of a frontend.', {
    method: 'GET',
    path: '/v1/permissions',
    by: olivia,
    expect: 200,
    show: ({ items }) => ({
      permissions: items.length,
      billing: items.filter((it) => it.group === 'Billing').map(({ key, title }) => ({ key, title })),
    }),
  });
  return account;
}
