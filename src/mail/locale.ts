/** The language that every mail can be written in. */
export const defaultLocale = 'en';

/**
 * The first of some languages that there are words in: each asked for as it is, then by less and less of it (RFC 4647,
 * lookup), so that `de-AT` is answered with `de`; English where there is none.
 * @param known in lower case.
 */
export function bestLocale(wanted: readonly (string | null | undefined)[], known: ReadonlySet<string>): string {
  for (const tag of wanted) {
    const parts = (tag ?? '').toLowerCase().split('-');
    for (let length = parts.length; length > 0; length -= 1) {
      const shorter = parts.slice(0, length).join('-');
      if (known.has(shorter)) return shorter;
    }
  }
  return defaultLocale;
}

/** Scripts (ISO 15924) that are written from right to left. */
const rightToLeft = ['Arab', 'Hebr', 'Syrc', 'Thaa', 'Nkoo', 'Adlm', 'Rohg', 'Samr', 'Mand'];

/** In which direction a language is written. */
export function directionOf(locale: string): 'ltr' | 'rtl' {
  return rightToLeft.includes(new Intl.Locale(locale).maximize().script ?? '') ? 'rtl' : 'ltr';
}

/** Languages that put no comma between a date and a time. */
const withoutComma = /^(ja|zh)\b/;

/** A time as a mail says it: `Monday, 30 November 2026, 09:30 UTC`. */
export function timeInWords(time: Date, locale = defaultLocale): string {
  const spoken = locale === 'en' ? 'en-GB' : locale;
  const [date, clock] = [{ dateStyle: 'full' } as const, { timeStyle: 'short', hourCycle: 'h23' } as const].map(
    (style) => new Intl.DateTimeFormat(spoken, { ...style, timeZone: 'UTC' }).format(time),
  );
  const day = locale === 'en' ? date?.replace(/^(\w+) /, '$1, ') : date;
  return `${day}${withoutComma.test(locale) ? ' ' : ', '}${clock} UTC`;
}
