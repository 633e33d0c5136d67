import { setTimeout as pause } from 'node:timers/promises';
import { Surprise, send } from './http.ts';

export interface Mail {
  to: string;
  subject: string;
  text: string;
}

/** Milliseconds that a mail may take, and between looks for it. */
const patience = 20_000;
const interval = 200;

/** @throws Surprise, saying what to do, where the service or its mailbox is not there. */
export async function requireService(base: string): Promise<void> {
  const ready = await send(base, { method: 'GET', path: '/readyz' }).catch((error: Error) => {
    throw new Surprise(
      `No Usher answers at ${base}.\nStart it with "npm start" in another shell, or say where it is: npm run demo -- http://localhost:3000\n(${error.message})`,
    );
  });
  if (ready.status !== 200) {
    throw new Surprise(`${base}/readyz answered ${ready.status}: the service is not ready. Look into its log.`);
  }
  const mailbox = await send(base, { method: 'GET', path: '/dev/mailbox' });
  if (mailbox.status !== 200) {
    throw new Surprise(
      `${base}/dev/mailbox answered ${mailbox.status}: there is no mailbox, from which the demo reads its mails.\nStart the service without SMTP_URL and SENDGRID_API_KEY, and with NODE_ENV other than production.`,
    );
  }
}

export const mailboxOf = (email: string) => `/dev/mailbox?to=${encodeURIComponent(email)}`;

/** Waits until the mail with that subject is there: mails leave a moment after the call that calls for them. */
export async function waitForMail(base: string, to: string, subject: string): Promise<void> {
  const deadline = Date.now() + patience;
  while (Date.now() < deadline) {
    const { body } = await send(base, { method: 'GET', path: mailboxOf(to) });
    if ((body as { items?: Mail[] }).items?.[0]?.subject === subject) return;
    await pause(interval);
  }
  throw new Surprise(
    `No mail "${subject}" to ${to} came within ${patience / 1000} seconds. Look into the service's log.`,
  );
}

/** The link in a mail, and the token in the link: a JWT, wherever the template of the link puts it. */
export function linkIn({ subject, text }: Mail): { link: string; token: string } {
  const [link] = /https?:\/\/\S+/.exec(text) ?? [];
  const [token] = /[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}/.exec(link ?? '') ?? [];
  if (link === undefined || token === undefined) throw new Surprise(`The mail "${subject}" has no link with a token.`);
  return { link, token };
}
