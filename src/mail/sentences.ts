import { Liquid, type Template } from 'liquidjs';
import { oneLine } from './one-line.ts';
import type { MailWords } from './words.ts';

const strict = { strictVariables: true, strictFilters: true, ownPropertyOnly: true };

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;', "'": '&#39;' };

/** Text as it stands in HTML. */
export const escaped = (value: unknown) => String(value).replaceAll(/[&<>"']/g, (it) => entities[it] ?? '');

/** In HTML what people chose is escaped, and turns nothing around it; a sentence in a text has no markup. */
const inHtml = new Liquid({ ...strict, outputEscape: (value: unknown) => `<bdi>${escaped(value)}</bdi>` });
const inText = new Liquid(strict);

/** A sentence that is ready to be said, in either part of a mail. */
interface Sentence {
  html: Template[];
  text: Template[];
}

export type Part = keyof Sentence;

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
  mapped(words, (text: string) => ({
    html: inHtml.parse(text),
    text: inText.parse(text.replaceAll(/<\/?strong>/g, '')),
  })) as Sentences;

/** What the templates are given of the words: every sentence said. @throws where one names a value that there is not. */
export function said(sentences: Sentences, part: Part, values: Record<string, unknown>) {
  const { subject, lead, optOut, report, body, notes, list, button, more, ...others } = sentences;
  const say = (it: Sentence) => String((part === 'html' ? inHtml : inText).renderSync(it[part], values));
  const sayAny = (it: Sentence | undefined) => (it === undefined ? null : say(it));
  const ways = [
    { way: optOut, link: values.optOutLink },
    { way: report, link: values.reportLink },
  ];
  return {
    words: {
      title: say(others.title),
      lead: say('html' in lead ? lead : values.access === 'all' ? lead.all : lead.chosen),
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

/** @throws an Error where there is none. */
function requireButton(button: Sentence | undefined): Sentence {
  if (!button) throw new Error('it leads to a link, and has no button');
  return button;
}

/** A subject, which is a header. */
export const saidSubject = ({ subject }: Sentences, values: Record<string, unknown>) =>
  oneLine(String(inText.renderSync(subject.text, values)));

function mapped(value: unknown, map: (text: string) => unknown): unknown {
  if (typeof value === 'string') return map(value);
  if (Array.isArray(value)) return value.map((it) => mapped(it, map));
  return Object.fromEntries(Object.entries(value as object).map(([key, it]) => [key, mapped(it, map)]));
}
