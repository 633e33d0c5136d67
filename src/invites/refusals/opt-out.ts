import type { Caller } from '../../credentials/caller.ts';
import type { Tx } from '../../database/database.ts';
import { inLockQueue } from '../../database/lock-queue.ts';
import { transaction } from '../../database/transaction.ts';
import type { AccountId } from '../../ids/ids.ts';
import { Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { lockCaller, requireUser } from '../../users/sessions/session.ts';
import { lockAccountAndInvite } from '../invitee-store.ts';
import { deleteOptOut, insertOptOut } from '../opt-out-store.ts';
import { statusAt } from '../status.ts';
import { updateInvite } from '../store.ts';
import { verifyOptOutToken } from '../token.ts';

/**
 * Takes someone at their word who asks not to be invited to an account again: keeps that, and declines the invite of the link
 * where it is still pending. Any mail of any invite of theirs will do, an old one too; doing it again changes nothing.
 * @throws opt-out-token-invalid.
 */
export async function optOut({ db, ...service }: Service, { token }: { token: string }, now: Date) {
  const link = await verifyOptOutToken(service, token, now);
  if (!link) throw new Problem('opt-out-token-invalid');
  const work = () =>
    transaction(db, async (tx) => {
      const held = await lockAccountAndInvite(tx, link.accountId, link.inviteId);
      if (!held) throw new Problem('opt-out-token-invalid');
      await refuseFurther(tx, held, now);
      return { account: held.account, email: held.invite.email };
    });
  return inLockQueue(db, link.accountId, work);
}

/** Keeps that the address of an invite wants no more of them, and declines it where it is pending. Both are held. */
export async function refuseFurther(
  tx: Tx,
  { account, invite }: NonNullable<Awaited<ReturnType<typeof lockAccountAndInvite>>>,
  now: Date,
): Promise<void> {
  await insertOptOut(tx, account.id, invite.email, now);
  if (statusAt(invite, now) === 'pending') await updateInvite(tx, invite, { status: 'declined', decidedAt: now });
}

/** Takes it back, for the caller's own address. @throws not-found where there is nothing to take back. */
export async function optIn({ db }: Service, caller: Caller, accountId: AccountId): Promise<void> {
  await requireUser(db, caller);
  await transaction(db, async (tx) => {
    const { email } = await lockCaller(tx, caller);
    if (!(await deleteOptOut(tx, accountId, email))) throw new Problem('not-found');
  });
}
