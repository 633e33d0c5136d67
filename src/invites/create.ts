import { type Acting, enterAccount, queueClientOf } from '../accounts/enter.ts';
import { requireActiveName } from '../accounts/platform.ts';
import type { Tx } from '../database/database.ts';
import { inLockQueue } from '../database/lock-queue.ts';
import { requireDeliverable } from '../deliveries/deliverable.ts';
import { requireCanonicalEmail } from '../email-address.ts';
import { type AccountId, newId } from '../ids.ts';
import { holdKey } from '../keys/store.ts';
import { lockMembership } from '../memberships/store.ts';
import { type Access, accessOf } from '../permissions/access.ts';
import { requireEffect } from '../permissions/given.ts';
import { requireGrantable, requirePermission } from '../permissions/rules.ts';
import { invalidField, Problem } from '../problems.ts';
import type { Caller, Service } from '../service.ts';
import { inviteOf } from './invite.ts';
import { expiryOf, mailsOf } from './lifetime.ts';
import { countSending, pendingBefore, requireNoOptOut, requireRoom } from './limits.ts';
import { requireOwnershipGrantable } from './rules.ts';
import type { NewInvite } from './schemas.ts';
import { findPendingId, insertInvite, isMember, markExpired, type NewInviteRow } from './sending-store.ts';

/**
 * Creates an invite and enqueues its mail, in one statement and without locking the account. So any
 * number of people can invite at once; the index decides between two invites for one address, and
 * the accept checks the inviter again.
 * @throws permission-missing, user-disabled, cannot-grant, invite-already-pending naming the
 * pending one, already-member, opted-out, address-undeliverable, too-many-pending-invites,
 * too-many-requests, invalid-request.
 */
export async function createInvite(service: Service, caller: Caller, accountId: AccountId, body: NewInvite) {
  const { db } = service;
  const email = requireCanonicalEmail(body.email, '/email');
  const ownership = body.ownership ?? false;
  const access = accessOf(body.access);
  // Read beside the door, and looked at after it.
  const effect = requireEffect(db, accountId, access, caller);
  effect.catch(() => {});
  const acting = await enterAccount(db, caller, accountId);
  requirePermission(acting, 'invites:manage');
  requireActiveName(acting);
  requireOwnershipGrantable(acting, { ownership });
  if (ownership && !isPlain(access)) throw invalidField('/access', 'must be all permissions, for an owner');
  requireGrantable(acting, await effect);
  const row = { ...newRow(acting, email, access, body), pendingBefore: pendingBefore(service) };
  await countSending(service, { accountId, userId: acting.userId, email }, caller.now, async () => {
    if (!(await insertInvite(db, row))) await insertAfterExpired(service, caller, row);
  });
  return madeOf(acting, row);
}

/**
 * The invite by which the platform asks someone to own an account that it has just made in the same transaction, and so in whose way
 * nothing can stand.
 */
export async function inviteOwner(tx: Tx, acting: Acting, email: string, words: Pick<NewInvite, 'message' | 'locale'>) {
  const body = { email, access: { allPermissions: true } as const, ownership: true, ...words };
  const row = { ...newRow(acting, email, accessOf(body.access), body), pendingBefore: null };
  if (!(await insertInvite(tx, row))) throw new Problem('unavailable');
  return madeOf(acting, row);
}

/** An invite that was just made, as the API shows it. */
function madeOf(acting: Acting, row: NewInviteRow) {
  const { access } = row;
  const invite = { ...row, ...access, ...fresh, deliveryAt: row.createdAt };
  const inviter = { id: acting.userId, name: acting.name };
  return inviteOf({ invite, inviter, sendingStopped: false }, acting.now);
}

/** Whether it is all permissions, without an end. */
const isPlain = ({ allPermissions, endsAt }: Access) => allPermissions && endsAt === null;

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
  const expiresAt = expiryOf(acting.now, lifetimeDays, access.endsAt);
  return {
    accountId: acting.account.id,
    id: newId('inv'),
    email,
    access,
    ownership: body.ownership ?? false,
    message: body.message ?? null,
    locale: body.locale ?? null,
    invitedBy: acting.userId,
    invitedByKey: acting.keyId,
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
  const work = async (tx: Tx) => {
    await lockMembership(tx, accountId, row.invitedBy);
    if (caller.key) await holdKey(tx, caller.key);
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
  };
  const inTransaction = () => service.db.transaction(work);
  return inLockQueue(service.db, `${accountId} ${email}`, inTransaction, queueClientOf(caller));
}
