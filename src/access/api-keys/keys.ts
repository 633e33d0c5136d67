import { type AccountContext, changeAccount, changeInside } from '../../accounts/enter.ts';
import { requireActiveUser } from '../../accounts/platform.ts';
import { lockAccountRow } from '../../accounts/store.ts';
import type { Caller } from '../../credentials/caller.ts';
import type { Tx } from '../../database/database.ts';
import { type AccountId, type ApiKeyId, newId, platformUserId } from '../../ids/ids.ts';
import { findEffectiveAccess, withResourceGrants } from '../../memberships/manage.ts';
import { findMember } from '../../memberships/store.ts';
import { accountWideAccess, type EffectiveAccess } from '../../permissions/access.ts';
import { notInCatalogueMessage, requireAllExist } from '../../permissions/resolve-access.ts';
import { requireGrantable, requireNotAbove } from '../../permissions/rules.ts';
import { listPermissionKeys } from '../../permissions/store.ts';
import { Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { newApiKeySecret } from '../../tokens/api-key-secret.ts';
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
import { newKeyDefaults, toAccountKeyView } from './view.ts';

/**
 * Creates a key that acts as the caller within its scopes. A key created with another key may do no
 * more than that key, and ends with it.
 * @returns the key with its secret.
 * @throws permission-missing, cannot-grant, user-required for the platform in an account without an
 * owner of its own, user-disabled, invalid-request.
 */
export function createAccountKey(service: Service, caller: Caller, accountId: AccountId, body: NewAccountKey) {
  const expiresAt = requireFutureExpiry(body.expiresAt, caller.now);
  const creation = changeKeys(service, caller, accountId, async (tx, context, findCalling) => {
    if (context.userId === platformUserId)
      throw new Problem('user-required', 'This account has no owner yet. Use the platform key itself.');
    requireActiveUser(context);
    const calling = await findCalling();
    requireEndWithin(expiresAt, calling);
    const end = limitNewKey(calling, { kind: 'account', scopes: body.scopes, madeBy: null, expiresAt });
    await requireScopesExist(tx, body.scopes);
    requireGrantable(context, await maxAccess(tx, context, { userId: context.userId, scopes: body.scopes }));
    return insertKey(tx, context.name, newRow(context, body, end));
  });
  return logKeyCreated(caller, creation, { accountId });
}

/**
 * Replaces a key with a new one that has the same name and scopes and acts as the same member. The
 * old key, and the keys that were created with it, expire after the overlap. If a person rotates a
 * key that was not created with another key, the new one gets the lifetime of the old one.
 * @returns the new key with its secret.
 * @throws permission-missing, not-found, user-disabled, key-ended, and cannot-grant if the key acts
 * as another member or has scopes that exceed the caller's access.
 */
export function rotateAccountKey(
  service: Service,
  caller: Caller,
  accountId: AccountId,
  keyId: ApiKeyId,
  { overlapSeconds }: KeyRotation,
) {
  const creation = changeKeys(service, caller, accountId, async (tx, context, findCalling) => {
    const { key, member } = await requireManageableKey(tx, context, keyId, findCalling);
    requireActiveKey(key, caller.now);
    if (key.userId !== context.userId)
      throw new Problem('cannot-grant', 'Only the member that a key acts as can rotate it.');
    requireActiveUser(context);
    await requireScopesExist(tx, key.scopes);
    requireGrantable(context, await maxAccess(tx, context, key));
    const notAfter = endOfReplacedKey(key, overlapSeconds, caller.now);
    await endDescendantsOfAccountKey(tx, accountId, keyId, { notAfter });
    const isRenewed = context.isPerson && key.madeBy === null;
    const expiresAt = isRenewed ? renewedExpiry(key, caller.now) : key.expiresAt;
    // Read after the update, which may have changed the expiry of the calling key.
    const end = limitNewKey(await findCalling(), { ...key, kind: 'account', expiresAt }, keyId);
    const row = newRow(context, key, end);
    await markReplaced(tx, accountId, keyId, { by: row.id, expiresAt: notAfter });
    return insertKey(tx, member.name, row);
  });
  return logKeyCreated(caller, creation, { accountId });
}

/**
 * Revokes a key and every key that was created with it; if requested, also the pending invites that
 * were created with any of them. Idempotent.
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
 * Changes the keys of an account. A calling platform key is locked before the account, the same
 * order in which its revocation locks them.
 * @param change gets a function that finds the calling key; undefined if a person is calling.
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

/**
 * Finds a key that the caller may rotate or revoke. A person may end their own keys; otherwise the
 * key may do no more than the caller.
 * @throws not-found, cannot-grant.
 */
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
  requireNotAbove({ ...own, now: context.now }, await maxAccess(tx, context, found.key));
  return found;
}

/** @throws invalid-request for a scope that is not in the catalogue. */
async function requireScopesExist(tx: Tx, scopes: readonly string[]): Promise<void> {
  const permissions = scopes.filter((it) => it !== '*');
  requireAllExist(permissions, await listPermissionKeys(tx), '/scopes', notInCatalogueMessage);
}

/**
 * The most that a key may do: its scopes or, with `*`, everything that its member may do. Scopes
 * that are no longer in the catalogue are left out, so that they do not prevent revocation.
 */
async function maxAccess(
  tx: Tx,
  context: AccountContext,
  { userId, scopes }: Pick<AccountKeyRow, 'userId' | 'scopes'>,
): Promise<EffectiveAccess> {
  if (!scopes.includes('*')) {
    const keys = await listPermissionKeys(tx);
    return accountWideAccess(
      scopes.filter((it) => keys.includes(it)),
      context.endsAt,
    );
  }
  if (userId === context.userId) return context;
  const member = await findMember(tx, context.account.id, userId);
  if (!member) throw new Problem('not-found');
  return findEffectiveAccess(tx, context, member);
}

/** The expiry of a key with the same lifetime as the key it replaces. */
function renewedExpiry({ createdAt, expiresAt }: AccountKeyRow, now: Date): Date | null {
  return expiresAt === null ? null : new Date(now.getTime() + expiresAt.getTime() - createdAt.getTime());
}

function newRow(
  context: AccountContext,
  { name, scopes }: Pick<NewAccountKey, 'name' | 'scopes'>,
  { madeBy, expiresAt }: Pick<AccountKeyRow, 'madeBy' | 'expiresAt'>,
): Omit<AccountKeyRow, 'hash'> {
  return {
    accountId: context.account.id,
    userId: context.userId,
    ...newKeyDefaults,
    id: newId('key'),
    name,
    scopes: [...scopes].sort(),
    madeBy,
    expiresAt,
    createdAt: context.now,
  };
}

/** @param name the name of the member that the key acts as. */
async function insertKey(tx: Tx, name: string, row: Omit<AccountKeyRow, 'hash'>) {
  const { id, accountId, userId } = row;
  const { text, hash } = newApiKeySecret({ kind: 'account', id, accountId, userId });
  const key = { ...row, hash };
  await insertAccountKey(tx, key);
  return { ...toAccountKeyView({ key, member: { id: userId, name } }, row.createdAt), secret: text };
}
