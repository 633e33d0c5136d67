/** The fallback language. Every mail has texts in it. */
export const defaultLocale = 'en';

/**
 * The first preferred language that is available, by RFC 4647 lookup: `de-AT` matches `de`.
 * Otherwise English.
 * @param available in lower case.
 */
export function bestLocale(preferred: readonly (string | null | undefined)[], available: ReadonlySet<string>): string {
  for (const tag of preferred) {
    const parts = (tag ?? '').toLowerCase().split('-');
    for (let length = parts.length; length > 0; length -= 1) {
      const shorter = parts.slice(0, length).join('-');
      if (available.has(shorter)) return shorter;
    }
  }
  return defaultLocale;
}

/** Right-to-left scripts (ISO 15924). */
const rightToLeft = ['Arab', 'Hebr', 'Syrc', 'Thaa', 'Nkoo', 'Adlm', 'Rohg', 'Samr', 'Mand'];

/** The writing direction of a language. */
export function directionOf(locale: string): 'ltr' | 'rtl' {
  return rightToLeft.includes(new Intl.Locale(locale).maximize().script ?? '') ? 'rtl' : 'ltr';
}

/** Languages without a comma between date and time. */
const withoutComma = /^(ja|zh)\b/;

/** Formats a time for a mail, such as `Monday, 30 November 2026, 09:30 UTC`. */
export function timeInWords(time: Date, locale = defaultLocale): string {
  const tag = locale === 'en' ? 'en-GB' : locale;
  const [date, clock] = [{ dateStyle: 'full' } as const, { timeStyle: 'short', hourCycle: 'h23' } as const].map(
    (style) => new Intl.DateTimeFormat(tag, { ...style, timeZone: 'UTC' }).format(time),
  );
  const day = locale === 'en' ? date?.replace(/^(\w+) /, '$1, ') : date;
  return `${day}${withoutComma.test(locale) ? ' ' : ', '}${clock} UTC`;
}
