import { type Acting, enterAccount } from '../accounts/enter.ts';
import { requireDeliverable } from '../deliveries/deliverable.ts';
import { requireCanonicalEmail } from '../email-address.ts';
import { type AccountId, newId } from '../ids.ts';
import { accessOf } from '../permissions/access.ts';
import { requireGrantable, requireInCatalogue, requirePermission } from '../permissions/rules.ts';
import { Problem } from '../problems.ts';
import type { Caller, Service } from '../service.ts';
import { inviteOf } from './invite.ts';
import { expiryOf, mailsOf } from './lifetime.ts';
import { countSending, pendingBefore, requireNoOptOut, requireRoom } from './limits.ts';
import type { NewInvite } from './schemas.ts';
import { findPendingId, insertInvite, isMember, markExpired, type NewInviteRow } from './sending-store.ts';
import { holdMembership } from './store.ts';

/**
 * Asks someone in: keeps the invite and promises its mail, in one statement, without holding the account. So any number of
 * people can invite at once; the index decides between two invites for one address, and the accept checks the inviter again.
 * @throws permission-missing, cannot-grant, invite-already-pending naming the pending one, already-member, opted-out, address-undeliverable,
 * too-many-pending-invites, too-many-requests, invalid-request.
 */
export async function createInvite(service: Service, caller: Caller, accountId: AccountId, body: NewInvite) {
  const { db, catalogue } = service;
  const email = requireCanonicalEmail(body.email, '/email');
  const access = accessOf(body.access);
  requireInCatalogue(catalogue, access);
  const acting = await enterAccount(db, caller, accountId);
  requirePermission(acting, 'invites:manage');
  requireGrantable(acting, access);
  await countSending(service, { accountId, userId: acting.userId, email }, caller.now);
  const row = { ...newRow(acting, email, access, body), pendingBefore: pendingBefore(service) };
  if (!(await insertInvite(db, row))) await insertAfterExpired(service, caller, row);
  const invite = { ...row, ...access, ...fresh, deliveryAt: row.createdAt };
  const inviter = { id: acting.userId, name: acting.name };
  return inviteOf({ invite, inviter, sendingStopped: false }, caller.now);
}

/** What the database writes beside the row that was given. */
const fresh = {
  status: 'pending' as const,
  sendings: 1,
  lastSentAt: null,
  lastAttemptAt: null,
  lastAttemptReason: null,
  deliveryEvent: 'queued' as const,
  deliveryReason: null,
  deliveryAttempts: 0,
  decidedAt: null,
};

function newRow(
  acting: Acting,
  email: string,
  access: NewInviteRow['access'],
  body: NewInvite,
): Omit<NewInviteRow, 'pendingBefore'> {
  const lifetimeDays = body.expiresInDays ?? acting.account.inviteLifetimeDays;
  const expiresAt = expiryOf(acting.now, lifetimeDays);
  return {
    accountId: acting.account.id,
    id: newId('inv'),
    email,
    access,
    message: body.message ?? null,
    locale: body.locale ?? null,
    invitedBy: acting.userId,
    createdAt: acting.now,
    lifetimeDays,
    expiresAt,
    promised: mailsOf(acting.account, acting.now, expiresAt),
  };
}

/** How often it is looked for what stands against an invite: it may go away between the insert and the look. */
const looks = 3;

/** The rare way: something stood against the invite. An expired one gives way; anything else is the answer. */
function insertAfterExpired(service: Service, caller: Caller, row: NewInviteRow): Promise<void> {
  const { accountId, email } = row;
  return service.db.transaction(async (tx) => {
    await holdMembership(tx, accountId, caller.userId);
    for (let look = 0; look < looks; look += 1) {
      await markExpired(tx, accountId, email, caller.now);
      if (await insertInvite(tx, row)) return;
      // Whoever was removed while this was under way is told what everyone outside is told.
      await enterAccount(tx, caller, accountId);
      if (await isMember(tx, accountId, email)) throw new Problem('already-member');
      const inviteId = await findPendingId(tx, accountId, email);
      if (inviteId !== undefined) throw new Problem('invite-already-pending', undefined, { inviteId });
      await requireNoOptOut(tx, accountId, email);
      await requireDeliverable(tx, accountId, email);
      await requireRoom(service, tx, accountId, caller.now);
    }
    throw new Problem('unavailable', 'Others are changing invites for this address at this moment.');
  });
}
