import type { Account, List, Permission, Session } from '../support/answers.ts';
import type { Story } from '../support/story.ts';
import { getLogin } from './get-login.ts';

/** Olivia gets a login and makes an account. */
export async function theOwner(story: Pick<Story, 'base' | 'teller' | 'olivia'>): Promise<Account> {
  const { teller, olivia } = story;
  const { chapter, tell } = teller;
  chapter('Olivia has a product with accounts');
  await getLogin(story, olivia);
  const session = await tell<Session>('She logs in. The access token says who she is, never what she may do.', {
    method: 'POST',
    path: '/v1/auth/login',
    body: { email: olivia.email, password: olivia.password },
    expect: 200,
    holding: { tokenType: 'Bearer', user: { email: olivia.email } },
    show: ({ user: _, ...rest }) => rest,
  });
  olivia.token = session.accessToken;
  const account = await tell<Account>('She makes an account, and is its owner. An account always has exactly one.', {
    method: 'POST',
    path: '/v1/accounts',
    by: olivia,
    body: { name: 'Example Hosting' },
    expect: 201,
    holding: { name: 'Example Hosting', ownerId: session.user.id },
  });
  await tell<List<Permission>>('The catalogue holds what can be given, with words for the check-boxes of a page.', {
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
