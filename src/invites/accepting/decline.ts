import type { Caller } from '../../credentials/caller.ts';
import type { Tx } from '../../database/database.ts';
import { inLockQueue } from '../../database/lock-queue.ts';
import { transaction } from '../../database/transaction.ts';
import type { AccountId, InviteId } from '../../ids/ids.ts';
import { Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { lockCaller, requireUser } from '../../users/sessions/session.ts';
import { findAccountOfInvite, lockAccountAndInvite } from '../invitee-store.ts';
import { type InviteRow, updateInvite } from '../store.ts';
import { type OpenedLink, requireLink, requireLive } from './open-link.ts';

/** Says no, by the link. @throws invite-token-invalid, and the problems that name why the link is dead. */
export async function declineInvite(service: Service, { token }: { token: string }, now: Date) {
  const link = await requireLink(service, token, now);
  return decline(service, link, { link, now });
}

/** The same for a caller whose verified address it is, by its id. @throws not-found where there is none for them. */
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
      const held = await lockAccountAndInvite(tx, accountId, inviteId);
      if (!held) throw new Problem('invite-token-invalid');
      if ('link' in by) requireLive(held.invite, by.link, by.now);
      else await requireStillTheirs(tx, by, held.invite);
      await updateInvite(tx, held.invite, { status: 'declined', decidedAt: by.now });
      return { account: held.account, status: 'declined' as const };
    });
  return inLockQueue(db, accountId, work);
}

/**
 * Checks the caller again, who may have been disabled or changed their address since.
 * @throws unauthenticated, not-found, and the problem of an invite that is not pending.
 */
async function requireStillTheirs(tx: Tx, caller: Caller, invite: InviteRow): Promise<void> {
  const { email } = await lockCaller(tx, caller);
  if (invite.email !== email) throw new Problem('not-found');
  requireLive(invite, undefined, caller.now);
}
