import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Static, Type } from 'typebox';
import Value from 'typebox/value';
import { mailKinds } from './kinds.ts';

/** The folder of the built-in texts and the two templates that lay them out. */
export const builtInFolder = fileURLToPath(new URL('./templates', import.meta.url));

const closed = { additionalProperties: false };
const Text = Type.String({ minLength: 1 });
/** A link at the end of a mail, with the question it answers. */
const FooterLink = Type.Object({ text: Text, label: Text }, closed);

/** The texts of one mail. They refer to values as `{{ inviter }}`. */
const MailTexts = Type.Object(
  {
    subject: Text,
    title: Text,
    /**
     * The first sentence: one text, or one for each kind of access. `member` (no permissions yet)
     * and `ownership` are optional.
     */
    lead: Type.Union([
      Text,
      Type.Object({ all: Text, chosen: Text, member: Type.Optional(Text), ownership: Type.Optional(Text) }, closed),
    ]),
    /** Introduces the list of items. */
    list: Type.Optional(Text),
    button: Type.Optional(Text),
    body: Type.Optional(Type.Array(Text)),
    notes: Type.Optional(Type.Array(Text)),
    optOut: Type.Optional(FooterLink),
    report: Type.Optional(FooterLink),
  },
  closed,
);
export type MailTexts = Static<typeof MailTexts>;

/** All texts of one language. */
const LocaleTexts = Type.Object(
  {
    common: Type.Object({ address: Text, more: Text, writes: Text }, closed),
    ...Object.fromEntries(mailKinds.map((kind) => [kind, MailTexts])),
  },
  closed,
);
export type LocaleTexts = { common: { address: string; more: string; writes: string } } & Record<
  (typeof mailKinds)[number],
  MailTexts
>;

/**
 * Reads the texts of every language, by language tag in lower case. The mails in the folder's files
 * replace the built-in ones of the same name.
 * @returns the texts, and one message for each mistake in the folder.
 */
export function readTexts(folder: string | undefined): { texts: Map<string, LocaleTexts>; mistakes: string[] } {
  const texts = new Map<string, LocaleTexts>();
  for (const file of listFiles(builtInFolder).filter(isTexts)) {
    texts.set(localeIn(file), parse(join(builtInFolder, file)) as LocaleTexts);
  }
  if (folder === undefined) return { texts, mistakes: [] };
  const files = listFiles(folder);
  const mistakes = files
    .filter((it) => !isTexts(it) && !isTemplate(it))
    .map((it) => `${it} is not the name of a template`);
  for (const file of files.filter(isTexts)) {
    const read = parse(join(folder, file));
    const merged = { ...texts.get(localeIn(file)), ...read };
    const wrong = read === undefined ? ['is not a JSON object'] : mistakesIn(merged);
    mistakes.push(...wrong.map((it) => `${file} ${it}`));
    texts.set(localeIn(file), merged as LocaleTexts);
  }
  return { texts, mistakes };
}

/** @throws an Error if the folder cannot be read. */
export function listFiles(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((it) => !it.startsWith('.'))
      .sort();
  } catch {
    throw new Error('must be a readable folder');
  }
}

/** Such as `de.json`: a language tag and `.json`. */
const isTexts = (file: string) => /^[a-z]{2,3}(-[a-z0-9]{1,8})*\.json$/i.test(file);
/** Such as `mail.html.liquid` or `invite.text.liquid`, or a partial, such as `_footer.liquid`. */
const isTemplate = (file: string) => /^_.*\.liquid$/.test(file) || templateNames.has(file);
const templateNames = new Set(['mail', ...mailKinds].flatMap((kind) => [`${kind}.html.liquid`, `${kind}.text.liquid`]));
const localeIn = (file: string) => file.slice(0, -'.json'.length).toLowerCase();

function parse(path: string): object | undefined {
  try {
    const read: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return typeof read === 'object' && read !== null && !Array.isArray(read) ? read : undefined;
  } catch {
    return undefined;
  }
}

/** One message for each missing, unknown or mistyped text, with its JSON pointer. */
function mistakesIn(texts: object): string[] {
  return [...Value.Errors(LocaleTexts, texts)].map(
    ({ instancePath, message }) => `at ${instancePath || '/'} ${message}`,
  );
}
