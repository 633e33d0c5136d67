import { type SQL, sql } from 'drizzle-orm';
import type { accountKeys, platformKeys } from '../database/schema.ts';

// When a key is active, in TypeScript and in SQL. test/permissions/twins.test.ts compares them.

export type ApiKeyStatus = 'active' | 'revoked' | 'expired';

/** The status of a key at `now`. */
export function apiKeyStatusAt(
  { revokedAt, expiresAt }: { revokedAt: Date | null; expiresAt: Date | null },
  now: Date,
): ApiKeyStatus {
  if (revokedAt !== null) return 'revoked';
  return expiresAt !== null && expiresAt <= now ? 'expired' : 'active';
}

/** Whether a key is active at `now`, as a SQL condition. */
export const isActiveApiKey = (keys: typeof accountKeys | typeof platformKeys, now: SQL) =>
  sql`${keys.revokedAt} is null and (${keys.expiresAt} is null or ${keys.expiresAt} > ${now})`;
