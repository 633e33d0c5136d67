import { type AccountContext, enterAccount } from '../../accounts/enter.ts';
import { findEpoch } from '../../accounts/epoch-store.ts';
import type { Caller } from '../../credentials/caller.ts';
import type { Db } from '../../database/database.ts';
import type { AccountId } from '../../ids/ids.ts';
import { hasPermission } from '../../permissions/access.ts';
import { earlierEnd } from '../../permissions/granted-permission.ts';
import { listPermissionKeys } from '../../permissions/store.ts';
import { Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { accountTokenLifetime, signAccountToken } from '../../tokens/account-token.ts';
import { sessionEnded } from '../../users/require-user.ts';
import { findAccountKey } from '../api-keys/store.ts';

/**
 * Issues a token for one audience with the caller's account-wide permissions. Permissions limited
 * to resources or conditions are left out. The token expires after five minutes, or earlier with
 * the calling key or the first of its permissions to end.
 * @throws audience-not-allowed, not-found, user-required for the platform.
 */
export async function issueAccountToken(
  { db, config, signingKeys }: Service,
  caller: Caller,
  accountId: AccountId,
  { audience, permissions: requested }: { audience: string; permissions?: string[] },
) {
  if (caller.apiKey?.kind === 'platform') throw new Problem('user-required');
  // Read before the permissions: if they change in between, the token has the older epoch and so is
  // out of date.
  const epoch = await findEpoch(db, accountId);
  const catalogue = await listPermissionKeys(db);
  const context = await enterAccount(db, caller, accountId);
  if (!config.tokenAudiences.includes(audience)) throw new Problem('audience-not-allowed');
  const permissions = catalogue.filter((it) => hasPermission(context, it) && (requested?.includes(it) ?? true));
  const { now } = caller;
  const keyEnd = await findCallingKeyExpiry(db, caller, accountId);
  const lifetimeEnd = new Date(now.getTime() + accountTokenLifetime * 1000);
  const expiresAt = tokenExpiry(context, permissions, earlierEnd(lifetimeEnd, keyEnd) ?? lifetimeEnd);
  const clientId = caller.apiKey?.id ?? caller.sessionId ?? caller.identityId ?? context.userId;
  const claims = { userId: context.userId, clientId, accountId, audience, permissions, epoch: epoch ?? 0 };
  const accessToken = await signAccountToken({ keys: signingKeys, issuer: config.issuer }, claims, { now, expiresAt });
  const expiresIn = Math.max(0, Math.floor(expiresAt.getTime() / 1000) - Math.floor(now.getTime() / 1000));
  return { accessToken, tokenType: 'Bearer' as const, expiresIn, epoch: claims.epoch };
}

/**
 * When the calling account key expires; null for a key without expiry, and for a person.
 * @throws unauthenticated if the key no longer exists.
 */
async function findCallingKeyExpiry(db: Db, { apiKey }: Caller, accountId: AccountId): Promise<Date | null> {
  if (!apiKey) return null;
  const found = await findAccountKey(db, accountId, apiKey.id);
  if (!found) throw sessionEnded();
  return found.key.expiresAt;
}

/** The first time at which the membership or one of the permissions ends, at most `latest`. */
function tokenExpiry(context: AccountContext, permissions: readonly string[], latest: Date): Date {
  const granted = context.grantedPermissions.filter((it) => permissions.includes(it.permission));
  const ends = permissions.map((key) =>
    latestEnd(granted.filter((it) => it.permission === key).map((it) => it.endsAt)),
  );
  return [context.endsAt, ...ends].reduce<Date>((first, it) => earlierEnd(first, it) ?? first, latest);
}

/** When a permission ends that is granted several times; null for never. */
function latestEnd(ends: readonly (Date | null)[]): Date | null {
  if (ends.length === 0 || ends.includes(null)) return null;
  return new Date(Math.max(...ends.map((it) => it?.getTime() ?? 0)));
}
