import { type MailKind, type MailValues, mailKinds } from './kinds.ts';
import { bestLocale, directionOf, timeInWords } from './locale.ts';
import {
  createLiquid,
  type ParsedTexts,
  type Part,
  parseTexts,
  printHtml,
  renderSubject,
  renderTexts,
} from './render.ts';
import { samplesOf } from './samples.ts';
import { builtInFolder, listFiles, readTexts } from './texts.ts';

/** A written mail, and the values it was written from. */
export interface WrittenMail {
  subject: string;
  text: string;
  html: string;
  /** `locale` is the language of the mail: the first of `preferred` that has texts, or English. */
  about: { kind: MailKind; locale: string; preferred: Locales; values: Record<string, unknown> };
}

type Locales = readonly (string | null | undefined)[];

/** Writes mails from the texts and templates. */
export interface MailWriter {
  /** The languages that have texts, in lower case. */
  readonly locales: readonly string[];
  /**
   * @param preferred languages, best first.
   * @param values everything the texts and templates refer to.
   * @throws an Error if a value is missing.
   */
  write(kind: MailKind, preferred: Locales, values: MailValues): WrittenMail;
}

/** How many items of a list are shown. */
const maxItems = 50;

/**
 * Creates a mail writer.
 * @param folder texts and templates that replace the built-in ones.
 * @throws an Error that lists every mistake in the folder.
 */
export function createMailWriter(folder?: string): MailWriter {
  const { texts, mistakes } = readTexts(folder);
  if (mistakes.length > 0) throw new Error(mistakes.join('; '));
  const available = new Set(texts.keys());
  const render = createRenderer(folder);
  const parsed = new Map<string, ParsedTexts>();

  function findTexts(kind: MailKind, locale: string): ParsedTexts {
    const { common, ...mails } = texts.get(locale) as NonNullable<ReturnType<typeof texts.get>>;
    const name = `${locale} ${kind}`;
    const found = parsed.get(name) ?? parseTexts({ ...mails[kind], ...common });
    parsed.set(name, found);
    return found;
  }

  function write(kind: MailKind, preferred: Locales, rawValues: MailValues): WrittenMail {
    const locale = bestLocale(preferred, available);
    const values = localizedValues(locale, rawValues);
    const mailTexts = findTexts(kind, locale);
    const subject = renderSubject(mailTexts, values);
    const data = { ...values, subject, lang: locale, dir: directionOf(locale) };
    const part = (it: Part) => render(it, kind, { ...data, ...renderTexts(mailTexts, it, values) });
    return { subject, text: part('text'), html: part('html'), about: { kind, locale, preferred, values } };
  }

  const writer = { locales: [...available].sort(), write };
  const failures = folder === undefined ? [] : findFailures(writer);
  if (failures.length > 0) throw new Error(failures.join('; '));
  return writer;
}

/** Renders a mail with its own template, or with the one that all mails share. */
function createRenderer(folder: string | undefined) {
  const root = folder === undefined ? [builtInFolder] : [folder, builtInFolder];
  const engines = { html: createLiquid(printHtml, { root }), text: createLiquid(String, { root }) };
  const own = new Set(folder === undefined ? [] : listFiles(folder));
  return (part: Part, kind: MailKind, data: object): string => {
    const file = `${own.has(`${kind}.${part}.liquid`) ? kind : 'mail'}.${part}.liquid`;
    try {
      return String(engines[part].renderFileSync(file, data)).trim();
    } catch (error) {
      throw new Error(`${file}: ${firstLine(error)}`, { cause: error });
    }
  };
}

/**
 * Everything that a mail client may show as a line break. A quoted message must not escape its
 * quote.
 */
const lineBreak = /\r\n|[\r\v\f\u0085\u2028\u2029]/g;

/**
 * Formats the times and shortens the list. Values that every template refers to are null where a
 * mail has none.
 */
function localizedValues(locale: string, rawValues: MailValues) {
  const { items = [], ...others } = rawValues;
  const all = items as readonly string[];
  const formatted = Object.entries(others).map(([name, it]) => [
    name,
    it instanceof Date ? timeInWords(it, locale) : it,
  ]);
  const list = { items: all.slice(0, maxItems), more: Math.max(0, all.length - maxItems) };
  const values: Record<string, unknown> = { message: null, link: null, ...Object.fromEntries(formatted), ...list };
  return { ...values, message: typeof values.message === 'string' ? values.message.replaceAll(lineBreak, '\n') : null };
}

/** Writes every sample mail in every language. @returns one message for each kind of failure. */
function findFailures({ locales, write }: MailWriter): string[] {
  const places = new Map<string, string[]>();
  for (const locale of locales) {
    for (const [kind, values] of mailKinds.flatMap((kind) => samplesOf(kind).map((it) => [kind, it] as const))) {
      try {
        requireLinks(values, write(kind, [locale], values));
      } catch (error) {
        const reason = firstLine(error);
        places.set(reason, [...(places.get(reason) ?? []), `${kind} in ${locale}`]);
      }
    }
  }
  return [...places].map(([reason, [first, ...others]]) => {
    const more = others.length > 0 ? ` (and ${others.length} more)` : '';
    return `${reason}, in the mail ${first}${more}`;
  });
}

/** @throws an Error if a link is missing from the mail. */
function requireLinks(values: MailValues, { text, html }: WrittenMail): void {
  for (const name of ['link', 'optOutLink', 'reportLink']) {
    const link = values[name];
    if (typeof link !== 'string') continue;
    if (!text.includes(link)) throw new Error(`the text does not show {{ ${name} }}`);
    if (!html.includes(printHtml(link))) throw new Error(`the page does not show {{ ${name} }}`);
  }
}

/** The first line of an error's message. */
const firstLine = (error: unknown) => (error as Error).message.split('\n', 1)[0] ?? '';
