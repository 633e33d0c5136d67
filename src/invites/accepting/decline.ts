import type { Caller } from '../../credentials/caller.ts';
import type { Tx } from '../../database/database.ts';
import { inLockQueue } from '../../database/lock-queue.ts';
import { transaction } from '../../database/transaction.ts';
import type { AccountId, InviteId } from '../../ids/ids.ts';
import { Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { lockCaller, requireUser } from '../../users/require-user.ts';
import { findAccountOfInvite, lockAccountAndInvite } from '../invitee-store.ts';
import { type InviteRow, updateInvite } from '../store.ts';
import { type OpenedLink, requireLink, requireLive } from './open-link.ts';

/**
 * Declines an invite by its link.
 * @throws invite-token-invalid, the problems of `requireLive`, too-many-requests.
 */
export async function declineInvite(service: Service, { token }: { token: string }, now: Date) {
  const link = await requireLink(service, token, now);
  return decline(service, link, { link, now });
}

/**
 * Declines an invite for the caller's verified address, by its id.
 * @throws unauthenticated, not-found if there is no such invite for the address, and the problems
 * of `requireLive`.
 */
export async function declineMyInvite(service: Service, caller: Caller, inviteId: InviteId) {
  const user = await requireUser(service.db, caller);
  const accountId = await findAccountOfInvite(service.db, inviteId, user.email);
  if (accountId === undefined) throw new Problem('not-found');
  return decline(service, { accountId, inviteId }, caller);
}

function decline(
  { db }: Service,
  { accountId, inviteId }: { accountId: AccountId; inviteId: InviteId },
  by: Caller | { link: OpenedLink; now: Date },
) {
  const work = () =>
    transaction(db, async (tx) => {
      const locked = await lockAccountAndInvite(tx, accountId, inviteId);
      if (!locked) throw new Problem('invite-token-invalid');
      if ('link' in by) requireLive(locked.invite, by.link, by.now);
      else await requireInvitee(tx, by, locked.invite);
      await updateInvite(tx, locked.invite, { status: 'declined', decidedAt: by.now });
      return { account: locked.account, status: 'declined' as const };
    });
  return inLockQueue(db, accountId, work);
}

/**
 * Locks the caller and checks them again: they may have been disabled or changed their address
 * meanwhile.
 * @throws unauthenticated, not-found, and the problems of `requireLive`.
 */
async function requireInvitee(tx: Tx, caller: Caller, invite: InviteRow): Promise<void> {
  const { email } = await lockCaller(tx, caller);
  if (invite.email !== email) throw new Problem('not-found');
  requireLive(invite, undefined, caller.now);
}
