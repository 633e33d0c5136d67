import { escapeHtml } from '../text/html.ts';

/** Text that is HTML already, as only `html` makes it. */
export interface Html {
  readonly markup: string;
}

const render = (value: string | Html | Html[]): string => {
  if (typeof value === 'string') return escapeHtml(value);
  return [value]
    .flat()
    .map((it) => it.markup)
    .join('');
};

/** A template of HTML. Every text in it is escaped, for an element as for a quoted attribute; only what is HTML already is not. */
export function html(parts: TemplateStringsArray, ...values: (string | Html | Html[])[]): Html {
  return { markup: parts.map((part, i) => (i === 0 ? part : render(values[i - 1] as string) + part)).join('') };
}
