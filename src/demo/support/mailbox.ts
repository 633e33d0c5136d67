import { setTimeout as pause } from 'node:timers/promises';
import { DemoError, send } from './http.ts';

export interface Mail {
  to: string;
  subject: string;
  text: string;
}

/** Milliseconds: how long to wait for a mail, and between two looks. */
const timeout = 20_000;
const interval = 200;

/** @throws DemoError that says what to do if the service or its mailbox is not available. */
export async function requireService(base: string): Promise<void> {
  const ready = await send(base, { method: 'GET', path: '/readyz' }).catch((error: Error) => {
    throw new DemoError(
      `Usher does not answer at ${base}.\nStart it with "npm start" in another shell, or pass its URL: npm run demo -- http://localhost:3000\n(${error.message})`,
    );
  });
  if (ready.status !== 200) {
    throw new DemoError(`${base}/readyz answered ${ready.status}: the service is not ready. See its log.`);
  }
  const mailbox = await send(base, { method: 'GET', path: '/dev/mailbox' });
  if (mailbox.status !== 200) {
    throw new DemoError(
      `${base}/dev/mailbox answered ${mailbox.status}: there is no mailbox, which the demo needs to read its mails.\nStart the service without SMTP_URL, SENDGRID_API_KEY and NODE_ENV=production.`,
    );
  }
}

export const mailboxPath = (email: string) => `/dev/mailbox?to=${encodeURIComponent(email)}`;

/**
 * Waits until a mail with this subject arrives: mails are sent shortly after the call that enqueues
 * them.
 */
export async function waitForMail(base: string, to: string, subject: string): Promise<void> {
  const deadline = Date.now() + timeout;
  while (Date.now() < deadline) {
    const { body } = await send(base, { method: 'GET', path: mailboxPath(to) });
    if ((body as { items?: Mail[] }).items?.[0]?.subject === subject) return;
    await pause(interval);
  }
  throw new DemoError(`No mail "${subject}" to ${to} arrived within ${timeout / 1000} seconds. See the service's log.`);
}

/** The link in a mail, and the token in the link: a JWT, wherever the link template has it. */
export function findLink({ subject, text }: Mail): { link: string; token: string } {
  const [link] = /https?:\/\/\S+/.exec(text) ?? [];
  const [token] = /[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}/.exec(link ?? '') ?? [];
  if (link === undefined || token === undefined)
    throw new DemoError(`The mail "${subject}" contains no link with a token.`);
  return { link, token };
}
