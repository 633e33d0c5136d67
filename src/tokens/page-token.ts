import { CompactEncrypt, compactDecrypt } from 'jose';
import { invalidField } from '../problems/problem.ts';
import { shortHash } from '../text/hashes.ts';
import type { DerivedKeys } from './derived-keys.ts';

type Keys = Pick<DerivedKeys, 'pageTokens'>;

const accepted = { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] };

/** Identifies a search without its page. Include the caller in `query`. */
export const queryHash = (query: unknown): string => shortHash(JSON.stringify(query));

/**
 * Creates the token for the page after an item. It is encrypted (RFC 7516), because a page can end
 * at an item that the caller must not see, and so that tokens cannot be forged.
 * @param query see `queryHash`.
 */
export function pageTokenAfter({ pageTokens: [key] }: Keys, last: string, query: string): Promise<string> {
  const text = new TextEncoder().encode(JSON.stringify([query, last]));
  return new CompactEncrypt(text).setProtectedHeader({ alg: 'dir', enc: 'A256GCM' }).encrypt(key);
}

/**
 * Reads a page token.
 * @returns the item before the page; undefined for the first page.
 * @throws invalid-request if the token is not valid or belongs to another query.
 */
export async function readPageToken(keys: Keys, token: string | undefined, query: string): Promise<string | undefined> {
  if (token === undefined || token === '') return undefined;
  for (const key of keys.pageTokens) {
    const decrypted = await compactDecrypt(token, key, accepted).catch(() => undefined);
    const [hash, last] = decrypted
      ? (JSON.parse(new TextDecoder().decode(decrypted.plaintext)) as [string, string])
      : [];
    if (hash === query) return last;
  }
  throw invalidField('/page/token', 'does not belong to this query');
}
