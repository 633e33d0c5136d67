import { createHash } from 'node:crypto';
import { invalidField } from '../problems.ts';

/** What a search is, beside its page: the same for the same question by the same caller. */
export const queryHash = (query: unknown): string =>
  createHash('sha256').update(JSON.stringify(query)).digest('base64url').slice(0, 22);

/** A token for the page after an item, of this query and no other. It names a place, and no right. */
export const pageTokenAfter = (last: string, query: string): string =>
  Buffer.from(JSON.stringify([query, last])).toString('base64url');

/** What a page can begin after: a uuid, or a name. */
export const places = { uuid: /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/, name: /^[^\0]{1,300}$/ };

/** The item after which a page begins; none for the first. @throws invalid-request for a token of another query, or one that is none. */
export function readPageToken(token: string | undefined, query: string, isPlace: RegExp): string | undefined {
  if (token === undefined || token === '') return undefined;
  try {
    const [of, last] = JSON.parse(Buffer.from(token, 'base64url').toString()) as unknown[];
    if (of === query && typeof last === 'string' && isPlace.test(last)) return last;
  } catch {
    // The same answer as for one of another query.
  }
  throw invalidField('/page/token', 'is no token of this query');
}
