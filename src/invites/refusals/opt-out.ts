import type { Caller } from '../../credentials/caller.ts';
import type { Tx } from '../../database/database.ts';
import { inLockQueue } from '../../database/lock-queue.ts';
import { transaction } from '../../database/transaction.ts';
import type { AccountId } from '../../ids/ids.ts';
import { Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { lockCaller, requireUser } from '../../users/require-user.ts';
import { lockAccountAndInvite } from '../invitee-store.ts';
import { deleteOptOut, insertOptOut } from '../opt-out-store.ts';
import { statusAt } from '../status.ts';
import { updateInvite } from '../store.ts';
import { verifyOptOutToken } from '../token.ts';

/**
 * Records that an invitee opted out of invites from an account, and declines the invite if it is
 * pending. Works with the link from any mail of any invite to the address, for two years.
 * Idempotent.
 * @throws opt-out-token-invalid.
 */
export async function optOut({ db, ...service }: Service, { token }: { token: string }, now: Date) {
  const link = await verifyOptOutToken(service, token, now);
  if (!link) throw new Problem('opt-out-token-invalid');
  const work = () =>
    transaction(db, async (tx) => {
      const locked = await lockAccountAndInvite(tx, link.accountId, link.inviteId);
      if (!locked) throw new Problem('opt-out-token-invalid');
      await optOutAddress(tx, locked, now);
      return { account: locked.account, email: locked.invite.email };
    });
  return inLockQueue(db, link.accountId, work);
}

/**
 * Opts the address of an invite out of invites from its account, and declines the invite if it is
 * pending. The caller has locked both rows.
 */
export async function optOutAddress(
  tx: Tx,
  { account, invite }: NonNullable<Awaited<ReturnType<typeof lockAccountAndInvite>>>,
  now: Date,
): Promise<void> {
  await insertOptOut(tx, account.id, invite.email, now);
  if (statusAt(invite, now) === 'pending') await updateInvite(tx, invite, { status: 'declined', decidedAt: now });
}

/**
 * Removes the opt-out of the caller's verified address.
 * @throws unauthenticated, not-found if there is no opt-out.
 */
export async function optIn({ db }: Service, caller: Caller, accountId: AccountId): Promise<void> {
  await requireUser(db, caller);
  await transaction(db, async (tx) => {
    const { email } = await lockCaller(tx, caller);
    if (!(await deleteOptOut(tx, accountId, email))) throw new Problem('not-found');
  });
}
