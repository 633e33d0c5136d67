import { apiKeyStatusAt } from '../../credentials/api-key-status.ts';
import { shownPrefix } from '../../tokens/key-text.ts';
import type { AccountKeyRow, findAccountKey, PlatformKeyRow } from './store.ts';

/** What an account's key and the platform's have in common. */
function shown({ id, name, createdAt, expiresAt, revokedAt, lastUsedAt, replacedBy }: PlatformKeyRow, now: Date) {
  const status = apiKeyStatusAt({ revokedAt, expiresAt }, now);
  return { id, name, status, createdAt, expiresAt, revokedAt, lastUsedAt, replacedBy };
}

/** An account's key as the API shows it. */
export function toAccountKeyView({ key, maker }: NonNullable<Awaited<ReturnType<typeof findAccountKey>>>, now: Date) {
  const { accountId, userId, id, scopes } = key;
  return { ...shown(key, now), prefix: shownPrefix({ kind: 'account', id, accountId, userId }), scopes, actsAs: maker };
}

/** A platform's key as the API shows it. */
export function toPlatformKeyView(key: PlatformKeyRow, now: Date) {
  const scopes = key.scopes as ('*' | 'accounts:create')[];
  return { ...shown(key, now), prefix: shownPrefix({ kind: 'platform', id: key.id }), scopes };
}

/** What a row of a key has before it was used. */
export const unused = { revokedAt: null, lastUsedAt: null, replacedBy: null } satisfies Partial<AccountKeyRow>;
