import { type MailKind, type MailValues, mailKinds } from './kinds.ts';
import { bestLocale, directionOf, timeInWords } from './locale.ts';
import { samplesOf } from './samples.ts';
import { inPage, liquid, type Part, parseSentences, type Sentences, said, saidSubject } from './sentences.ts';
import { builtIn, filesOf, readWords } from './words.ts';

/** A mail in words, and what they were made of. */
export interface WrittenMail {
  subject: string;
  text: string;
  html: string;
  /** Of the languages that were wanted, the first that there are words in is the one it is in. */
  about: { kind: MailKind; locale: string; wanted: Locales; values: Record<string, unknown> };
}

type Locales = readonly (string | null | undefined)[];

/** Writes the words of mails. */
export interface MailWriter {
  /** Every language that there are words in, in lower case. */
  readonly locales: readonly string[];
  /**
   * @param wanted languages, the best one first.
   * @param values what the words and the templates name; one that is missing is an error.
   */
  write(kind: MailKind, wanted: Locales, values: MailValues): WrittenMail;
}

/** How many items a list shows. */
const shownItems = 50;

/**
 * A writer of mails with the built-in words and templates and, in their place, those of a folder.
 * @throws an Error that names every mistake in the folder.
 */
export function createMailWriter(folder?: string): MailWriter {
  const { words, mistakes } = readWords(folder);
  if (mistakes.length > 0) throw new Error(mistakes.join('; '));
  const known = new Set(words.keys());
  const render = pagesOf(folder);
  const ready = new Map<string, Sentences>();

  function sentencesOf(kind: MailKind, locale: string): Sentences {
    const { common, ...mails } = words.get(locale) as NonNullable<ReturnType<typeof words.get>>;
    const name = `${locale} ${kind}`;
    const sentences = ready.get(name) ?? parseSentences({ ...mails[kind], ...common });
    ready.set(name, sentences);
    return sentences;
  }

  function write(kind: MailKind, wanted: Locales, given: MailValues): WrittenMail {
    const locale = bestLocale(wanted, known);
    const values = valuesIn(locale, given);
    const sentences = sentencesOf(kind, locale);
    const subject = saidSubject(sentences, values);
    const data = { ...values, subject, lang: locale, dir: directionOf(locale) };
    const part = (it: Part) => render(it, kind, { ...data, ...said(sentences, it, values) });
    return { subject, text: part('text'), html: part('html'), about: { kind, locale, wanted, values } };
  }

  const writer = { locales: [...known].sort(), write };
  const wrong = folder === undefined ? [] : mistakesOf(writer);
  if (wrong.length > 0) throw new Error(wrong.join('; '));
  return writer;
}

/** Puts what is said into the templates: a mail's own, or the one that all share. */
function pagesOf(folder: string | undefined) {
  const root = folder === undefined ? [builtIn] : [folder, builtIn];
  const engines = { html: liquid(inPage, { root }), text: liquid(String, { root }) };
  const own = new Set(folder === undefined ? [] : filesOf(folder));
  return (part: Part, kind: MailKind, data: object): string => {
    const file = `${own.has(`${kind}.${part}.liquid`) ? kind : 'mail'}.${part}.liquid`;
    try {
      return String(engines[part].renderFileSync(file, data)).trim();
    } catch (error) {
      throw new Error(`${file}: ${reasonOf(error)}`, { cause: error });
    }
  };
}

/** Whatever a mail client may take for a new line, so that what a person wrote is quoted whole. */
const lineBreak = /\r\n|[\r\v\f\u0085\u2028\u2029]/g;

/** The values as a language says them. What the templates ask for and a mail has none of is null. */
function valuesIn(locale: string, given: MailValues) {
  const { items = [], ...others } = given;
  const all = items as readonly string[];
  const spoken = Object.entries(others).map(([name, it]) => [name, it instanceof Date ? timeInWords(it, locale) : it]);
  const shown = { items: all.slice(0, shownItems), more: Math.max(0, all.length - shownItems) };
  const values: Record<string, unknown> = { message: null, link: null, ...Object.fromEntries(spoken), ...shown };
  return { ...values, message: typeof values.message === 'string' ? values.message.replaceAll(lineBreak, '\n') : null };
}

/** Writes every mail in every language. @returns a sentence for each reason why some can't be written. */
function mistakesOf({ locales, write }: MailWriter): string[] {
  const places = new Map<string, string[]>();
  for (const locale of locales) {
    for (const [kind, values] of mailKinds.flatMap((kind) => samplesOf(kind).map((it) => [kind, it] as const))) {
      try {
        requireLinks(values, write(kind, [locale], values));
      } catch (error) {
        const reason = reasonOf(error);
        places.set(reason, [...(places.get(reason) ?? []), `${kind} in ${locale}`]);
      }
    }
  }
  return [...places].map(([reason, [first, ...others]]) => {
    const more = others.length > 0 ? ` (and ${others.length} more)` : '';
    return `${reason}, in the mail ${first}${more}`;
  });
}

/** @throws an Error where a mail does not show what it is sent for. */
function requireLinks(values: MailValues, { text, html }: WrittenMail): void {
  for (const name of ['link', 'optOutLink', 'reportLink']) {
    const link = values[name];
    if (typeof link !== 'string') continue;
    if (!text.includes(link)) throw new Error(`the text does not show {{ ${name} }}`);
    if (!html.includes(inPage(link))) throw new Error(`the page does not show {{ ${name} }}`);
  }
}

/** The first line of what a template's error says. */
const reasonOf = (error: unknown) => (error as Error).message.split('\n', 1)[0] ?? '';
