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
import { sessionEnded } from '../../users/sessions/session.ts';
import { findAccountKey } from '../api-keys/store.ts';

/**
 * Says in a token, for one audience, what the caller may do in an account as a whole: what they
 * hold on single resources or on conditions is not in it. It expires after five minutes, or earlier
 * with the calling key or with the first of its permissions that ends.
 * @throws audience-not-allowed, not-found, user-required for the platform.
 */
export async function issueAccountToken(
  { db, config, signingKeys }: Service,
  caller: Caller,
  accountId: AccountId,
  { audience, permissions: wanted }: { audience: string; permissions?: string[] },
) {
  if (caller.apiKey?.kind === 'platform') throw new Problem('user-required');
  // The epoch is read before what it is about: where something changes in between, it is the older one, and the token is out of date.
  const epoch = await findEpoch(db, accountId);
  const catalogue = await listPermissionKeys(db);
  const context = await enterAccount(db, caller, accountId);
  if (!config.tokenAudiences.includes(audience)) throw new Problem('audience-not-allowed');
  const permissions = catalogue.filter((it) => hasPermission(context, it) && (wanted?.includes(it) ?? true));
  const { now } = caller;
  const keyEnd = await endOfCallingKey(db, caller, accountId);
  const lifetimeEnd = new Date(now.getTime() + accountTokenLifetime * 1000);
  const expiresAt = endOf(context, permissions, earlierEnd(lifetimeEnd, keyEnd) ?? lifetimeEnd);
  const clientId = caller.apiKey?.id ?? caller.sessionId ?? caller.identityId ?? context.userId;
  const claims = { userId: context.userId, clientId, accountId, audience, permissions, epoch: epoch ?? 0 };
  const accessToken = await signAccountToken({ keys: signingKeys, issuer: config.issuer }, claims, { now, expiresAt });
  const expiresIn = Math.max(0, Math.floor(expiresAt.getTime() / 1000) - Math.floor(now.getTime() / 1000));
  return { accessToken, tokenType: 'Bearer' as const, expiresIn, epoch: claims.epoch };
}

/**
 * When the calling account key expires; null for a key without an expiry, and for a person.
 * @throws unauthenticated if the key does not exist any more.
 */
async function endOfCallingKey(db: Db, { apiKey }: Caller, accountId: AccountId): Promise<Date | null> {
  if (!apiKey) return null;
  const found = await findAccountKey(db, accountId, apiKey.id);
  if (!found) throw sessionEnded();
  return found.key.expiresAt;
}

/** The first time at which something ends that a token names. */
function endOf(context: AccountContext, permissions: readonly string[], latest: Date): Date {
  const named = context.grantedPermissions.filter((it) => permissions.includes(it.permission));
  const ends = permissions.map((key) => latestEnd(named.filter((it) => it.permission === key).map((it) => it.endsAt)));
  return [context.endsAt, ...ends].reduce<Date>((first, it) => earlierEnd(first, it) ?? first, latest);
}

/** When someone has a permission no more that they hold in some ways; null for never. */
function latestEnd(ends: readonly (Date | null)[]): Date | null {
  if (ends.length === 0 || ends.includes(null)) return null;
  return new Date(Math.max(...ends.map((it) => it?.getTime() ?? 0)));
}
