import type { Session } from '../support/answers.ts';
import type { Story } from '../support/story.ts';
import type { Person } from '../support/teller.ts';
import { readMail } from './read-mail.ts';

/** Someone gets a login: registers, and follows the link in the mail. */
export async function getLogin(story: Pick<Story, 'base' | 'teller'>, person: Person): Promise<void> {
  const { tell } = story.teller;
  const { name, email, password } = person;
  await tell(`${name} registers. The answer is the same whether the address is known or not.`, {
    method: 'POST',
    path: '/v1/auth/register',
    body: { email },
    expect: 202,
  });
  const token = await readMail(story, person, 'Verify your e-mail address', 'A mail with a link comes.');
  const session = await tell<Session>(
    `The link proves that the mailbox is theirs. ${name} chooses a name and a password, and has a login.`,
    {
      method: 'POST',
      path: '/v1/auth/verify-email',
      body: { token, name, password },
      expect: 201,
      holding: { user: { email, name } },
      show: ({ user }) => ({ user: { id: user.id, email: user.email, name: user.name } }),
    },
  );
  person.token = session.accessToken;
}
