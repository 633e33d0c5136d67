import { type AccountContext, changeAccount, changeInside } from '../../accounts/enter.ts';
import { requireActiveUser } from '../../accounts/platform-entry.ts';
import { lockAccountRow } from '../../accounts/store.ts';
import type { Caller } from '../../credentials/caller.ts';
import type { Tx } from '../../database/database.ts';
import { type AccountId, type ApiKeyId, newId, platformUserId } from '../../ids/ids.ts';
import { findEffectiveAccess, withResourceGrants } from '../../memberships/manage.ts';
import { findMember } from '../../memberships/store.ts';
import { accountWideAccess, type EffectiveAccess } from '../../permissions/access.ts';
import { notInCatalogue, requireAllExist } from '../../permissions/resolve-access.ts';
import { requireGrantable, requireNotAbove } from '../../permissions/rules.ts';
import { listPermissionKeys } from '../../permissions/store.ts';
import { Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { newApiKeySecret } from '../../tokens/key-text.ts';
import { lockCallingPlatformKey } from './calling-platform-key.ts';
import { endDescendantsOfAccountKey, revokeInvitesOfKeys } from './descendants-store.ts';
import { logKeyCreated, logKeyRevoked } from './log.ts';
import {
  endOfReplacedKey,
  limitNewKey,
  requireActiveKey,
  requireEndWithin,
  requireFutureExpiry,
  requireWithinScopes,
} from './rules.ts';
import type { KeyRevocation, KeyRotation, NewAccountKey } from './schemas.ts';
import { type AccountKeyRow, findAccountKey, insertAccountKey, markReplaced, markRevoked } from './store.ts';
import { toAccountKeyView, unused } from './view.ts';

/**
 * Makes a key that acts as the caller within its scopes. With a key, another one can be made that
 * may do no more, and that ends with it.
 * @throws permission-missing, cannot-grant, user-required where no member stands behind it,
 * user-disabled, invalid-request.
 */
export function createAccountKey(service: Service, caller: Caller, accountId: AccountId, asked: NewAccountKey) {
  const expiresAt = requireFutureExpiry(asked.expiresAt, caller.now);
  const making = changeKeys(service, caller, accountId, async (tx, context, findCalling) => {
    if (context.userId === platformUserId)
      throw new Problem('user-required', 'The platform keeps this account: use its own key.');
    requireActiveUser(context);
    const calling = await findCalling();
    requireEndWithin(expiresAt, calling);
    const ends = limitNewKey(calling, { kind: 'account', scopes: asked.scopes, madeBy: null, expiresAt });
    await requireKnown(tx, asked.scopes);
    requireGrantable(context, await reachOf(tx, context, { userId: context.userId, scopes: asked.scopes }));
    return keep(tx, context.name, newRow(context, asked, ends));
  });
  return logKeyCreated(caller, making, { accountId });
}

/**
 * Makes a key that replaces another, with the same name and scopes, and as the same member. The old
 * one is valid until the overlap ends, and so are the keys that were made with it. If a person
 * rotates their own key, the new one lasts as long as the old one did.
 * @throws permission-missing, not-found, cannot-grant where its scopes exceed what the caller
 * holds, or its member holds more, user-disabled, key-ended.
 */
export function rotateAccountKey(
  service: Service,
  caller: Caller,
  accountId: AccountId,
  keyId: ApiKeyId,
  { overlapSeconds }: KeyRotation,
) {
  const making = changeKeys(service, caller, accountId, async (tx, context, findCalling) => {
    const { key, maker } = await requireManageableKey(tx, context, keyId, findCalling);
    requireActiveKey(key, caller.now);
    if (key.userId !== context.userId)
      throw new Problem('cannot-grant', 'A key is rotated by the member as whom it acts.');
    requireActiveUser(context);
    await requireKnown(tx, key.scopes);
    requireGrantable(context, await reachOf(tx, context, key));
    const notAfter = endOfReplacedKey(key, overlapSeconds, caller.now);
    await endDescendantsOfAccountKey(tx, accountId, keyId, { notAfter });
    const isRenewed = context.isPerson && key.madeBy === null;
    const expiresAt = isRenewed ? renewed(key, caller.now) : key.expiresAt;
    // Read after the update, which may have changed the end of the calling key.
    const ends = limitNewKey(await findCalling(), { ...key, kind: 'account', expiresAt }, keyId);
    const row = newRow(context, key, ends);
    await markReplaced(tx, accountId, keyId, { by: row.id, expiresAt: notAfter });
    return keep(tx, maker.name, row);
  });
  return logKeyCreated(caller, making, { accountId });
}

/**
 * Revokes a key and every key that was made with it, at once; if requested, also the pending
 * invites that were made with any of them. Idempotent.
 * @throws permission-missing, not-found, cannot-grant.
 */
export async function revokeAccountKey(
  service: Service,
  caller: Caller,
  accountId: AccountId,
  keyId: ApiKeyId,
  { revokeInvites = false }: KeyRevocation,
): Promise<void> {
  const invites = await changeKeys(service, caller, accountId, async (tx, context, findCalling) => {
    await requireManageableKey(tx, context, keyId, findCalling);
    await markRevoked(tx, accountId, keyId, caller.now);
    const ended = await endDescendantsOfAccountKey(tx, accountId, keyId, { revokedAt: caller.now });
    return revokeInvites ? revokeInvitesOfKeys(tx, accountId, [keyId, ...ended], caller) : undefined;
  });
  logKeyRevoked(caller, { accountId, keyId, invites });
}

type CallingKey = Parameters<typeof limitNewKey>[0];

/**
 * Changes the keys of an account. A calling platform key is locked before the account, in the same
 * order as revoking it locks them.
 * @param change gets a function that finds the calling key, or none if a person is calling.
 */
function changeKeys<T>(
  { db }: Service,
  caller: Caller,
  accountId: AccountId,
  change: (tx: Tx, context: AccountContext, findCalling: () => Promise<CallingKey>) => Promise<T>,
): Promise<T> {
  const { apiKey } = caller;
  if (apiKey?.kind === 'platform') {
    const lock = async (tx: Tx) => {
      const calling = await lockCallingPlatformKey(tx, caller, 'accounts:manage');
      await lockAccountRow(tx, accountId);
      return calling;
    };
    const changeWith = (tx: Tx, context: AccountContext, calling: CallingKey) =>
      change(tx, context, async () => calling);
    return changeInside(db, caller, accountId, { requirement: 'keys:manage', row: accountId, lock }, changeWith);
  }
  return changeAccount(db, caller, accountId, 'keys:manage', (tx, context) =>
    change(tx, context, async () => {
      const found = apiKey && (await findAccountKey(tx, accountId, apiKey.id));
      return found ? { ...found.key, kind: 'account' } : undefined;
    }),
  );
}

/** A key that the caller may end: nobody ends one that may do more than they may, nor does a key of the same member. */
async function requireManageableKey(
  tx: Tx,
  context: AccountContext,
  keyId: ApiKeyId,
  findCalling: () => Promise<CallingKey>,
) {
  const found = await findAccountKey(tx, context.account.id, keyId);
  if (!found) throw new Problem('not-found');
  const isOwn = context.isPerson && found.key.userId === context.userId;
  if (isOwn) return found;
  const calling = await findCalling();
  if (calling) requireWithinScopes(calling, { kind: 'account', scopes: found.key.scopes });
  const own = await withResourceGrants(tx, context);
  requireNotAbove({ ...own, now: context.now }, await reachOf(tx, context, found.key));
  return found;
}

/** @throws invalid-request for a scope that is not in the catalogue. */
async function requireKnown(tx: Tx, scopes: readonly string[]): Promise<void> {
  const named = scopes.filter((it) => it !== '*');
  requireAllExist(named, await listPermissionKeys(tx), '/scopes', notInCatalogue);
}

/**
 * What a key may do at most: its scopes, or, with `*`, everything that its member may do. A scope
 * that is no longer in the catalogue is left out, so it does not prevent revocation.
 */
async function reachOf(
  tx: Tx,
  context: AccountContext,
  { userId, scopes }: Pick<AccountKeyRow, 'userId' | 'scopes'>,
): Promise<EffectiveAccess> {
  if (!scopes.includes('*')) {
    const known = await listPermissionKeys(tx);
    return accountWideAccess(
      scopes.filter((it) => known.includes(it)),
      context.endsAt,
    );
  }
  if (userId === context.userId) return context;
  const member = await findMember(tx, context.account.id, userId);
  if (!member) throw new Problem('not-found');
  return findEffectiveAccess(tx, context, member);
}

/** The end of a key that takes the place of another: as long after now as the other's was after it was made. */
function renewed({ createdAt, expiresAt }: AccountKeyRow, now: Date): Date | null {
  return expiresAt === null ? null : new Date(now.getTime() + expiresAt.getTime() - createdAt.getTime());
}

function newRow(
  context: AccountContext,
  { name, scopes }: Pick<NewAccountKey, 'name' | 'scopes'>,
  { madeBy, expiresAt }: Pick<AccountKeyRow, 'madeBy' | 'expiresAt'>,
): Omit<AccountKeyRow, 'hash'> {
  const whose = { accountId: context.account.id, userId: context.userId };
  return {
    ...whose,
    ...unused,
    id: newId('key'),
    name,
    scopes: [...scopes].sort(),
    madeBy,
    expiresAt,
    createdAt: context.now,
  };
}

async function keep(tx: Tx, name: string, row: Omit<AccountKeyRow, 'hash'>) {
  const { id, accountId, userId } = row;
  const { text, hash } = newApiKeySecret({ kind: 'account', id, accountId, userId });
  const key = { ...row, hash };
  await insertAccountKey(tx, key);
  return { ...toAccountKeyView({ key, maker: { id: userId, name } }, row.createdAt), secret: text };
}
