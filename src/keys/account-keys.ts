import { type Acting, changeAccount } from '../accounts/enter.ts';
import type { Tx } from '../database/database.ts';
import { type AccountId, type KeyId, newId, platformUserId } from '../ids.ts';
import { effectiveAccessOf } from '../memberships/manage.ts';
import { findMember } from '../memberships/store.ts';
import { type EffectiveAccess, effective } from '../permissions/access.ts';
import { inCatalogue, requireAll } from '../permissions/given.ts';
import { requireGrantable, requireNotAbove, requirePermission } from '../permissions/rules.ts';
import { listKeys } from '../permissions/store.ts';
import { Problem } from '../problems.ts';
import type { Caller, Service } from '../service.ts';
import { newKeyText } from '../tokens/key-text.ts';
import { tellMade } from './audit.ts';
import { accountKeyOf, unused } from './key.ts';
import { endOfNewKey, endOfReplaced, requireAhead, requireGoing } from './rules.ts';
import type { KeyRotation, NewAccountKey } from './schemas.ts';
import { type AccountKeyRow, findAccountKey, insertAccountKey, markReplaced, markRevoked } from './store.ts';

/**
 * Makes a key that acts as the caller within its scopes. With a key, another one can be made that may do no more, and that ends
 * with it.
 * @throws permission-missing, cannot-grant, user-required where no member stands behind it, invalid-request.
 */
export function createAccountKey({ db }: Service, caller: Caller, accountId: AccountId, asked: NewAccountKey) {
  const end = requireAhead(asked.expiresAt, caller.now);
  const making = changeAccount(db, caller, accountId, async (tx, acting) => {
    requirePermission(acting, 'keys:manage');
    if (acting.userId === platformUserId)
      throw new Problem('user-required', 'The platform keeps this account: use its own key.');
    const maker = await findMaker(tx, caller, accountId);
    requireWithinMaker(asked.scopes, maker?.scopes);
    requireGrantable(acting, await reachOf(tx, acting, { userId: acting.userId, scopes: asked.scopes }));
    const ends = { madeBy: maker?.id ?? null, expiresAt: endOfNewKey(end, maker?.expiresAt ?? null) };
    const row = newRow(acting, asked, ends);
    return keep(tx, acting.name, row);
  });
  return tellMade(caller, making, { accountId });
}

/**
 * Makes a key in the place of another, with the same name and scopes, and as the same member. The old one goes on for a while.
 * @throws permission-missing, not-found, cannot-grant where its scopes exceed what the caller holds, or its member holds more,
 * key-ended.
 */
export function rotateAccountKey(
  { db }: Service,
  caller: Caller,
  accountId: AccountId,
  keyId: KeyId,
  { overlapSeconds }: KeyRotation,
) {
  const making = changeAccount(db, caller, accountId, async (tx, acting) => {
    const { key, maker } = await requireManageableKey(tx, caller, acting, keyId);
    requireGoing(key, caller.now);
    if (key.userId !== acting.userId)
      throw new Problem('cannot-grant', 'A key is rotated by the member as whom it acts.');
    requireGrantable(acting, await reachOf(tx, acting, key));
    const isRenewed = acting.isPerson && key.madeBy === null;
    const row = newRow(acting, key, {
      madeBy: key.madeBy,
      expiresAt: isRenewed ? renewed(key, caller.now) : key.expiresAt,
    });
    await markReplaced(tx, accountId, keyId, { by: row.id, expiresAt: endOfReplaced(key, overlapSeconds, caller.now) });
    return keep(tx, maker.name, row);
  });
  return tellMade(caller, making, { accountId });
}

/** Revokes a key, and every key that was made with it, at once. Again: the same. @throws permission-missing, not-found, cannot-grant. */
export async function revokeAccountKey(
  { db }: Service,
  caller: Caller,
  accountId: AccountId,
  keyId: KeyId,
): Promise<void> {
  await changeAccount(db, caller, accountId, async (tx, acting) => {
    await requireManageableKey(tx, caller, acting, keyId);
    await markRevoked(tx, accountId, keyId, caller.now);
  });
  caller.audit('key_revoked', { accountId, keyId });
}

/** A key that the caller may end: nobody ends one that may do more than they may, nor does a key of the same member. */
async function requireManageableKey(tx: Tx, caller: Caller, acting: Acting, keyId: KeyId) {
  requirePermission(acting, 'keys:manage');
  const found = await findAccountKey(tx, acting.account.id, keyId);
  if (!found) throw new Problem('not-found');
  const isOwn = acting.isPerson && found.key.userId === acting.userId;
  if (isOwn) return found;
  requireWithinMaker(found.key.scopes, (await findMaker(tx, caller, acting.account.id))?.scopes);
  requireNotAbove(acting, await reachOf(tx, acting, found.key));
  return found;
}

/** What a key comes to at the most: its scopes, or, with `*`, everything that its member may do. */
async function reachOf(
  tx: Tx,
  acting: Acting,
  { userId, scopes }: Pick<AccountKeyRow, 'userId' | 'scopes'>,
): Promise<EffectiveAccess> {
  if (!scopes.includes('*')) {
    requireAll(scopes, await listKeys(tx), '/scopes', inCatalogue);
    return effective(scopes, acting.endsAt);
  }
  if (userId === acting.userId) return acting;
  const member = await findMember(tx, acting.account.id, userId);
  if (!member) throw new Problem('not-found');
  return effectiveAccessOf(tx, acting, member);
}

/** With a key that has scopes no key for everything is made: its member may be able to do more, now or later. @throws cannot-grant. */
function requireWithinMaker(scopes: readonly string[], ofMaker: readonly string[] | undefined): void {
  if (scopes.includes('*') && ofMaker && !ofMaker.includes('*')) {
    throw new Problem('cannot-grant', 'This key has scopes, and makes none without.', { missing: ['*'] });
  }
}

/** The end of a key that takes the place of another: as long after now as the other's was after it was made. */
function renewed({ createdAt, expiresAt }: AccountKeyRow, now: Date): Date | null {
  return expiresAt === null ? null : new Date(now.getTime() + expiresAt.getTime() - createdAt.getTime());
}

/** The key that is calling, where one is. */
async function findMaker(tx: Tx, caller: Caller, accountId: AccountId): Promise<AccountKeyRow | undefined> {
  if (caller.key?.kind !== 'account') return undefined;
  return (await findAccountKey(tx, accountId, caller.key.id))?.key;
}

function newRow(
  acting: Acting,
  { name, scopes }: Pick<NewAccountKey, 'name' | 'scopes'>,
  { madeBy, expiresAt }: Pick<AccountKeyRow, 'madeBy' | 'expiresAt'>,
): Omit<AccountKeyRow, 'hash'> {
  const whose = { accountId: acting.account.id, userId: acting.userId };
  return {
    ...whose,
    ...unused,
    id: newId('key'),
    name,
    scopes: [...scopes].sort(),
    madeBy,
    expiresAt,
    createdAt: acting.now,
  };
}

async function keep(tx: Tx, name: string, row: Omit<AccountKeyRow, 'hash'>) {
  const { id, accountId, userId } = row;
  const { text, hash } = newKeyText({ kind: 'account', id, accountId, userId });
  const key = { ...row, hash };
  await insertAccountKey(tx, key);
  return { ...accountKeyOf({ key, maker: { id: userId, name } }, row.createdAt), secret: text };
}
