import type { Session } from '../support/answers.ts';
import type { Person } from '../support/narrator.ts';
import type { Story } from '../support/story.ts';
import { readMail } from './read-mail.ts';

/** A person gets a login: registers, and follows the link in the mail. */
export async function getLogin(story: Pick<Story, 'base' | 'narrator'>, person: Person): Promise<void> {
  const { step } = story.narrator;
  const { name, email, password } = person;
  await step(`${name} registers. The answer is the same whether or not the address already has a login.`, {
    method: 'POST',
    path: '/v1/auth/register',
    body: { email },
    expect: 202,
  });
  const token = await readMail(story, person, 'Verify your e-mail address', 'A mail with a link arrives.');
  const session = await step<Session>(
    `The link proves who owns the mailbox. ${name} chooses a name and a password, and now has a login.`,
    {
      method: 'POST',
      path: '/v1/auth/verify-email',
      body: { token, name, password },
      expect: 201,
      expectBody: { user: { email, name } },
      show: ({ user }) => ({ user: { id: user.id, email: user.email, name: user.name } }),
    },
  );
  person.token = session.accessToken;
}
