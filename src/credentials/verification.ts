import type { Credential, Key } from './caller.ts';

/** API keys that a statement has found in the database, by the hash of their secret. */
const provenKeys = new WeakSet<Key>();

/**
 * Whether a caller's credential was verified. The signature of a token is verified before there is
 * a caller. An API key is only text until a statement finds it: anyone can make up a key that names
 * the ids of others. Nothing is written, counted or logged under the ids of a caller before this is
 * true.
 */
export const isProven = ({ key }: Credential) => key === null || provenKeys.has(key);

/**
 * Marks the credential as verified if the statement that looks it up finds a row. Every such
 * statement uses this.
 */
export async function proving<T>({ key }: Credential, found: Promise<T | undefined>): Promise<T | undefined> {
  const result = await found;
  if (result !== undefined && key) provenKeys.add(key);
  return result;
}

/** Marks the credential of a caller as verified, if the same credential of another request was. */
export function proveLike({ key }: Credential, same: Credential): void {
  if (key && same.key && key.hash === same.key.hash && isProven(same)) provenKeys.add(key);
}
