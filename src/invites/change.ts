import { type Acting, enterAccount } from '../accounts/enter.ts';
import type { Tx } from '../database/database.ts';
import { isDuplicate } from '../database/errors.ts';
import { type AccountId, type InviteId, newId } from '../ids.ts';
import { accessOf } from '../permissions/access.ts';
import { requireGrantable, requireInCatalogue, requirePermission } from '../permissions/rules.ts';
import { Problem } from '../problems.ts';
import type { Caller, Service } from '../service.ts';
import { inviteOf } from './invite.ts';
import { expiryOf } from './lifetime.ts';
import { requirePending, requireUndecided } from './rules.ts';
import type { InviteChanges } from './schemas.ts';
import { findInvite, findPendingId, type InviteRow, isMember, lockInvite, promiseMail, updateInvite } from './store.ts';

/**
 * Changes what a pending invite gives or says, without a new mail. Whoever changes its access vouches for it from then on.
 * @throws permission-missing, not-found, cannot-grant, and the problem that names why it is not pending.
 */
export async function changeInvite(
  service: Service,
  caller: Caller,
  accountId: AccountId,
  inviteId: InviteId,
  { access, message }: InviteChanges,
) {
  const given = access === undefined ? undefined : accessOf(access);
  if (given) requireInCatalogue(service.catalogue, given);
  return manageInvite(service, caller, accountId, inviteId, async (tx, acting, invite) => {
    requirePending(invite, caller.now);
    if (given) requireGrantable(acting, given);
    return updateInvite(tx, invite, {
      ...(given === undefined ? {} : { ...given, invitedBy: caller.userId }),
      ...(message === undefined ? {} : { message }),
    });
  });
}

/**
 * Sends an invite again, an expired one too: a new link, a new lifetime, the old link dead. Who sends it vouches for it.
 * @throws permission-missing, not-found, cannot-grant where it gives more than the caller holds, already-member,
 * invite-already-pending where a later invite holds the address, and the problem that names why it was decided.
 */
export async function resendInvite(service: Service, caller: Caller, accountId: AccountId, inviteId: InviteId) {
  return manageInvite(service, caller, accountId, inviteId, async (tx, acting, invite) => {
    requireUndecided(invite);
    requireGrantable(acting, invite);
    if (await isMember(tx, accountId, invite.email)) throw new Problem('already-member');
    const holder = await findPendingId(tx, accountId, invite.email);
    if (holder !== undefined && holder !== inviteId) throw alreadyPending(holder);
    const sent = await updateInvite(tx, invite, {
      status: 'pending',
      sendings: invite.sendings + 1,
      expiresAt: expiryOf(caller.now, acting.account.inviteLifetimeDays),
      invitedBy: caller.userId,
    });
    await promiseMail(tx, newId('dlv'), sent, caller.now);
    return sent;
  }).catch((error) => {
    throw isDuplicate(error, 'invites_one_pending') ? alreadyPending() : error;
  });
}

const alreadyPending = (inviteId?: InviteId) =>
  new Problem('invite-already-pending', undefined, inviteId === undefined ? {} : { inviteId });

/** Takes an invite back. @throws permission-missing, not-found, and the problem that names why it was decided already. */
export async function revokeInvite(service: Service, caller: Caller, accountId: AccountId, inviteId: InviteId) {
  return manageInvite(service, caller, accountId, inviteId, (tx, _, invite) => {
    requireUndecided(invite);
    return updateInvite(tx, invite, { status: 'revoked', decidedAt: caller.now });
  });
}

/** What every change of an invite by its account shares: enter, hold the invite, change it, show it. */
function manageInvite(
  { db }: Service,
  caller: Caller,
  accountId: AccountId,
  inviteId: InviteId,
  change: (tx: Tx, acting: Acting, invite: InviteRow) => Promise<InviteRow>,
) {
  return db.transaction(async (tx) => {
    const acting = await enterAccount(tx, caller, accountId);
    requirePermission(acting, 'invites:manage');
    const invite = await lockInvite(tx, accountId, inviteId);
    if (!invite) throw new Problem('not-found');
    await change(tx, acting, invite);
    const changed = await findInvite(tx, accountId, inviteId);
    if (!changed) throw new Problem('not-found');
    return inviteOf(changed.invite, changed.inviter, caller.now);
  });
}
