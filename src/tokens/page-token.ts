import { CompactEncrypt, compactDecrypt } from 'jose';
import { invalidField } from '../problems/problem.ts';
import { shortHash } from '../text/hashes.ts';
import type { DerivedKeys } from './derived-keys.ts';

type Keys = Pick<DerivedKeys, 'pageTokens'>;

const accepted = { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] };

/** What a search is, apart from its page: the same for the same question by the same caller. */
export const queryHash = (query: unknown): string => shortHash(JSON.stringify(query));

/**
 * A token for the page after an item, of one query. It is encrypted (RFC 7516): a page may end at an
 * item that the caller must not see, and a forged token would show the item after any other.
 */
export function pageTokenAfter({ pageTokens: [key] }: Keys, last: string, query: string): Promise<string> {
  const text = new TextEncoder().encode(JSON.stringify([query, last]));
  return new CompactEncrypt(text).setProtectedHeader({ alg: 'dir', enc: 'A256GCM' }).encrypt(key);
}

/**
 * The item after which a page begins; undefined for the first page.
 * @throws invalid-request for a token of another query, or text that is not a token.
 */
export async function readPageToken(keys: Keys, token: string | undefined, query: string): Promise<string | undefined> {
  if (token === undefined || token === '') return undefined;
  for (const key of keys.pageTokens) {
    const found = await compactDecrypt(token, key, accepted).catch(() => undefined);
    const [of, last] = found ? (JSON.parse(new TextDecoder().decode(found.plaintext)) as [string, string]) : [];
    if (of === query) return last;
  }
  throw invalidField('/page/token', 'does not belong to this query');
}
