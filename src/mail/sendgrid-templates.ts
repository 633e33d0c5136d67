import { type MailKind, mailKinds } from './kinds.ts';
import { bestLocale } from './locale.ts';

/** The id of a dynamic template at SendGrid for a mail: one for all languages, or one for each. */
export type SendgridTemplates = Readonly<Partial<Record<MailKind, string | Readonly<Record<string, string>>>>>;

/** Reads which template stands for which mail. @throws an Error that says what is wrong. */
export function parseSendgridTemplates(text: string): SendgridTemplates {
  const wrong = new Error(
    `must be a JSON object of template ids (d-…) by mail, or by mail and language; mails are ${mailKinds.join(', ')}`,
  );
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    throw wrong;
  }
  if (!isObject(given)) throw wrong;
  const isGood = Object.entries(given).every(
    ([kind, it]) =>
      (mailKinds as readonly string[]).includes(kind) &&
      (isId(it) || (isObject(it) && Object.entries(it).every(([tag, id]) => isTag(tag) && isId(id)))),
  );
  if (!isGood) throw wrong;
  return given as SendgridTemplates;
}

const isObject = (it: unknown): it is object => typeof it === 'object' && it !== null && !Array.isArray(it);
const isId = (it: unknown) => typeof it === 'string' && /^d-[0-9a-zA-Z]{1,64}$/.test(it);
const isTag = (it: string) => /^[a-z]{2,3}(-[a-z0-9]{1,8})*$/.test(it);

/** The template that stands for a mail in the first of some languages that it is in; undefined where the mail is written here. */
export function templateFor(
  templates: SendgridTemplates,
  kind: MailKind,
  wanted: readonly (string | null | undefined)[],
): string | undefined {
  const given = templates[kind];
  if (given === undefined || typeof given === 'string') return given;
  return given[bestLocale(wanted, new Set(Object.keys(given)))];
}
