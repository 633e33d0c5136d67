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
import { sessionEnded } from '../users/sessions/session.ts';
import { isActiveUser } from '../users/user-status.ts';
import { requireScope } from './platform-entry.ts';
import { type AccountRow, findEntry, findPlatformEntry, lockAccountRow, lockCallingKey } from './store.ts';

/** A caller who has entered one account, with what they may do there now. */
export interface AccountContext extends EffectiveAccess {
  account: AccountRow;
  /** Who acts: with an account's key its maker, with a platform's key the owner, in whose name it acts. */
  userId: UserId;
  name: string;
  /** Whether it is the owner in person. */
  isOwner: boolean;
  /** Whether a person acts, and no key. */
  isPerson: boolean;
  /** The key that is calling; null for a person. */
  keyId: ApiKeyId | null;
  /**
   * Whether that user is active. False only for the platform, in an account whose owner is
   * disabled.
   */
  isUserActive: boolean;
  now: Date;
}

/**
 * The one door through which an account is read: whether the caller stands, membership and permissions, read now, in one statement.
 * @throws unauthenticated where the caller stands no more (their session or key has ended, they are disabled); not-found, the same for
 * an account that is foreign, that never was, or in which the caller is suspended or their time is over; permission-missing for a
 * platform's key that may not act on accounts.
 */
export async function enterAccount(db: Db, caller: Caller, accountId: AccountId): Promise<AccountContext> {
  if (caller.apiKey?.kind === 'platform') return enterForPlatform(db, caller, accountId);
  // A key of another account is looked up in its own account: no statement about the caller reads
  // two accounts.
  const ofKey = caller.apiKey?.accountId ?? accountId;
  const entry = await findEntry(db, caller, ofKey);
  if (!entry) throw sessionEnded();
  const { user, membership, sources, scopes, account } = entry;
  if (!membership || !account || ofKey !== accountId) throw new Problem('not-found');
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

/** The platform acts in the owner's name, with all permissions, and is not the owner. */
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
 * What a change requires of its caller: a permission, or a check that throws. It is checked twice:
 * before the request queues for the lock, so that a caller who may not change anything takes no
 * place in the queue, and again under the lock, where it counts.
 */
export type Requirement = UsherPermission | ((db: Db, context: AccountContext) => unknown);

async function requireOf(requirement: Requirement, db: Db, context: AccountContext): Promise<void> {
  if (typeof requirement === 'string') requirePermission(context, requirement);
  else await requirement(db, context);
}

/**
 * The only way to change who is in an account, and what they may do there. Locks the account row,
 * so that two changes come one after the other and the second sees what the first did. Moves the
 * account's epoch.
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
    // Locked before the account, like revoking it. The key of an account is revoked under the lock
    // of the account.
    if (caller.apiKey?.kind === 'platform') await lockCallingKey(tx, caller.apiKey);
    await lockAccountRow(tx, accountId);
  };
  return changeInside(db, caller, accountId, { requirement, row: accountId, lock }, change);
}

/**
 * Whose turn a change in an account is: a person's, or that of all keys of a member. A member may
 * have any number of keys, and a stolen key must not use up its maker's turns.
 */
export const queueClientOf = ({ apiKey, userId }: Caller): string =>
  apiKey?.kind === 'account' ? `keys of ${userId}` : (apiKey?.id ?? userId);

/**
 * A change of something in an account, in a transaction that locks a row first. The caller is
 * verified before it begins: a made-up key, an ended session, a stranger to the account or a caller
 * without the required permission opens no transaction, locks nothing and waits for nobody. The
 * decision is made on what is read after that, under the lock.
 * @param row the id of the row that `lock` locks; requests for the same row queue up.
 * @param lock gets the user in whose name the caller acts.
 * @throws what `enterAccount` and the requirement throw, RowBusy, and whatever `change` throws,
 * which undoes everything.
 */
export async function changeInside<T, Locked>(
  db: Db,
  caller: Caller,
  accountId: AccountId,
  { requirement, row, lock }: { requirement: Requirement; row: string; lock(tx: Tx, userId: UserId): Promise<Locked> },
  change: (tx: Tx, context: AccountContext, locked: Locked) => Promise<T>,
): Promise<T> {
  const before = await enterAccount(db, caller, accountId);
  await requireOf(requirement, db, before);
  const work = () =>
    transaction(db, async (tx) => {
      const locked = await lock(tx, before.userId);
      const context = await enterAccount(tx, caller, accountId);
      await requireOf(requirement, tx, context);
      return change(tx, context, locked);
    });
  return inLockQueue(db, row, work, queueClientOf(caller));
}
