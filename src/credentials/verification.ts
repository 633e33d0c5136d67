import type { ApiKey, Credential } from './caller.ts';

/** API keys that a statement has found in the database, by the hash of their secret. */
const verifiedKeys = new WeakSet<ApiKey>();

/**
 * Whether a caller's credential was verified. The signature of a token is verified before there is
 * a caller. An API key is verified only when a statement finds it: anyone can make up a key that
 * contains the ids of others. Nothing is written, counted or logged under the ids of a caller
 * before this is true.
 */
export const isVerified = ({ apiKey }: Credential) => apiKey === null || verifiedKeys.has(apiKey);

/**
 * Marks a caller's credential as verified if the statement that looks it up finds a row. Every such
 * statement must use this.
 */
export async function markVerified<T>({ apiKey }: Credential, found: Promise<T | undefined>): Promise<T | undefined> {
  const result = await found;
  if (result !== undefined && apiKey) verifiedKeys.add(apiKey);
  return result;
}

/** Marks a caller's credential as verified if the same credential of another request was. */
export function copyVerification({ apiKey }: Credential, other: Credential): void {
  if (apiKey && other.apiKey && apiKey.hash === other.apiKey.hash && isVerified(other)) verifiedKeys.add(apiKey);
}
