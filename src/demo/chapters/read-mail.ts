import { shorten } from '../support/format-json.ts';
import { findLink, type Mail, mailboxPath, waitForMail } from '../support/mailbox.ts';
import type { Person } from '../support/narrator.ts';
import type { Story } from '../support/story.ts';

/** Waits for the mail with this subject and shows it. @returns the token in its link. */
export async function readMail(
  { base, narrator }: Pick<Story, 'base' | 'narrator'>,
  { email }: Person,
  subject: string,
  sentence: string,
): Promise<string> {
  await waitForMail(base, email, subject);
  const { items } = await narrator.step<{ items: [Mail, ...Mail[]] }>(sentence, {
    method: 'GET',
    path: mailboxPath(email),
    expect: 200,
    show: ({ items: [mail] }) => {
      const { link, token } = findLink(mail);
      return { to: mail.to, subject: mail.subject, link: link.replace(token, shorten(token)) };
    },
  });
  return findLink(items[0]).token;
}
