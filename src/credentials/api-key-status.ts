import { type SQL, sql } from 'drizzle-orm';
import type { accountKeys, platformKeys } from '../database/schema.ts';

// When an API key is valid, in TypeScript and in SQL. test/permissions/twins.test.ts compares the two.

export type ApiKeyStatus = 'active' | 'revoked' | 'expired';

/** A key's status at a time. */
export function apiKeyStatusAt(
  { revokedAt, expiresAt }: { revokedAt: Date | null; expiresAt: Date | null },
  now: Date,
): ApiKeyStatus {
  if (revokedAt !== null) return 'revoked';
  return expiresAt !== null && expiresAt <= now ? 'expired' : 'active';
}

/** Whether a key is active, as a condition. */
export const isActiveApiKey = (keys: typeof accountKeys | typeof platformKeys, now: SQL) =>
  sql`${keys.revokedAt} is null and (${keys.expiresAt} is null or ${keys.expiresAt} > ${now})`;
