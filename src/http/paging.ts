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
