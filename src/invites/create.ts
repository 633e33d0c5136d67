import { type AccountContext, enterAccount, queueClientOf } from '../accounts/enter.ts';
import { requireActiveUser } from '../accounts/platform-entry.ts';
import { lockCallingKey } from '../accounts/store.ts';
import type { Caller } from '../credentials/caller.ts';
import type { Tx } from '../database/database.ts';
import { inLockQueue } from '../database/lock-queue.ts';
import { transaction } from '../database/transaction.ts';
import { type AccountId, newId } from '../ids/ids.ts';
import { lockMembership } from '../memberships/store.ts';
import { type Access, toAccess } from '../permissions/access.ts';
import { resolveRequestedAccess } from '../permissions/resolve-access.ts';
import { requireGrantable, requirePermission } from '../permissions/rules.ts';
import { invalidField, Problem } from '../problems/problem.ts';
import type { Service } from '../service.ts';
import { requireCanonicalEmail } from '../text/email-address.ts';
import { type InviteMessages, insertInvite, markExpired, type NewInviteRow } from './create-store.ts';
import { inviteExpiryFrom, newInviteMessages } from './lifetime.ts';
import { countSending, pendingBefore } from './limits.ts';
import { requireNoObstacle } from './obstacles.ts';
import { requireOwnershipGrantable } from './rules.ts';
import type { NewInvite } from './schemas.ts';
import type { InviteRow } from './store.ts';
import { toInviteView } from './view.ts';

/**
 * Creates an invite and enqueues its mail, without locking the account: any number of people can
 * invite at once. The index decides between two invites for one address, and the accept checks the
 * inviter again.
 * @throws permission-missing, user-disabled, cannot-grant, invite-already-pending naming the
 * pending one, already-member, opted-out, address-undeliverable, too-many-pending-invites,
 * too-many-requests, invalid-request.
 */
export async function createInvite(service: Service, caller: Caller, accountId: AccountId, body: NewInvite) {
  const { db } = service;
  const email = requireCanonicalEmail(body.email, '/email');
  const access = toAccess(body.access);
  const context = await enterAccount(db, caller, accountId);
  requirePermission(context, 'invites:manage');
  requireActiveUser(context);
  requireOwnershipGrantable(context, { ownership: body.ownership ?? false });
  if (body.ownership && !isPlain(access)) throw invalidField('/access', 'must be all permissions, for an owner');
  requireGrantable(context, await resolveRequestedAccess(db, accountId, access, caller));
  const row = newRow(context, email, access, body);
  const mails = newInviteMessages(context.account, context.now, row.expiresAt);
  return countSending(service, { accountId, userId: context.userId, email }, caller.now, async () => {
    const created = await insertInvite(db, row, mails, pendingBefore(service));
    return shown(context, created ?? (await insertAfterExpired(service, caller, row, mails)));
  });
}

/**
 * The invite by which the platform asks someone to own an account that it has just made in the same
 * transaction, so that nothing can stand in its way.
 */
export async function inviteOwner(
  tx: Tx,
  context: AccountContext,
  email: string,
  words: Pick<NewInvite, 'message' | 'locale'>,
) {
  const body = { email, access: { allPermissions: true } as const, ownership: true, ...words };
  const row = newRow(context, email, toAccess(body.access), body);
  const created = await insertInvite(tx, row, newInviteMessages(context.account, context.now, row.expiresAt), null);
  if (!created) throw new Problem('unavailable');
  return shown(context, created);
}

const shown = ({ userId, name, now }: AccountContext, invite: InviteRow) =>
  toInviteView({ invite, inviter: { id: userId, name }, sendingStopped: false }, now);

/** Whether it is all permissions, without an end. */
const isPlain = ({ allPermissions, endsAt }: Access) => allPermissions && endsAt === null;

function newRow(context: AccountContext, email: string, access: Access, body: NewInvite): NewInviteRow {
  const lifetimeDays = body.expiresInDays ?? context.account.inviteLifetimeDays;
  return {
    accountId: context.account.id,
    id: newId('inv'),
    email,
    ...access,
    ownership: body.ownership ?? false,
    message: body.message ?? null,
    locale: body.locale ?? null,
    invitedBy: context.userId,
    invitedByKey: context.keyId,
    createdAt: context.now,
    lifetimeDays,
    expiresAt: inviteExpiryFrom(context.now, lifetimeDays, access.endsAt),
  };
}

/** How often a cause is looked for: it may go away between the insert and the look. */
const looks = 3;

/** Creates an invite whose address an expired one had. @throws the obstacle, if there is another. */
function insertAfterExpired(
  service: Service,
  caller: Caller,
  row: NewInviteRow,
  mails: InviteMessages,
): Promise<InviteRow> {
  const { accountId, email } = row;
  const work = async (tx: Tx) => {
    await lockMembership(tx, accountId, row.invitedBy);
    if (caller.apiKey) await lockCallingKey(tx, caller.apiKey);
    for (let look = 0; look < looks; look += 1) {
      await markExpired(tx, accountId, email, caller.now);
      const created = await insertInvite(tx, row, mails, pendingBefore(service));
      if (created) return created;
      // A caller who was removed meanwhile gets the answer of every stranger.
      await enterAccount(tx, caller, accountId);
      await requireNoObstacle(service, tx, row, caller.now);
    }
    throw new Problem('unavailable', 'Others are changing invites for this address at this moment.');
  };
  return inLockQueue(service.db, `${accountId} ${email}`, () => transaction(service.db, work), queueClientOf(caller));
}
