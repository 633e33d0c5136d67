import { type Static, type TSchema, Type } from 'typebox';
import { type Id, type IdPrefix, idPattern } from '../ids.ts';

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
  description: 'An e-mail address. Answers show its canonical form: Unicode-normalised and in lower case.',
  examples: ['olivia@example.com'],
});

/** Characters that show nothing by themselves, yet belong in names: spaces, marks, joiners and soft hyphens. */
const unseen = '\\p{Zs}\\p{M}\\u00AD\\u200B-\\u200D\\u2060\\uFEFF';
/** Something to see: no control, separator or mark, and nothing that is drawn as nothing. */
const seen = '[^\\p{C}\\p{Z}\\p{M}\\p{Default_Ignorable_Code_Point}]';

/**
 * One line that a person wrote: something to see in it, no control characters, no line breaks, nothing that turns the direction
 * of what stands around it. What may come before the first seen character is no seen character, so that matching takes one
 * pass, however long the text.
 */
/** Text without control characters, which is `\\p{Cc}` in words that every reader of a JSON Schema has, with or without Unicode. */
export const noControls = '^[^\\u0000-\\u001f\\u007f-\\u009f]*$';

const oneLine = `^[${unseen}]*${seen}[^\\p{Cc}\\p{Zl}\\p{Zp}\\p{Bidi_Control}]*$`;

export const PersonName = Type.String({ minLength: 1, maxLength: 100, pattern: oneLine, examples: ['Olivia Owner'] });
export const AccountName = Type.String({
  minLength: 1,
  maxLength: 100,
  pattern: oneLine,
  examples: ['Example Hosting'],
});

/** A language tag (RFC 5646), such as `de` or `pt-BR`. Where there are no words in it, there are in what it falls back to. */
export const Locale = Type.String({
  pattern: '^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,5}$',
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
