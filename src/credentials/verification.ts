import type { ApiKey, Credential } from './caller.ts';

/** API keys that a statement has found in the database, by the hash of their secret. */
const verifiedKeys = new WeakSet<ApiKey>();

/**
 * Whether a caller's credential was verified. The signature of a token is verified before there is
 * a caller. An API key is only text until a statement finds it: anyone can make up a key that names
 * the ids of others. Nothing is written, counted or logged under the ids of a caller before this is
 * true.
 */
export const isVerified = ({ apiKey }: Credential) => apiKey === null || verifiedKeys.has(apiKey);

/**
 * Marks the credential as verified if the statement that looks it up finds a row. Every such
 * statement uses this.
 */
export async function markVerified<T>({ apiKey }: Credential, found: Promise<T | undefined>): Promise<T | undefined> {
  const result = await found;
  if (result !== undefined && apiKey) verifiedKeys.add(apiKey);
  return result;
}

/** Marks the credential of a caller as verified, if the same credential of another request was. */
export function copyVerification({ apiKey }: Credential, same: Credential): void {
  if (apiKey && same.apiKey && apiKey.hash === same.apiKey.hash && isVerified(same)) verifiedKeys.add(apiKey);
}
