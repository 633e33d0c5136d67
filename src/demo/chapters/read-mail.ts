import { shortened } from '../support/lay-out.ts';
import { linkIn, type Mail, mailboxOf, waitForMail } from '../support/mailbox.ts';
import type { Story } from '../support/story.ts';
import type { Person } from '../support/teller.ts';

/** Someone looks into their mailbox. @returns the token in the link of the mail with that subject. */
export async function readMail(
  { base, teller }: Pick<Story, 'base' | 'teller'>,
  { email }: Person,
  subject: string,
  sentence: string,
): Promise<string> {
  await waitForMail(base, email, subject);
  const { items } = await teller.tell<{ items: [Mail, ...Mail[]] }>(sentence, {
    method: 'GET',
    path: mailboxOf(email),
    expect: 200,
    show: ({ items: [mail] }) => {
      const { link, token } = linkIn(mail);
      return { to: mail.to, subject: mail.subject, link: link.replace(token, shortened(token)) };
    },
  });
  return linkIn(items[0]).token;
}
