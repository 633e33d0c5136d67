import { type AccountContext, changeAccount, enterAccount } from '../accounts/enter.ts';
import { isActiveMember } from '../accounts/store.ts';
import type { Caller } from '../credentials/caller.ts';
import type { Db } from '../database/database.ts';
import { type AccountId, newId, type UserId } from '../ids/ids.ts';
import { enqueue } from '../mail/outbox/enqueue.ts';
import { findMember } from '../memberships/store.ts';
import { invalidField, Problem } from '../problems/problem.ts';
import type { Service } from '../service.ts';
import { requireOwner } from './rules.ts';
import type { OwnershipOffer } from './schemas.ts';
import { upsertTransfer } from './store.ts';

/**
 * Offers the ownership to a member, who is told by mail. Nothing moves until they accept; an
 * earlier offer is replaced.
 * @throws cannot-grant for anyone but the owner, not-found for someone who is not a member,
 * member-suspended for one who is not active, too-many-requests.
 */
export async function offerOwnership(
  { db, limiter }: Service,
  caller: Caller,
  accountId: AccountId,
  { userId }: OwnershipOffer,
) {
  requireOwner(await enterAccount(db, caller, accountId));
  const tries = [accountId, caller.userId].map((by) => ({ limit: 'ownership.pair' as const, of: `${by} ${userId}` }));
  return limiter.counting(tries, caller.now, () => offer(db, caller, accountId, userId));
}

const isOwner = (_: Db, context: AccountContext) => requireOwner(context);

function offer(db: Db, caller: Caller, accountId: AccountId, userId: UserId) {
  return changeAccount(db, caller, accountId, isOwner, async (tx) => {
    if (userId === caller.userId) throw invalidField('/userId', 'is the owner already');
    const member = await findMember(tx, accountId, userId);
    if (!member) throw new Problem('not-found', 'This person is no member of the account.');
    if (!(await isActiveMember(tx, accountId, userId, caller.now))) throw new Problem('member-suspended');
    await upsertTransfer(tx, accountId, userId, caller.now);
    await enqueue(tx, { id: newId('dlv'), kind: 'ownership-offered', accountId, userId }, caller.now);
    return { user: member.user, offeredAt: caller.now };
  });
}
