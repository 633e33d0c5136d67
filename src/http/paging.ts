import { type TSchema, Type } from 'typebox';
import { type IdPrefix, idPattern } from '../ids/ids.ts';
import { exampleId, Integer, ref } from './schemas.ts';

/**
 * One page of a list.
 * @param rows up to `limit + 1` rows: one more than `limit` means that there is a next page.
 */
export function page<Row, Item>(
  rows: Row[],
  limit: number,
  cursorOf: (row: Row) => string,
  toItem: (row: Row) => Item,
) {
  const pageRows = rows.slice(0, limit);
  const last = pageRows.at(-1);
  return { items: pageRows.map(toItem), nextCursor: rows.length > limit && last !== undefined ? cursorOf(last) : null };
}

export const PagingQuery = {
  limit: Type.Optional(Integer({ minimum: 1, maximum: 100, default: 50, description: 'The maximum number of items.' })),
};

/** The `cursor` of a list: the id of the last item of the previous page. */
export const cursorOf = (prefix: IdPrefix) =>
  Type.Optional(
    Type.String({ pattern: idPattern(prefix), maxLength: 30, description: 'The `nextCursor` of the previous page.' }),
  );

/** A page of a list. */
export const pageOf = <T extends TSchema>(item: T, $id: string, prefix: IdPrefix) =>
  Type.Object(
    {
      items: Type.Array(ref(item), { maxItems: 100 }),
      nextCursor: Type.Unsafe<string | null>({
        type: ['string', 'null'],
        maxLength: 30,
        description: 'Send it as `cursor` to get the next page. Null on the last page.',
        examples: [`${prefix}_${exampleId}`],
      }),
    },
    { $id, additionalProperties: false },
  );
