import { escapeHtml } from '../text/html.ts';

/** Safe HTML, created by `html`. */
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

/**
 * An HTML template. Strings are escaped, for elements and quoted attributes; `Html` values are not.
 */
export function html(parts: TemplateStringsArray, ...values: (string | Html | Html[])[]): Html {
  return { markup: parts.map((part, i) => (i === 0 ? part : render(values[i - 1] as string) + part)).join('') };
}
