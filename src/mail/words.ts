import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Static, Type } from 'typebox';
import Value from 'typebox/value';
import { mailKinds } from './kinds.ts';

/** The folder of the built-in words, and of the two templates that they are put into. */
export const builtIn = fileURLToPath(new URL('./templates', import.meta.url));

const closed = { additionalProperties: false };
const Sentence = Type.String({ minLength: 1 });
const Way = Type.Object({ text: Sentence, label: Sentence }, closed);

/** What one mail says: sentences, which name values as `{{ inviter }}`. */
const MailWords = Type.Object(
  {
    subject: Sentence,
    title: Sentence,
    /** The first sentence; of several, the one that fits what is given: a membership with nothing yet, and the ownership, may be left out. */
    lead: Type.Union([
      Sentence,
      Type.Object(
        { all: Sentence, chosen: Sentence, member: Type.Optional(Sentence), ownership: Type.Optional(Sentence) },
        closed,
      ),
    ]),
    /** Comes before a list. */
    list: Type.Optional(Sentence),
    button: Type.Optional(Sentence),
    body: Type.Optional(Type.Array(Sentence)),
    notes: Type.Optional(Type.Array(Sentence)),
    optOut: Type.Optional(Way),
    report: Type.Optional(Way),
  },
  closed,
);
export type MailWords = Static<typeof MailWords>;

/** All that one language says. */
const Words = Type.Object(
  {
    common: Type.Object({ address: Sentence, more: Sentence, writes: Sentence }, closed),
    ...Object.fromEntries(mailKinds.map((kind) => [kind, MailWords])),
  },
  closed,
);
export type Words = { common: { address: string; more: string; writes: string } } & Record<
  (typeof mailKinds)[number],
  MailWords
>;

/**
 * The words of every language, by its tag in lower case: the built-in ones, and in their place, mail by mail, what a folder
 * has.
 * @returns them, and a sentence for each mistake in the folder.
 */
export function readWords(folder: string | undefined): { words: Map<string, Words>; mistakes: string[] } {
  const words = new Map<string, Words>();
  for (const file of filesOf(builtIn).filter(isWords)) words.set(localeIn(file), parse(join(builtIn, file)) as Words);
  if (folder === undefined) return { words, mistakes: [] };
  const files = filesOf(folder);
  const mistakes = files
    .filter((it) => !isWords(it) && !isTemplate(it))
    .map((it) => `${it} is the name of no template`);
  for (const file of files.filter(isWords)) {
    const read = parse(join(folder, file));
    const merged = { ...words.get(localeIn(file)), ...read };
    const wrong = read === undefined ? ['is no JSON object'] : mistakesIn(merged);
    mistakes.push(...wrong.map((it) => `${file} ${it}`));
    words.set(localeIn(file), merged as Words);
  }
  return { words, mistakes };
}

/** @throws an Error where there is no such folder. */
export function filesOf(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((it) => !it.startsWith('.'))
      .sort();
  } catch {
    throw new Error('must be a folder that can be read');
  }
}

/** `de.json`, by a language tag. */
const isWords = (file: string) => /^[a-z]{2,3}(-[a-z0-9]{1,8})*\.json$/i.test(file);
/** `mail.html.liquid`, `invite.text.liquid`, or what these include, such as `_footer.liquid`. */
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

/** What is missing, unknown or of another kind, by its place. */
function mistakesIn(words: object): string[] {
  return [...Value.Errors(Words, words)].map(({ instancePath, message }) => `at ${instancePath || '/'} ${message}`);
}
