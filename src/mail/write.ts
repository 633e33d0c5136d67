import { fileURLToPath } from 'node:url';
import { Liquid } from 'liquidjs';
import type { Mail } from './mail.ts';

const root = fileURLToPath(new URL('./words', import.meta.url));
const shared = { root, cache: true, strictVariables: true, strictFilters: true };

/** What people chose is escaped in HTML, always; a template has no way to print it raw by mistake. */
const inHtml = new Liquid({ ...shared, outputEscape: 'escape' });
const inText = new Liquid(shared);

export type MailKind =
  | 'invite'
  | 'verify-email'
  | 'login-exists'
  | 'password-reset'
  | 'no-password'
  | 'password-changed'
  | 'email-change'
  | 'email-changed'
  | 'identity-linked';

/**
 * Writes the words of a mail from its three templates in `words/`.
 * @param values what the templates name; one that is missing is an error.
 */
export async function writeMail(
  kind: MailKind,
  values: Record<string, unknown>,
): Promise<Pick<Mail, 'subject' | 'text' | 'html'>> {
  const [subject, text, html] = await Promise.all([
    inText.renderFile(`${kind}.subject.liquid`, values),
    inText.renderFile(`${kind}.text.liquid`, values),
    inHtml.renderFile(`${kind}.html.liquid`, values),
  ]);
  return { subject: oneLine(subject), text: text.trim(), html: html.trim() };
}

/** A header is one line: control characters and line breaks of any script become spaces. */
export function oneLine(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]+/gu, ' ')
    .replaceAll(/ {2,}/g, ' ')
    .trim();
}

/** A time as a mail says it: `Monday, 30 November 2026, 09:30 UTC`. */
export function timeInWords(time: Date): string {
  const words = new Intl.DateTimeFormat('en-GB', { dateStyle: 'full', timeStyle: 'short', timeZone: 'UTC' }).format(
    time,
  );
  return `${words.replace(' at ', ', ')} UTC`;
}
