import { Liquid, type Template } from 'liquidjs';
import { escapeHtml } from '../text/html.ts';
import { oneLine } from '../text/one-line.ts';
import type { MailTexts } from './texts.ts';

/** HTML that this file produced. Every other value is text and is escaped. */
export interface Markup {
  html: string;
}

const isMarkup = (value: unknown): value is Markup => typeof (value as Markup | null)?.html === 'string';

/** Matches right-to-left letters. */
const rightToLeft = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/;

/** Isolates right-to-left text, so that it does not reorder the text around it (UAX #9). */
const printText = (value: unknown) => (rightToLeft.test(String(value)) ? `\u2068${value}\u2069` : String(value));

/**
 * A Liquid engine that prints every value with `print`. The filters `raw`, `escape` and
 * `escape_once` do nothing, so a template can't switch escaping off or escape twice. An unknown
 * variable or filter is an error.
 */
export function createLiquid(print: (value: unknown) => string, options: { root?: string[] } = {}): Liquid {
  const strict = {
    strictVariables: true,
    strictFilters: true,
    ownPropertyOnly: true,
    cache: options.root !== undefined,
  };
  const engine = new Liquid({ ...strict, ...options, outputEscape: print });
  for (const filter of ['raw', 'escape', 'escape_once']) engine.registerFilter(filter, (value: unknown) => value);
  return engine;
}

/** Prints a value in HTML: text is escaped, our own markup is not. */
export const printHtml = (value: unknown) => (isMarkup(value) ? value.html : escapeHtml(String(value)));

const htmlEngine = createLiquid((value) => `<bdi>${escapeHtml(String(value))}</bdi>`);
const textEngine = createLiquid(printText);
const subjectEngine = createLiquid(String);

/** A text, parsed for each part of a mail. */
interface ParsedText {
  html: Template[];
  text: Template[];
  subject: Template[];
}

export type Part = 'html' | 'text';

type CommonTexts = { address: string; more: string; writes: string };

/** The same shape with every string replaced by a `Leaf`. */
type Mapped<Shape, Leaf> = Shape extends string
  ? Leaf
  : Shape extends (infer Item)[]
    ? Mapped<Item, Leaf>[]
    : { [Key in keyof Shape]: Mapped<Shape[Key], Leaf> };

/** The parsed texts of one mail. */
export type ParsedTexts = Mapped<MailTexts & CommonTexts, ParsedText>;

/** Parses the texts of a mail. @throws an Error if a text is not valid Liquid. */
export const parseTexts = (texts: MailTexts & CommonTexts): ParsedTexts =>
  mapStrings(texts, (text: string) => {
    const plain = text.replaceAll(/<\/?strong>/g, '');
    return { html: htmlEngine.parse(text), text: textEngine.parse(plain), subject: subjectEngine.parse(plain) };
  }) as ParsedTexts;

/**
 * Renders the texts of a mail for its HTML or its plain-text template.
 * @throws an Error if a text refers to an unknown value.
 */
export function renderTexts(texts: ParsedTexts, part: Part, values: Record<string, unknown>) {
  const { subject, lead, optOut, report, body, notes, list, button, more, ...others } = texts;
  const render = (it: ParsedText): string | Markup =>
    part === 'html'
      ? { html: String(htmlEngine.renderSync(it.html, values)) }
      : String(textEngine.renderSync(it.text, values));
  const renderOptional = (it: ParsedText | undefined) => (it === undefined ? null : render(it));
  const ways = [
    { way: optOut, link: values.optOutLink },
    { way: report, link: values.reportLink },
  ];
  return {
    words: {
      title: render(others.title),
      lead: render('html' in lead ? lead : leadFor(values.access, lead)),
      list: renderOptional(list),
      more: values.more === 0 ? null : render(more),
      writes: values.message === null ? null : render(others.writes),
      button: values.link === null ? null : render(requireButton(button)),
      address: render(others.address),
      body: (body ?? []).map(render),
      notes: (notes ?? []).map(render),
    },
    ways: ways.flatMap(({ way, link }) => (way ? [{ text: render(way.text), label: render(way.label), link }] : [])),
  };
}

type Leads = Exclude<ParsedTexts['lead'], ParsedText>;

/** The first sentence for the access that the mail offers, or the closest one there is. */
function leadFor(access: unknown, { all, chosen, member, ownership }: Leads): ParsedText {
  if (access === 'ownership') return ownership ?? all;
  if (access === 'member') return member ?? chosen;
  return access === 'all' ? all : chosen;
}

function requireButton(button: ParsedText | undefined): ParsedText {
  if (!button) throw new Error('it has a link, but no button');
  return button;
}

/** Renders the subject as one line. @throws an Error if it is empty. */
export function renderSubject({ subject }: ParsedTexts, values: Record<string, unknown>): string {
  const line = oneLine(String(subjectEngine.renderSync(subject.subject, values)));
  if (line === '') throw new Error('its subject is empty');
  return line;
}

function mapStrings(value: unknown, map: (text: string) => unknown): unknown {
  if (typeof value === 'string') return map(value);
  if (Array.isArray(value)) return value.map((it) => mapStrings(it, map));
  return Object.fromEntries(Object.entries(value as object).map(([key, it]) => [key, mapStrings(it, map)]));
}
