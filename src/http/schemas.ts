import { type Static, type TSchema, Type } from 'typebox';
import { type Id, type IdPrefix, idPattern } from '../ids/ids.ts';
import { displayNamePattern } from '../text/characters.ts';

/**
 * A schema keyword: names the normal form of a text, which replaces it before its length and
 * pattern are checked.
 */
export const normalFormKeyword = 'x-normal-form';

/** The part of an id after its prefix, in examples. */
export const exampleId = '01k7z2n4q8e6tbv5xw3c9d0hjm';

export const idSchema = <P extends IdPrefix>(prefix: P) =>
  Type.Unsafe<Id<P>>(Type.String({ pattern: idPattern(prefix), maxLength: 30, examples: [`${prefix}_${exampleId}`] }));

export const idOrNull = <P extends IdPrefix>(prefix: P, description: string) =>
  Type.Unsafe<Id<P> | null>({ ...idSchema(prefix), type: ['string', 'null'], description });

/** A reference to a schema by its `$id`, with the type of that schema. */
export const ref = <T extends TSchema>(schema: T) =>
  Type.Unsafe<Static<T>>(Type.Ref((schema as { $id?: string }).$id as string));

/**
 * An enum of strings. It reads better in the OpenAPI document and in errors than a union of
 * literals.
 */
export const choice = <T extends string>(words: readonly T[], options: { description?: string } = {}) =>
  Type.Unsafe<T>(Type.String({ enum: [...words], ...options }));

/** An integer with bounds. */
export const Integer = (options: { minimum: number; maximum: number; [key: string]: unknown }) =>
  Type.Integer({ format: options.maximum > 2 ** 31 - 1 ? 'int64' : 'int32', ...options });

/** A time in RFC 3339, UTC. Handlers return a Date. */
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
  description:
    'An e-mail address. Responses contain its canonical form: Unicode-normalised, trimmed and in lower case.',
  examples: ['olivia@example.com'],
});

/** An e-mail address in a query. Handlers get its canonical form with `requireEmailParameter`. */
export const EmailParameter = (description: string) => {
  // Swagger UI would send an example.
  const { examples, ...schema } = Email as typeof Email & { examples?: unknown };
  return Type.Optional({ ...schema, description });
};

/** The name of a person or a thing. Requests are normalised by `displayName`. */
export const DisplayName = (example: string) =>
  Type.String({
    minLength: 1,
    maxLength: 100,
    pattern: displayNamePattern,
    [normalFormKeyword]: 'display-name',
    description:
      'One line with at least one visible character. Leading and trailing spaces and zero-width characters are removed.',
    examples: [example],
  });

export const PersonName = DisplayName('Olivia Owner');
export const AccountName = DisplayName('Example Hosting');

/** A pattern for language tags (RFC 5646). */
export const localePattern = '^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,5}$';

/** A language tag (RFC 5646), such as `de` or `pt-BR`. */
export const Locale = Type.String({
  pattern: localePattern,
  maxLength: 35,
  description:
    'The language of mails: a language tag (RFC 5646). If mails are not available in it, the closest available language is used, or else English.',
  examples: ['de'],
});

export const LocaleOrNull = Type.Unsafe<string | null>({ ...Locale, type: ['string', 'null'] });

/** A successful response with a body. */
export const answer = <T extends TSchema>(schema: T, description: string) =>
  Type.Unsafe<Static<T>>({
    $ref: (schema as { $id?: string }).$id as string,
    description,
  } as TSchema);

/** A response without a body. */
export const nothing = (description: string) => Type.Null({ description });

/** A query parameter that is `true` or `false`. */
export const Flag = (description: string) => choice(['true', 'false'], { description });
