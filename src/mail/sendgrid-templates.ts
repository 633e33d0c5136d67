import { type MailKind, mailKinds } from './kinds.ts';
import { bestLocale } from './locale.ts';

/**
 * The ids of SendGrid's dynamic templates: for each mail, one for all languages or one for each.
 */
export type SendgridTemplates = Readonly<Partial<Record<MailKind, string | Readonly<Record<string, string>>>>>;

/** Reads `SENDGRID_TEMPLATES`. @throws an Error that says what is wrong. */
export function parseSendgridTemplates(text: string): SendgridTemplates {
  const wrong = new Error(
    `must be a JSON object of template ids (d-…) by mail, or by mail and language. The mails are ${mailKinds.join(', ')}`,
  );
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw wrong;
  }
  if (!isObject(parsed)) throw wrong;
  const isValid = Object.entries(parsed).every(
    ([kind, it]) =>
      (mailKinds as readonly string[]).includes(kind) &&
      (isId(it) || (isObject(it) && Object.entries(it).every(([tag, id]) => isTag(tag) && isId(id)))),
  );
  if (!isValid) throw wrong;
  return parsed as SendgridTemplates;
}

const isObject = (it: unknown): it is object => typeof it === 'object' && it !== null && !Array.isArray(it);
const isId = (it: unknown) => typeof it === 'string' && /^d-[0-9a-zA-Z]{1,64}$/.test(it);
const isTag = (it: string) => /^[a-z]{2,3}(-[a-z0-9]{1,8})*$/.test(it);

/** The template of a mail in the best available language; undefined if SendGrid has none for it. */
export function templateFor(
  templates: SendgridTemplates,
  kind: MailKind,
  preferred: readonly (string | null | undefined)[],
): string | undefined {
  const ids = templates[kind];
  if (ids === undefined || typeof ids === 'string') return ids;
  return ids[bestLocale(preferred, new Set(Object.keys(ids)))];
}
