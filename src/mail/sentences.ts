import { Liquid, type Template } from 'liquidjs';
import { escapeHtml } from '../text/html.ts';
import { oneLine } from '../text/one-line.ts';
import type { MailWords } from './words.ts';

/** HTML that was made here. Whatever else a template prints is text, and is escaped. */
export interface Markup {
  html: string;
}

const isMarkup = (value: unknown): value is Markup => typeof (value as Markup | null)?.html === 'string';

/** Letters that are written from right to left. */
const rightToLeft = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/;

/** In a text: a name in another direction turns nothing around it (UAX #9). */
const isolated = (value: unknown) => (rightToLeft.test(String(value)) ? `\u2068${value}\u2069` : String(value));

/**
 * Liquid that prints values in one way, and in no other: a template that asks for `raw`, or escapes once more, gets the
 * same. An unknown value or filter is an error.
 */
export function liquid(print: (value: unknown) => string, options: { root?: string[] } = {}): Liquid {
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

/** Prints a page: text is escaped, and markup of ours is not. */
export const inPage = (value: unknown) => (isMarkup(value) ? value.html : escapeHtml(String(value)));

const inHtml = liquid((value) => `<bdi>${escapeHtml(String(value))}</bdi>`);
const inText = liquid(isolated);
const inSubject = liquid(String);

/** A sentence that is ready to be said, in either part of a mail. */
interface Sentence {
  html: Template[];
  text: Template[];
  subject: Template[];
}

export type Part = 'html' | 'text';

type Common = { address: string; more: string; writes: string };

/** The same shape, with something else in the place of each text. */
type Mapped<Shape, Leaf> = Shape extends string
  ? Leaf
  : Shape extends (infer Item)[]
    ? Mapped<Item, Leaf>[]
    : { [Key in keyof Shape]: Mapped<Shape[Key], Leaf> };

export type Sentences = Mapped<MailWords & Common, Sentence>;

/** Makes the sentences of a mail ready. @throws what is wrong with one. */
export const parseSentences = (words: MailWords & Common): Sentences =>
  mapped(words, (sentence: string) => {
    const text = sentence.replaceAll(/<\/?strong>/g, '');
    return { html: inHtml.parse(sentence), text: inText.parse(text), subject: inSubject.parse(text) };
  }) as Sentences;

/** What the templates are given of the words: every sentence said. @throws where one names a value that there is not. */
export function said(sentences: Sentences, part: Part, values: Record<string, unknown>) {
  const { subject, lead, optOut, report, body, notes, list, button, more, ...others } = sentences;
  const say = (it: Sentence): string | Markup =>
    part === 'html' ? { html: String(inHtml.renderSync(it.html, values)) } : String(inText.renderSync(it.text, values));
  const sayAny = (it: Sentence | undefined) => (it === undefined ? null : say(it));
  const ways = [
    { way: optOut, link: values.optOutLink },
    { way: report, link: values.reportLink },
  ];
  return {
    words: {
      title: say(others.title),
      lead: say('html' in lead ? lead : leadFor(values.access, lead)),
      list: sayAny(list),
      more: values.more === 0 ? null : say(more),
      writes: values.message === null ? null : say(others.writes),
      button: values.link === null ? null : say(requireButton(button)),
      address: say(others.address),
      body: (body ?? []).map(say),
      notes: (notes ?? []).map(say),
    },
    ways: ways.flatMap(({ way, link }) => (way ? [{ text: say(way.text), label: say(way.label), link }] : [])),
  };
}

type Leads = Exclude<Sentences['lead'], Sentence>;

/** The first sentence for what is given, or the one that comes next to it. */
function leadFor(access: unknown, { all, chosen, member, ownership }: Leads): Sentence {
  if (access === 'ownership') return ownership ?? all;
  if (access === 'member') return member ?? chosen;
  return access === 'all' ? all : chosen;
}

/** @throws an Error where there is none. */
function requireButton(button: Sentence | undefined): Sentence {
  if (!button) throw new Error('it leads to a link, and has no button');
  return button;
}

/** A subject, which is a header. @throws an Error where nothing is left of it. */
export function saidSubject({ subject }: Sentences, values: Record<string, unknown>): string {
  const line = oneLine(String(inSubject.renderSync(subject.subject, values)));
  if (line === '') throw new Error('its subject is empty');
  return line;
}

function mapped(value: unknown, map: (text: string) => unknown): unknown {
  if (typeof value === 'string') return map(value);
  if (Array.isArray(value)) return value.map((it) => mapped(it, map));
  return Object.fromEntries(Object.entries(value as object).map(([key, it]) => [key, mapped(it, map)]));
}
