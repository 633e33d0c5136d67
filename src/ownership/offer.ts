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
 * Offers ownership to a member and informs them by mail. The owner stays the owner until the
 * member accepts. Replaces an earlier offer.
 * @returns the offer, as the API shows it.
 * @throws cannot-grant unless the caller is the owner, not-found if the user is not a member,
 * member-suspended if the member is not active, invalid-request if they are already the owner,
 * too-many-requests.
 */
export async function offerOwnership(
  { db, limiter }: Service,
  caller: Caller,
  accountId: AccountId,
  { userId }: OwnershipOffer,
) {
  requireOwner(await enterAccount(db, caller, accountId));
  const attempts = [accountId, caller.userId].map((by) => ({
    limit: 'ownership.pair' as const,
    of: `${by} ${userId}`,
  }));
  return limiter.countIfDone(attempts, caller.now, () => offer(db, caller, accountId, userId));
}

const requireCallerIsOwner = (_: Db, context: AccountContext) => requireOwner(context);

function offer(db: Db, caller: Caller, accountId: AccountId, userId: UserId) {
  return changeAccount(db, caller, accountId, requireCallerIsOwner, async (tx) => {
    if (userId === caller.userId) throw invalidField('/userId', 'is already the owner');
    const member = await findMember(tx, accountId, userId);
    if (!member) throw new Problem('not-found', 'This user is not a member of the account.');
    if (!(await isActiveMember(tx, accountId, userId, caller.now))) throw new Problem('member-suspended');
    await upsertTransfer(tx, accountId, userId, caller.now);
    await enqueue(tx, { id: newId('dlv'), kind: 'ownership-offered', accountId, userId }, caller.now);
    return { user: member.user, offeredAt: caller.now };
  });
}
