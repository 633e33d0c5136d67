import type { Caller } from '../credentials/caller.ts';
import type { Db, Tx } from '../database/database.ts';
import { inLockQueue } from '../database/lock-queue.ts';
import { transaction } from '../database/transaction.ts';
import type { AccountId, ApiKeyId, UserId } from '../ids/ids.ts';
import { accountWideAccess, type EffectiveAccess, withinScopes } from '../permissions/access.ts';
import { effectiveAccess } from '../permissions/effective-access.ts';
import { requirePermission } from '../permissions/rules.ts';
import type { UsherPermission } from '../permissions/usher-permissions.ts';
import { Problem } from '../problems/problem.ts';
import { sessionEnded } from '../users/require-user.ts';
import { isActiveUser } from '../users/user-status.ts';
import { requireScope } from './platform.ts';
import { type AccountRow, findEntry, findPlatformEntry, lockAccountRow, lockCallingKey } from './store.ts';

/**
 * A caller in one account, with their effective access now. Grants on resources or on conditions
 * are not included: `withResourceGrants` reads them where they matter.
 */
export interface AccountContext extends EffectiveAccess {
  account: AccountRow;
  /**
   * The user in whose name the caller acts: the logged-in user, the member who created the account
   * key, or the owner for a platform key.
   */
  userId: UserId;
  /** That user's name. */
  name: string;
  /** Whether the caller is the owner. False for API keys. */
  isOwner: boolean;
  /** False for API keys. */
  isPerson: boolean;
  /** The API key that the caller used; null for a person. */
  keyId: ApiKeyId | null;
  /**
   * Whether the user in whose name the caller acts is active. False only for a platform key in an
   * account whose owner is disabled.
   */
  isUserActive: boolean;
  /** The time of the request. */
  now: Date;
}

/**
 * Lets a caller into an account. Everything that reads or changes an account for a caller starts
 * here. One statement checks the credential and reads the membership and the permissions, so that a
 * revoked credential or a changed permission takes effect on the next request.
 *
 * An account key gets the access of the member who created it, limited to the key's scopes. A
 * platform key gets all permissions.
 * @returns the account and the caller's effective access at `caller.now`.
 * @throws unauthenticated if the credential is not valid: the session has ended, the key is revoked
 * or expired, or the user is disabled.
 * @throws not-found if there is no such account, or if the caller is not an active member of it.
 * The two cases get the same answer, so that nobody can find out which accounts exist.
 * @throws permission-missing for a platform key without the scope `accounts:manage`.
 */
export async function enterAccount(db: Db, caller: Caller, accountId: AccountId): Promise<AccountContext> {
  if (caller.apiKey?.kind === 'platform') return enterForPlatform(db, caller, accountId);
  // An account key is looked up in its own account, even if the request names another one, so that
  // the statement reads a single account.
  const entryAccountId = caller.apiKey?.accountId ?? accountId;
  const entry = await findEntry(db, caller, entryAccountId);
  if (!entry) throw sessionEnded();
  const { user, membership, sources, scopes, account } = entry;
  if (!membership || !account || entryAccountId !== accountId) throw new Problem('not-found');
  const isOwner = account.ownerId === caller.userId;
  const access = effectiveAccess({ ...membership, sources, isOwner });
  const isPerson = caller.apiKey === null;
  return {
    ...(isPerson ? access : withinScopes(access, scopes)),
    account,
    userId: caller.userId,
    name: user.name,
    isOwner: isOwner && isPerson,
    isPerson,
    keyId: caller.apiKey?.id ?? null,
    isUserActive: true,
    now: caller.now,
  };
}

/** A platform key acts in the owner's name, with all permissions, but is not the owner. */
async function enterForPlatform(db: Db, caller: Caller, accountId: AccountId): Promise<AccountContext> {
  const entry = await findPlatformEntry(db, caller, accountId);
  if (!entry) throw sessionEnded();
  requireScope(entry.scopes, 'accounts:manage');
  const { account, owner } = entry;
  if (!account || !owner) throw new Problem('not-found');
  const all = { ...accountWideAccess([], null), allPermissions: true };
  return {
    ...all,
    account,
    userId: account.ownerId,
    name: owner.name,
    isOwner: false,
    isPerson: false,
    keyId: caller.apiKey?.id ?? null,
    isUserActive: isActiveUser(owner),
    now: caller.now,
  };
}

/**
 * What a change requires of its caller: a permission, or a function that throws if the caller may
 * not make the change. It is checked twice: before the request queues for the lock, so that a
 * caller who may not make the change takes no place in the queue, and again under the lock.
 */
export type Requirement = UsherPermission | ((db: Db, context: AccountContext) => unknown);

async function checkRequirement(requirement: Requirement, db: Db, context: AccountContext): Promise<void> {
  if (typeof requirement === 'string') requirePermission(context, requirement);
  else await requirement(db, context);
}

/**
 * Changes an account, its members or what they may do. Locks the account row, so that concurrent
 * changes run one after the other and each sees the result of the one before. Increments the
 * account's epoch.
 * @param requirement what the change requires of the caller.
 * @param change makes the change, by the context as it is under the lock.
 * @returns what `change` returns.
 * @throws what `changeInside` throws.
 */
export function changeAccount<T>(
  db: Db,
  caller: Caller,
  accountId: AccountId,
  requirement: Requirement,
  change: (tx: Tx, context: AccountContext) => Promise<T>,
): Promise<T> {
  const lock = async (tx: Tx) => {
    // Revoking a platform key also locks the key before the account. An account key needs no lock
    // of its own: it is revoked under the account's lock.
    if (caller.apiKey?.kind === 'platform') await lockCallingKey(tx, caller.apiKey);
    await lockAccountRow(tx, accountId);
  };
  return changeInside(db, caller, accountId, { requirement, row: accountId, lock }, change);
}

/**
 * The client for which a change takes a turn in the lock queue. All account keys of a member are
 * one client, apart from the member: a member may have any number of keys, and a stolen key must
 * not use up the member's own turns.
 */
export const queueClientFor = ({ apiKey, userId }: Caller): string =>
  apiKey?.kind === 'account' ? `keys of ${userId}` : (apiKey?.id ?? userId);

/**
 * Changes something in an account, in a transaction that locks a row first. The caller and the
 * requirement are checked before the transaction: a made-up key, an ended session, a non-member or
 * a caller without the required permission opens no transaction and locks nothing. Both are checked
 * again under the lock, and only that result counts.
 * @param requirement what the change requires of the caller.
 * @param row the id of the row that `lock` locks. Requests for the same row queue up.
 * @param lock locks the row. It gets the user in whose name the caller acts, and `change` gets what
 * it returns.
 * @param change makes the change, by the context as it is under the lock.
 * @returns what `change` returns.
 * @throws what `enterAccount` and the requirement throw, RowBusy if too many requests wait for the
 * row, and what `change` throws, which rolls the transaction back.
 */
export async function changeInside<T, Locked>(
  db: Db,
  caller: Caller,
  accountId: AccountId,
  { requirement, row, lock }: { requirement: Requirement; row: string; lock(tx: Tx, userId: UserId): Promise<Locked> },
  change: (tx: Tx, context: AccountContext, locked: Locked) => Promise<T>,
): Promise<T> {
  const before = await enterAccount(db, caller, accountId);
  await checkRequirement(requirement, db, before);
  const work = () =>
    transaction(db, async (tx) => {
      const locked = await lock(tx, before.userId);
      const context = await enterAccount(tx, caller, accountId);
      await checkRequirement(requirement, tx, context);
      return change(tx, context, locked);
    });
  return inLockQueue(db, row, work, queueClientFor(caller));
}
