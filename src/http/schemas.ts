import { type Static, type TSchema, Type } from 'typebox';
import { type Id, type IdPrefix, idPattern } from '../ids.ts';

/** A schema keyword: the text is normalised before its length and pattern are checked. */
export const normalFormKeyword = 'x-normal-form';

const example = '01k7z2n4q8e6tbv5xw3c9d0hjm';

export const idSchema = <P extends IdPrefix>(prefix: P) =>
  Type.Unsafe<Id<P>>(Type.String({ pattern: idPattern(prefix), maxLength: 30, examples: [`${prefix}_${example}`] }));

export const idOrNull = <P extends IdPrefix>(prefix: P, description: string) =>
  Type.Unsafe<Id<P> | null>({ ...idSchema(prefix), type: ['string', 'null'], description });

/** A reference to a schema that is registered under its `$id`, typed as what it refers to. */
export const ref = <T extends TSchema>(schema: T) =>
  Type.Unsafe<Static<T>>(Type.Ref((schema as { $id?: string }).$id as string));

/** One of some words. Reads better in a document and in an error than a union of literals. */
export const choice = <T extends string>(words: readonly T[], options: { description?: string } = {}) =>
  Type.Unsafe<T>(Type.String({ enum: [...words], ...options }));

/** A whole number, of which the bounds are known. */
export const Integer = (options: { minimum: number; maximum: number; [key: string]: unknown }) =>
  Type.Integer({ format: options.maximum > 2 ** 31 - 1 ? 'int64' : 'int32', ...options });

/** RFC 3339, UTC. Taken from a Date as it is. */
export const Time = Type.Unsafe<Date>(
  Type.String({ format: 'date-time', maxLength: 30, examples: ['2026-11-22T09:30:00.000Z'] }),
);

export const TimeOrNull = Type.Unsafe<Date | null>({
  type: ['string', 'null'],
  format: 'date-time',
  maxLength: 30,
  examples: ['2026-11-22T09:30:00.000Z'],
});

export const Email = Type.String({
  format: 'email',
  minLength: 3,
  maxLength: 254,
  description: 'An e-mail address. Answers show its canonical form: Unicode-normalised, trimmed and in lower case.',
  examples: ['olivia@example.com'],
});

/** The messages for a text that is not an address. In a query string, a `+` is a space. */
export const notAnAddress = {
  body: 'must be an e-mail address',
  query: 'must be an e-mail address; write a + in it as %2B',
};

/**
 * An address in a query, of which the handler takes the canonical form (`requireEmailParameter`).
 */
export const EmailParameter = (description: string) => {
  // Without an example: Swagger UI would send it.
  const { examples, ...schema } = Email as typeof Email & { examples?: unknown };
  return Type.Optional({ ...schema, description });
};

/**
 * Control characters (`\\p{Cc}`) as a class of a pattern, in a notation that every regular
 * expression engine reads.
 */
export const controls = '\\x00-\\x1f\\x7f-\\x9f';

/** Text without control characters. */
export const noControls = `^[^${controls}]*$`;

// Character classes. The characters are literal, not `\\p{…}` or `\\u…`, so that every regular
// expression engine can read the patterns in the OpenAPI document.

export const spaces = '\x20\xa0\u1680\u2000-\u200a\u202f\u205f\u3000';
/** Soft hyphen, zero-width spaces and joiners, marks of direction, byte order mark. */
export const zeroWidth = '\xad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff';
/** Invisible, but part of the character before them: never trimmed. */
const fillers = '\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\ufffc';
/**
 * Control characters, line breaks of any script, and characters that change the direction of the
 * text around them.
 */
const refused = `${controls}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069`;
const blank = `${spaces}\xad\u180e\u200b-\u200d\u2060-\u2065\u206a-\u206f\ufeff${fillers}`;

/**
 * One line with a visible character, as far as every engine can check it: `displayName` is
 * stricter. The characters allowed before the first visible one are not visible, so that matching
 * takes one pass.
 */
export const displayNamePattern = `^[${blank}]*[^${refused}${blank}][^${refused}]*$`;

/** A name that people read. It is trimmed in requests. */
export const DisplayName = (example: string) =>
  Type.String({
    minLength: 1,
    maxLength: 100,
    pattern: displayNamePattern,
    [normalFormKeyword]: 'display-name',
    description:
      'One line with at least one visible character. Spaces and zero-width characters around it are removed.',
    examples: [example],
  });

export const PersonName = DisplayName('Olivia Owner');
export const AccountName = DisplayName('Example Hosting');

/** The form of a language tag (RFC 5646). */
export const localePattern = '^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,5}$';

/** A language tag (RFC 5646), such as `de` or `pt-BR`. Where there are no words in it, there are in what it falls back to. */
export const Locale = Type.String({
  pattern: localePattern,
  maxLength: 35,
  description:
    'The language of mails: a language tag (RFC 5646). One that there are no words in falls back to the next best, in the end to English.',
  examples: ['de'],
});

export const LocaleOrNull = Type.Unsafe<string | null>({ ...Locale, type: ['string', 'null'] });

export const PagingQuery = {
  limit: Type.Optional(Integer({ minimum: 1, maximum: 100, default: 50, description: 'How many at most.' })),
};

/** The `cursor` of a list: the id of the last item of the page before. */
export const cursorOf = (prefix: IdPrefix) =>
  Type.Optional(
    Type.String({ pattern: idPattern(prefix), maxLength: 30, description: 'The `nextCursor` of the page before.' }),
  );

/** One page of a list, and how to get the next. */
export const pageOf = <T extends TSchema>(item: T, $id: string, prefix: IdPrefix) =>
  Type.Object(
    {
      items: Type.Array(ref(item), { maxItems: 100 }),
      nextCursor: Type.Unsafe<string | null>({
        type: ['string', 'null'],
        maxLength: 30,
        description: 'Send it as `cursor` to get the next page; null on the last one.',
        examples: [`${prefix}_${example}`],
      }),
    },
    { $id, additionalProperties: false },
  );

/** What a route answers when all went well. */
export const answer = <T extends TSchema>(schema: T, description: string) =>
  Type.Unsafe<Static<T>>({
    $ref: (schema as { $id?: string }).$id as string,
    description,
  } as TSchema);

/** An answer without a body. */
export const nothing = (description: string) => Type.Null({ description });

/** A parameter of a query that is `true` or `false`. */
export const Flag = (description: string) => choice(['true', 'false'], { description });
