import { type Static, type TSchema, Type } from 'typebox';
import { type Id, type IdPrefix, idPattern } from '../ids/ids.ts';
import { displayNamePattern } from '../text/characters.ts';

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

/**
 * An address in a query, of which the handler takes the canonical form (`requireEmailParameter`).
 */
export const EmailParameter = (description: string) => {
  // Without an example: Swagger UI would send it.
  const { examples, ...schema } = Email as typeof Email & { examples?: unknown };
  return Type.Optional({ ...schema, description });
};

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
