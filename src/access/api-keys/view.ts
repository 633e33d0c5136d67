import { apiKeyStatusAt } from '../../credentials/api-key-status.ts';
import { displayPrefix } from '../../tokens/api-key-secret.ts';
import type { AccountKeyRow, findAccountKey, PlatformKeyRow } from './store.ts';

/** The fields that account keys and platform keys share. */
function toCommonView(
  { id, name, createdAt, expiresAt, revokedAt, lastUsedAt, replacedBy }: PlatformKeyRow,
  now: Date,
) {
  const status = apiKeyStatusAt({ revokedAt, expiresAt }, now);
  return { id, name, status, createdAt, expiresAt, revokedAt, lastUsedAt, replacedBy };
}

/** An account key as the API shows it. */
export function toAccountKeyView({ key, member }: NonNullable<Awaited<ReturnType<typeof findAccountKey>>>, now: Date) {
  const { accountId, userId, id, scopes } = key;
  return {
    ...toCommonView(key, now),
    prefix: displayPrefix({ kind: 'account', id, accountId, userId }),
    scopes,
    actsAs: member,
  };
}

/** A platform key as the API shows it. */
export function toPlatformKeyView(key: PlatformKeyRow, now: Date) {
  const scopes = key.scopes as ('*' | 'accounts:create')[];
  return { ...toCommonView(key, now), prefix: displayPrefix({ kind: 'platform', id: key.id }), scopes };
}

/** The initial values of a new key's row. */
export const newKeyDefaults = { revokedAt: null, lastUsedAt: null, replacedBy: null } satisfies Partial<AccountKeyRow>;
